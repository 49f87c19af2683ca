"""A server that refuses every request and repeats it in the answer; it prints its port, or all that it was given."""

import argparse
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """Answers with what it has received: first the headers, then the path and the body."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wanted = self.headers.get("X-Echo", "")
        parts = {"headers": bytes(self.headers), "path": self.path.encode(), "body": body}
        content = parts.get(wanted, b"".join(parts.values()))
        self.wfile.write(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    port = parser.parse_args().port
    server = ThreadingHTTPServer(("127.0.0.1", port), Echo)
    print(*([sys.argv, dict(os.environ)] if port else [server.server_address[1]]), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
