"use strict";
// What Node.js serves besides requests and their answers: WebSockets (with the package ws), streams of events, and bytes.

const http = require("node:http");
const net = require("node:net");
const { performance } = require("node:perf_hooks");

// Where `npm install` in the current directory, `npm install --global` and Debian put packages. NODE_PATH counts anyway.
const PACKAGE_FOLDERS = [process.cwd(), "/usr/local/lib", "/usr/lib"];
const DEBIAN_PACKAGES = "/usr/share/nodejs/";
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024; // as with the servers in Python
const MAX_EVENT_BYTES = 1024 * 1024;
const LONGEST_MS = 60_000;
const UNSENT_BYTES = 64 * 1024;

function findWs() {
  for (const find of [
    () => require.resolve("ws", { paths: PACKAGE_FOLDERS }),
    () => require.resolve(`${DEBIAN_PACKAGES}ws`),
  ]) {
    try {
      return require(find());
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return null;
}

// Sends back each message of the WebSockets at /echo; pings them every so often and ends those that do not answer, if
// `pingSeconds` is not 0 (as the documentation of ws advises). Requests to upgrade at other paths are answered by `answer`.
// Returns whether that is possible: whether ws is installed.
function serveWebSockets(server, answer, pingSeconds) {
  const ws = findWs();
  if (ws === null) return false;
  const webSockets = new ws.WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });

  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (request.url.split("?", 1)[0] !== "/echo") {
      // Node.js has stopped parsing; a server may go on as if it had not been asked to upgrade, for one more answer.
      const response = new http.ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.on("finish", () => socket.end());
      answer(request, response);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (client) => {
      client.isAlive = true;
      client.on("error", () => {}); // it has been closed with a code that says why
      client.on("pong", () => (client.isAlive = true));
      client.on("message", (data, isBinary) => {
        client.send(data, { binary: isBinary });
        if (client.bufferedAmount > UNSENT_BYTES) {
          client.pause(); // who does not read is not read from
          socket.once("drain", () => client.resume());
        }
      });
    });
  });

  if (pingSeconds > 0) {
    setInterval(() => {
      for (const client of webSockets.clients) {
        if (client.isAlive) client.ping();
        else client.terminate();
        client.isAlive = false;
      }
    }, pingSeconds * 1000);
  }
  return true;
}

const broadcasts = new Map(); // from the parameters of a stream to its subscribers, who have one timer

// Answers with a stream of events, as targets/event_stream.py describes it. Returns why that is not possible, if it is not.
function subscribe(query, response) {
  const every = /^([0-9]{1,5})(ms|s)$/.exec(query.getAll("every").at(-1) ?? "100ms");
  const milliseconds = every === null ? 0 : Number(every[1]) * (every[2] === "s" ? 1000 : 1);
  if (milliseconds < 1 || milliseconds > LONGEST_MS) return "every must be a time from 1ms to 60s";
  const size = query.getAll("bytes").at(-1) ?? "0";
  if (!/^[0-9]+$/.test(size) || Number(size) > MAX_EVENT_BYTES) {
    return `bytes must be a number from 0 to ${MAX_EVENT_BYTES}`;
  }
  response.sendDate = false;
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": subscribed\n\n");

  const key = `${milliseconds} ${Number(size)}`;
  if (!broadcasts.has(key)) broadcasts.set(key, startBroadcast(milliseconds, Number(size)));
  const { subscribers, timer } = broadcasts.get(key);
  subscribers.add(response);
  response.on("close", () => {
    subscribers.delete(response);
    if (subscribers.size === 0 && broadcasts.get(key)?.timer === timer) {
      clearInterval(timer);
      broadcasts.delete(key);
    }
  });
  return null;
}

function startBroadcast(milliseconds, size) {
  const subscribers = new Set();
  let number = 0;
  const timer = setInterval(() => {
    const event = formatEvent(++number, size);
    for (const response of subscribers) {
      if (response.writableLength === 0) response.write(event); // who is slower misses some
    }
  }, milliseconds);
  return { subscribers, timer };
}

function formatEvent(number, size) {
  // Date.now() counts in milliseconds. What counts on from the start of the process is finer.
  const sent = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const data = `{"n": ${number}, "sent_unix_ns": ${sent}`;
  const event = `id: ${number}\ndata: ${data}}\n\n`;
  if (event.length >= size) return event;
  const padding = Math.max(0, size - event.length - ', "padding": ""'.length);
  return `id: ${number}\ndata: ${data}, "padding": "${".".repeat(padding)}"}\n\n`;
}

// A server that speaks no HTTP, and sends back every byte.
function createByteEcho() {
  return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
}

module.exports = { createByteEcho, serveWebSockets, subscribe };
