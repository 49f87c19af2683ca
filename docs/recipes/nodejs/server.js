// A Node.js server of the user's own: items as JSON, in memory.
"use strict";
const http = require("node:http");

const items = Array.from({ length: 1000 }, (_, number) => ({ number, name: `item ${number}`, price: number / 100 }));

const server = http.createServer((request, response) => {
    const [, kind, number] = request.url.split("/");
    const item = kind === "items" ? items[Number(number)] : undefined;
    const body = JSON.stringify(item ?? { error: "not found" });
    response.writeHead(item ? 200 : 404, { "Content-Type": "application/json", "Content-Length": body.length });
    response.end(body);
});

server.keepAliveTimeout = 0;  // 5 s by default
server.headersTimeout = 0;  // 60 s by default: for connections that never ask anything
server.requestTimeout = 0;  // 300 s by default
server.listen({ host: "127.0.0.1", port: Number(process.env.PORT), backlog: 4096 });
