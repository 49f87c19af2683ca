"""A WebSocket server that pings its clients and drops those that do not answer; started by idle_websockets.py.

    python -P -m benchmarks.pinging_server --every 10 [--package]

One process with one epoll loop, which keeps of each connection no more than a list of pings that are not answered; or
with --package a server of the `websockets` package, as its users get it. Prints its port, and, once its standard input
has ended, as JSON how many connections it still has, how many it has dropped, and how many pings it has sent.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import logging
import os
import re
import resource
import select
import socket
import sys
import time
from typing import Final

_KEY: Final = re.compile(rb"(?i)\r\nsec-websocket-key:[ \t]*(\S+)")
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_UPGRADED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
_PING: Final = b"\x89\x04ping"
_PONG: Final = 0x8A
_BACKLOG: Final = 4096
_STEPS: Final = 100  # in an interval: connections are pinged in turns, not all at once
_STDIN: Final = 0


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="a WebSocket server that pings")
    parser.add_argument("--every", type=float, required=True, help="seconds")
    parser.add_argument("--package", action="store_true", help="use the websockets package")
    arguments = parser.parse_args()
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if arguments.package:
        asyncio.run(_serve_with_package(arguments.every))
    else:
        _Server(arguments.every).serve()


class _Server:
    def __init__(self, every: float) -> None:
        self._every = every
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self._clients: dict[int, socket.socket] = {}
        self._unanswered: set[int] = set()
        self._dropped = self._pings = 0

    def serve(self) -> None:
        print(self._listener.getsockname()[1], flush=True)
        self._epoll.register(self._listener, select.EPOLLIN)
        self._epoll.register(_STDIN, select.EPOLLIN | select.EPOLLHUP)
        due: list[int] = []
        step = self._every / _STEPS
        next_step = time.monotonic() + step
        at_once = 1
        while True:
            for fd, _event in self._epoll.poll(max(0.0, next_step - time.monotonic())):
                if fd == _STDIN:
                    state = {"open": len(self._clients), "dropped": self._dropped, "pings": self._pings}
                    print(json.dumps(state), flush=True)
                    return
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._receive(fd)
            if time.monotonic() >= next_step:
                next_step += step
                if not due:
                    due = list(self._clients)
                    at_once = -(-len(due) // _STEPS)
                for fd in due[:at_once]:
                    self._ping(fd)
                del due[:at_once]

    def _accept(self) -> None:
        try:
            while True:
                client, _address = self._listener.accept()
                client.setblocking(False)
                self._clients[client.fileno()] = client
                self._epoll.register(client, select.EPOLLIN)
        except BlockingIOError:
            pass

    def _receive(self, fd: int) -> None:
        try:
            data = os.read(fd, 4096)
        except ConnectionResetError:
            data = b""
        if not data:
            self._close(fd)
        elif data[0] == _PONG:
            self._unanswered.discard(fd)
        elif key := _KEY.search(data):
            os.write(fd, _UPGRADED % base64.b64encode(hashlib.sha1(key[1] + _GUID).digest()))

    def _ping(self, fd: int) -> None:
        if fd in self._unanswered:
            self._dropped += 1
            self._close(fd)
        elif fd in self._clients:
            os.write(fd, _PING)
            self._unanswered.add(fd)
            self._pings += 1

    def _close(self, fd: int) -> None:
        self._unanswered.discard(fd)
        self._clients.pop(fd).close()


async def _serve_with_package(every: float) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    quiet = logging.Logger("websockets")
    quiet.disabled = True
    dropped = 0

    async def hold(connection: ServerConnection) -> None:
        nonlocal dropped
        async for _message in connection:
            pass
        dropped += 1

    async with serve(
        hold,
        "127.0.0.1",
        0,
        backlog=_BACKLOG,
        ping_interval=every,
        ping_timeout=every,
        compression=None,
        logger=quiet,
    ) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        print(json.dumps({"open": len(server.connections), "dropped": dropped, "pings": None}), flush=True)
        os._exit(0)  # closing each of them properly would take a minute


if __name__ == "__main__":
    main()
