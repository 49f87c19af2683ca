"use strict";
// The server of node_server.py, which starts it with one argument: its configuration in JSON.

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { setTimeout: wait } = require("node:timers/promises");
const { createByteEcho, serveWebSockets, subscribe } = require("./node_streams.js");

const config = JSON.parse(process.argv[2]);

const KIB = 1024;
const LARGEST_KIB = 1024;
const FILE_BYTES = 32 * LARGEST_KIB * KIB; // much larger than one read, so that two seldom read the same place
const BLOCK_BYTES = 4096;
const WASM_PAGE_BYTES = 65536;

class BadParameter extends Error {}
class Failure extends Error {}

function hello() {
  return "Hello, world!\n";
}

function cpu(query) {
  const microseconds = number(query, "us", 100, 10_000_000);
  const start = process.cpuUsage();
  let burnt;
  do {
    burnt = process.cpuUsage(start);
  } while (burnt.user + burnt.system < microseconds);
  return "burnt\n";
}

async function sleep(query) {
  await wait(number(query, "ms", 10, 60_000));
  return "slept\n";
}

// A direct read goes past the page cache, but only to memory that begins at a page. JavaScript cannot say where a buffer
// lies; those of WebAssembly do begin at a page. One serves all reads, as what was read is not looked at.
const pages = Buffer.from(new WebAssembly.Memory({ initial: (LARGEST_KIB * KIB) / WASM_PAGE_BYTES }).buffer);
const fileToRead = path.join(config.folder, "to-read");
let fileIsMade = null;

async function diskRead(query) {
  const bytes = number(query, "kib", 64, LARGEST_KIB) * KIB;
  const start = Math.floor(Math.random() * ((FILE_BYTES - bytes) / BLOCK_BYTES)) * BLOCK_BYTES;
  try {
    await (fileIsMade ??= fs.promises.writeFile(fileToRead, Buffer.alloc(FILE_BYTES, "x")));
    const file = await fs.promises.open(fileToRead, fs.constants.O_RDONLY | fs.constants.O_DIRECT);
    try {
      const { bytesRead } = await file.read(pages, 0, bytes, start);
      return `read ${bytesRead} bytes\n`;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Failure(`cannot read ${fileToRead}: ${error.message}`);
  }
}

let filesWritten = 0;

async function diskWrite(query) {
  const data = Buffer.alloc(number(query, "kib", 64, LARGEST_KIB) * KIB);
  const name = path.join(config.folder, `written-${filesWritten++}`);
  try {
    const file = await fs.promises.open(name, "wx");
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
      await fs.promises.unlink(name);
    }
    return "written\n";
  } catch (error) {
    throw new Failure(`cannot write to ${config.folder}: ${error.message}`);
  }
}

const upstreamAgent = new http.Agent({ keepAlive: true });

async function upstream(query) {
  const target = `/sleep?ms=${number(query, "ms", 10, 60_000)}`;
  if (config.upstream === null) throw new Failure("there is no upstream server: name one with --upstream HOST:PORT");
  const [host, port] = config.upstream;
  let answered;
  try {
    answered = await fetchUpstream({ host, port, path: target, agent: upstreamAgent }, true);
  } catch (error) {
    throw new Failure(`the upstream server at ${host}:${port} did not answer: ${error.message}`);
  }
  if (answered.status !== 200) throw new Failure(`the upstream server answered ${answered.status}`);
  return answered.body;
}

function fetchUpstream(options, mayRepeat) {
  return new Promise((resolve, reject) => {
    const request = http.get(options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
    });
    request.on("error", (error) => {
      // The server may close an idle connection whenever it likes; a GET may be repeated, once, on a fresh one.
      const wasIdle = request.reusedSocket && error.code === "ECONNRESET";
      if (mayRepeat && wasIdle) fetchUpstream({ ...options, agent: false }, false).then(resolve, reject);
      else reject(error);
    });
  });
}

function number(query, name, byDefault, highest) {
  const text = query.getAll(name).at(-1) ?? String(byDefault);
  if (!/^[0-9]+$/.test(text) || Number(text) > highest) {
    throw new BadParameter(`${name} must be a number from 0 to ${highest}`);
  }
  return Number(text);
}

const HANDLERS = new Map([
  ["/", hello],
  ["/hello", hello],
  ["/cpu", cpu],
  ["/sleep", sleep],
  ["/disk-read", diskRead],
  ["/disk-write", diskWrite],
  ["/upstream", upstream],
]);
const ALLOWED_METHODS = ["GET", "HEAD", "POST"];

async function answer(request, response) {
  request.resume(); // a body is read and dropped
  const [route, query] = request.url.split("?", 2);
  const handler = HANDLERS.get(route);
  if (route === "/events") {
    const mistake = request.method === "GET" ? subscribe(new URLSearchParams(query), response) : null;
    if (request.method !== "GET") respond(response, 405, "Method Not Allowed\n", { Allow: "GET" });
    else if (mistake !== null) respond(response, 400, `${mistake}\n`);
  } else if (route === "/echo" && hasWebSockets) {
    const demanded = { Upgrade: "websocket", Connection: "Upgrade, close", "Sec-WebSocket-Version": "13" };
    respond(response, 426, "a WebSocket is at this path\n", demanded);
  } else if (!ALLOWED_METHODS.includes(request.method)) {
    respond(response, 405, "Method Not Allowed\n", { Allow: ALLOWED_METHODS.join(", ") });
  } else if (handler === undefined) {
    respond(response, 404, "Not Found\n");
  } else {
    try {
      respond(response, 200, await handler(new URLSearchParams(query)));
    } catch (error) {
      if (error instanceof BadParameter) respond(response, 400, `${error.message}\n`);
      else if (error instanceof Failure) respond(response, 502, `${error.message}\n`);
      else throw error;
    }
  }
}

function respond(response, status, body, headers) {
  response.sendDate = false;
  const length = Buffer.byteLength(body);
  response.writeHead(status, { "Content-Type": "text/plain", "Content-Length": length, ...headers });
  response.end(body);
}

// Idle connections are part of what is measured, so none is ever closed for being idle.
const server = config.tcpEcho
  ? createByteEcho()
  : http.createServer({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 }, answer);
const hasWebSockets = !config.tcpEcho && serveWebSockets(server, answer, config.pingSeconds);
if (!hasWebSockets) config.capabilities.handlers = config.capabilities.handlers.filter((name) => name !== "echo");

server.on("error", (error) => {
  console.error(
    `node: cannot listen on ${config.host} port ${config.port}: ${error.message}; ` +
      "choose another address, or port 0 for any free one",
  );
  process.exit(2);
});
process.on("exit", () => {
  if (config.folderIsTemporary) fs.rmSync(config.folder, { recursive: true, force: true });
  if (config.perfMapIsWritten) fs.rmSync(`/tmp/perf-${process.pid}.map`, { force: true });
});
for (const termination of ["SIGTERM", "SIGINT"]) process.on(termination, () => process.exit(0));

server.listen({ host: config.host, port: config.port, backlog: config.backlog }, () => {
  const { address, port } = server.address();
  const ready = { address: [address, port], pid: process.pid, capabilities: config.capabilities };
  fs.writeSync(1, process.stdout.isTTY ? toPeople(ready) : `READY ${JSON.stringify(ready)}\n`);
});

// The same words as those of the servers in Python (server.py, `announce`).
function toPeople({ address: [host, port], capabilities }) {
  const paths = capabilities.handlers.map((handler) => `/${handler}`).join(", ");
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (config.tcpEcho) return `node listens at ${where} until Ctrl-C, and sends back every byte.\n`;
  return `node listens at http://${where}/ until Ctrl-C.\nIt answers ${paths}.\n`;
}
