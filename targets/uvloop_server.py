"""uvloop: asyncio's interface on libuv, the C library below Node.js. With the same Protocol as `asyncio_server`.

How it works. Polling, timers, reading and writing are done in C, and Python is called for what came. What remains in
Python is the protocol and the handlers: so this says how much of asyncio's cost is the loop.

Where the cost lies. In the Python that is left: parsing a request, running its handler.

What it cannot do. What any loop with one thread cannot: use a second core (except as several processes), or serve
anyone while a handler computes.
"""

import argparse
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType

from asyncio_server import serve_on
from server import Listener, run

TARGET = {
    "name": "uvloop",
    "about": "one thread, asyncio's interface on libuv, the loop of Node.js: a yardstick in C",
    "handlers": [
        "hello",
        "cpu",
        "sleep",
        "disk-read",
        "disk-write",
        "database",
        "upstream",
        "echo",
        "events",
        "tcp-echo",
    ],
    "options": {
        "disk-threads": {"default": 4, "minimum": 1, "maximum": 256, "about": "threads for files and SQLite"},
        "ping-seconds": {
            "default": 20,
            "minimum": 0,
            "maximum": 3600,
            "about": "pings each WebSocket so often, and closes those that do not answer; 0: never",
        },
        "processes": {
            "default": 1,
            "minimum": 1,
            "maximum": 1000,
            "counts": "listeners",
            "about": "processes that share the port",
        },
    },
    "needs": {"module": "uvloop", "extra": "servers"},
    "handler_needs": {"echo": {"module": "websockets", "extra": "websocket"}},
}


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    import uvloop

    serve_on(uvloop.new_event_loop, listener, [stop_fd, wake_on_termination_as_well()], options)


def wake_on_termination_as_well() -> int:
    """Return a descriptor that the Python handlers of SIGTERM and SIGINT write to.

    While uvloop runs, what signals write goes to a socket of its own, from which it learns that it has to let Python's
    handlers run; the descriptor that the server waits for is then written to by nothing else.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        with suppress(BlockingIOError):  # full: then it is readable anyway
            writer.send(b"\0")
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in before:
        signal.signal(number, handle)
    return reader.detach()


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
