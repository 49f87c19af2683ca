"""The event loop of Python's standard library, used as its documentation advises for speed: transports and a Protocol.

How it works. asyncio's loop calls the protocol's methods when something has come or gone; the transport buffers what
cannot be sent yet. A handler that has to wait goes on in a task of its own, a coroutine; one that has not is run at
once. It is a yardstick: the same handlers on the loop that most Python servers have.

Where the cost lies. In layers: for each event a selector's key, a handle in a queue, a context to run it in, then the
transport, then the protocol. And its selector asks epoll for as many events as there are descriptors, so that each
wait allocates room for all of them: a cost that grows with idle connections, if only a little.

What it cannot do. Use a second core (except as several processes), or serve anyone while a handler computes. Files and
SQLite cannot be waited for, so a few threads do that.
"""

import argparse
import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from handlers import answer
from http_protocol import Request, RequestReader
from nonblocking import NonBlocking
from server import Listener, run
from waits import LoopSteps, LoopWait, Readable, Sleep, WakeUp, Writable

TARGET = {
    "name": "asyncio",
    "about": "one thread, Python's own event loop, a Protocol: the usual Python way, as a yardstick",
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


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    serve_on(asyncio.new_event_loop, listener, [stop_fd], options)


def serve_on(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
    listener: Listener,
    stop_fds: Iterable[int],
    options: argparse.Namespace,
) -> None:
    """Serve on a loop of any make that keeps to asyncio's interface, until one of `stop_fds` is readable."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        handlers = NonBlocking(WatchedWhileWaiting(), options.disk_threads)
        accepting: set[asyncio.Task[object]] = set()  # the loop alone does not keep a task alive

        def accept() -> None:
            for client in listener.accept_waiting():
                client.setblocking(False)
                task = loop.create_task(loop.connect_accepted_socket(lambda: HttpProtocol(handlers), client))
                accepting.add(task)
                task.add_done_callback(accepting.discard)

        stopped = asyncio.Event()
        loop.add_reader(listener.fd, accept)
        loop.add_reader(handlers.threads_fd, handlers.wake_waiters)
        for stop_fd in stop_fds:
            loop.add_reader(stop_fd, stopped.set)
        await stopped.wait()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())


class HttpProtocol(asyncio.Protocol):
    """One connection. While a handler is under way, or the client does not read, nothing more is read from it."""

    _transport: asyncio.Transport

    def __init__(self, handlers: NonBlocking) -> None:
        self._handlers = handlers
        self._reader = RequestReader()
        self._requests: deque[Request] = deque()
        self._handler: asyncio.Task[None] | None = None
        self._has_room = True
        self._client_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its base class

    def data_received(self, data: bytes) -> None:
        self._requests.extend(self._reader.feed(data))
        if self._can_answer():
            self._answer()
        else:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._client_ended = True
        self._answer()
        return True  # not to be closed by the transport: an answer may be under way

    def pause_writing(self) -> None:
        self._has_room = False

    def resume_writing(self) -> None:
        self._has_room = True
        self._go_on()

    def _can_answer(self) -> bool:
        return self._handler is None and self._has_room

    def _go_on(self) -> None:
        self._answer()
        if self._can_answer():
            self._transport.resume_reading()

    def _answer(self) -> None:
        """Answer what was read, request by request, as far as that goes without waiting."""
        while self._requests and self._can_answer():
            steps = self._handlers.run(answer(self._requests.popleft()))
            try:
                wait = next(steps)
            except StopIteration as end:
                self._transport.write(end.value)
            else:
                self._handler = asyncio.create_task(self._finish(wait, steps))
        if not self._requests and self._handler is None:
            if self._client_ended:
                self._transport.close()  # after it has sent what it has buffered
            elif self._reader.finished:
                self._transport.write_eof()  # and read on until the client closes too

    async def _finish(self, wait: LoopWait, steps: LoopSteps[bytes]) -> None:
        response = await finish(wait, steps)
        self._handler = None
        if not self._transport.is_closing():
            self._transport.write(response)
            self._go_on()


async def finish(wait: LoopWait, steps: LoopSteps[bytes]) -> bytes:
    """Wait for `wait`, and for whatever else the steps wait for; return what they return."""
    loop = asyncio.get_running_loop()
    while True:
        match wait:
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Readable(fd):
                await wait_woken(partial(loop.add_reader, fd))
                loop.remove_reader(fd)
            case Writable(fd):
                await wait_woken(partial(loop.add_writer, fd))
                loop.remove_writer(fd)
            case WakeUp(start):
                await wait_woken(start)
        try:
            wait = next(steps)
        except StopIteration as end:
            response: bytes = end.value
            return response


async def wait_woken(start: Callable[[Callable[[], None]], None]) -> None:
    """Wait until somebody calls the function that `start` is given; further calls do nothing."""
    woken = asyncio.Event()
    start(woken.set)
    await woken.wait()


class WatchedWhileWaiting:
    """asyncio learns of a descriptor when it is to wait for it, and forgets it afterwards: there is nothing to do."""

    def register(self, fd: int) -> None:
        """Nothing."""

    def unregister(self, fd: int) -> None:
        """Nothing."""


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
