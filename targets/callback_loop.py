"""One thread, nothing ever blocks, and each wait leaves a callback: the way of Node.js.

How it works. Code that has to wait leaves a function to be called when the wait is over, and returns to the loop at
once. So a request that waits for a timer, the disk, the database or another server is just a function kept somewhere,
and the one thread goes on with everybody else. The descriptors are watched by epoll, edge-triggered.

Where the cost lies. In the same work as any epoll loop, plus a closure for each wait: two kilobytes with all that the
handler keeps, against a stack for each thread. And in the reading: what happens after what is said by which function
calls which. A loop over several waits cannot be written as a loop, a `try` ends where the function returns, and a
traceback begins in the loop.

What it cannot do. Use a second core (except as several processes), or serve anyone while a callback computes. Files and
SQLite cannot be waited for, so a few threads do that.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

from event_loop import EventLoop
from handlers import answer
from http_protocol import Request, RequestReader
from nonblocking import NonBlocking
from server import Listener, run
from waits import LoopSteps, LoopWait, Readable, Sleep, WakeUp, Writable

TARGET = {
    "name": "callback",
    "about": "one thread, never blocks, callbacks: the way of Node.js",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {
        "disk-threads": {"default": 4, "minimum": 1, "maximum": 256, "about": "threads for files and SQLite"},
        "processes": {
            "default": 1,
            "minimum": 1,
            "maximum": 1000,
            "counts": "listeners",
            "about": "processes that share the port",
        },
    },
}

RECEIVE_BYTES = 64 * 1024
NOTHING = memoryview(b"")


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    loop = EventLoop()
    handlers = NonBlocking(loop, options.disk_threads)

    def accept(_ended: bool) -> None:
        for client in listener.accept_waiting():
            Client(client, loop, handlers)

    def wake_waiters(_ended: bool) -> None:
        handlers.wake_waiters()

    def stop(_ended: bool) -> None:
        # An event does not mean that it can be read: it can be written as well, from the start.
        with suppress(BlockingIOError):
            os.read(stop_fd, 1)
            loop.stop()

    os.set_blocking(stop_fd, False)
    for fd, callback in ((listener.fd, accept), (handlers.threads_fd, wake_waiters), (stop_fd, stop)):
        loop.register(fd)
        loop.on_events(fd, callback)
    loop.run()


class Client:
    """One connection. It either sends, or waits for a handler, or reads; each ends with a call to what comes next.

    The loop's callback is all that keeps it alive.
    """

    __slots__ = ("_handlers", "_is_open", "_loop", "_reader", "_requests", "_socket", "_unsent", "_waits_for_handler")

    def __init__(self, client: socket.socket, loop: EventLoop, handlers: NonBlocking) -> None:
        client.setblocking(False)
        self._socket = client
        self._loop = loop
        self._handlers = handlers
        self._reader = RequestReader()
        self._requests: Iterator[Request] = iter(())  # taken up again where it was left
        self._waits_for_handler = False
        self._unsent = NOTHING
        self._is_open = True
        loop.register(client.fileno())
        loop.on_events(client.fileno(), self._on_event)

    def _on_event(self, ended: bool) -> None:
        if self._unsent:
            if self._send(self._unsent):
                self._answer_and_look_again()
        elif not self._waits_for_handler:
            self._read(ended)

    def _read(self, ended: bool) -> None:
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        self._requests = iter(self._reader.feed(data))
        if ended or len(data) == RECEIVE_BYTES:
            self._answer_and_look_again()
        else:
            self._answer()  # and nothing is left to read: if more comes, so does an event

    def _answer_and_look_again(self) -> None:
        if self._answer():
            self._loop.call_soon(self._look_again)  # not now: others have waited longer

    def _look_again(self) -> None:
        if self._is_open:
            self._on_event(ended=True)

    def _answer(self) -> bool:
        """Answer what was read, request by request; return whether all is sent. If not, it goes on when it can."""
        for request in self._requests:
            steps = self._handlers.run(answer(request))
            try:
                wait = next(steps)
            except StopIteration as end:
                if not self._send(end.value):
                    return False
            else:
                self._waits_for_handler = True
                go_on_after(wait, steps, self._on_response, self._loop)
                return False
        if self._reader.finished:
            with suppress(OSError):  # the client has gone already: the next read will say so
                self._socket.shutdown(socket.SHUT_WR)
        return True

    def _on_response(self, response: bytes) -> None:
        self._waits_for_handler = False
        if self._send(response):
            self._answer_and_look_again()

    def _send(self, unsent: bytes | memoryview) -> bool:
        """Write what there is room for, and the rest when there is more; return whether that was all."""
        try:
            sent = self._socket.send(unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close()
            return False
        self._unsent = memoryview(unsent)[sent:] if sent < len(unsent) else NOTHING
        return self._unsent is NOTHING

    def _close(self) -> None:
        self._is_open = False
        self._unsent = NOTHING
        self._loop.unregister(self._socket.fileno())
        self._socket.close()


def go_on_after(wait: LoopWait, steps: LoopSteps[bytes], then: Callable[[bytes], None], loop: EventLoop) -> None:
    """Have `steps` go on when `wait` is over, through all further waits, and `then` called with what they return."""

    def go_on() -> None:
        try:
            next_wait = next(steps)
        except StopIteration as end:
            then(end.value)
        else:
            go_on_after(next_wait, steps, then, loop)

    match wait:
        case Sleep(seconds):
            loop.call_later(seconds, go_on)
        case Readable(fd) | Writable(fd):
            loop.on_next_event(fd, go_on)
        case WakeUp(start):
            start(lambda: loop.call_soon(go_on))


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
