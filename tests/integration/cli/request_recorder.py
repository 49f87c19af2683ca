"""A server that keeps what it is sent: `python request_recorder.py FILE --port N` writes it there, as lines of JSON."""

import argparse
import asyncio
import json
from typing import TextIO

ANSWER = b'{"ok": true}'


class Recording(asyncio.Protocol):
    """Answers requests that have a Content-Length, or no body."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(self._received) < end + 4 + length:
                return
            body = bytes(self._received[end + 4 : end + 4 + length])
            del self._received[: end + 4 + length]
            method, path, _ = first.split(" ")
            record = {"method": method, "path": path, "headers": headers, "body": body.decode()}
            self._file.write(json.dumps(record) + "\n")
            content = b"" if method == "HEAD" else ANSWER
            head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
            self._transport.write(head.encode() + content)


async def serve(file: TextIO, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Recording(file), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    with open(arguments.file, "w", buffering=1) as file:
        asyncio.run(serve(file, arguments.port))


if __name__ == "__main__":
    main()
