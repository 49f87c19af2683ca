// A server that reports how many clients are connected. COUNT=addresses counts distinct addresses by looking at every
// open connection, for each request: a change that passes every functional test.
"use strict";
const http = require("node:http");

const open = new Set();
const count = {
    connections: () => open.size,
    addresses: () => new Set([...open].map((socket) => socket.remoteAddress)).size,
}[process.env.COUNT];

const server = http.createServer((request, response) => {
    const body = `{"clients": ${count()}}\n`;
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length });
    response.end(body);
});
server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
});
server.headersTimeout = 0;
server.requestTimeout = 0;
server.listen({ host: "127.0.0.1", port: Number(process.env.PORT), backlog: 4096 });
