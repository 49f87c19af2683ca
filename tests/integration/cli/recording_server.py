"""A server that counts what it is asked and prints it when it is asked to end: over TCP, TLS or a Unix socket."""

import argparse
import json
import os
import signal
import socket
import socketserver
import ssl
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler

requests: Counter[str] = Counter()


class Recording(BaseHTTPRequestHandler):
    """Answers 200, or the status that the path asks for: /404."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name not in ("User-Agent", "Content-Length")}
        requests[json.dumps([self.command, self.path, headers, body.decode()], sort_keys=True)] += 1
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        # In one piece, so that Nagle's algorithm has nothing to hold back.
        self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nok" % status)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def address_string(self) -> str:
        """Do not look for the client's port: a Unix socket has none."""
        return "client"

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


class UnixServer(Server):
    """The same at a Unix socket."""

    address_family = socket.AF_UNIX


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("--unix")
    arguments = parser.parse_args()
    server = UnixServer(arguments.unix, Recording) if arguments.unix else Server(("127.0.0.1", 0), Recording)
    if arguments.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.cert)
        # The handshake is the connection's thread's affair.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    def end(*_signal: object) -> None:
        print(json.dumps([[json.loads(text), count] for text, count in requests.items()]), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    print(0 if arguments.unix else server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
