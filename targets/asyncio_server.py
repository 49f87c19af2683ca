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
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import event_stream
import websocket
from event_stream import Broadcast, Broadcasts, Stream
from handlers import LAST_PATHS, answer
from http_protocol import Request, RequestReader
from nonblocking import NonBlocking
from server import Listener, run
from waits import LoopSteps, LoopWait, Readable, Sleep, WakeUp, Writable

if TYPE_CHECKING:
    from websockets_echo import WebSockets

TARGET = {
    "name": "asyncio",
    "about": "one thread, Python's own event loop, a Protocol: the usual Python way, as a yardstick",
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
    "handler_needs": {"echo": {"module": "websockets", "extra": "websocket"}},
}


@dataclass(frozen=True, slots=True)
class Site:
    """What all connections share."""

    handlers: NonBlocking
    broadcasts: Broadcasts
    websockets: "WebSocketStart"


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
        tasks: set[asyncio.Task[object]] = set()  # the loop alone does not keep a task alive

        def start(coroutine: Coroutine[object, None, object]) -> None:
            task = loop.create_task(coroutine)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        handlers = NonBlocking(WatchedWhileWaiting(), options.disk_threads)
        broadcasts = Broadcasts(lambda broadcast: start(send_events(broadcast)))
        site = Site(handlers, broadcasts, WebSocketStart(options.ping_seconds))

        def make_protocol() -> asyncio.Protocol:
            return ByteEcho() if options.tcp_echo else HttpProtocol(site)

        def accept() -> None:
            for client in listener.accept_waiting():
                client.setblocking(False)
                start(loop.connect_accepted_socket(make_protocol, client))

        stopped = asyncio.Event()
        loop.add_reader(listener.fd, accept)
        loop.add_reader(handlers.threads_fd, handlers.wake_waiters)
        for stop_fd in stop_fds:
            loop.add_reader(stop_fd, stopped.set)
        await stopped.wait()
        await site.websockets.abort()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())


async def send_events(broadcast: Broadcast) -> None:
    while broadcast.subscribers:
        await asyncio.sleep((broadcast.next_tick_ns() - time.monotonic_ns()) / 1e9)
        broadcast.send()


class HttpProtocol(asyncio.Protocol):
    """One connection. While a handler is under way, or the client does not read, nothing more is read from it."""

    _transport: asyncio.Transport

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reader = RequestReader(LAST_PATHS)
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
            request = self._requests.popleft()
            if request.path in LAST_PATHS and self._hand_over(request):
                return
            steps = self._site.handlers.run(answer(request))
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

    def _hand_over(self, request: Request) -> bool:
        """Let another protocol go on where a request asks for a WebSocket or for events; return whether it does."""
        if self._client_ended:
            self._transport.close()
            return True
        if request.path == websocket.PATH:
            if not self._site.websockets.is_possible:
                return False
            self._handler = asyncio.create_task(self._become_websocket(request.head + b"\r\n\r\n" + self._reader.rest))
            return True
        response, stream = event_stream.answer_subscription(request)
        self._transport.write(response)
        if stream is None:
            self._transport.write_eof()
        else:
            self._transport.set_protocol(EventReceiver(self._transport, self._site.broadcasts, stream))
        return True

    async def _become_websocket(self, received: bytes) -> None:
        websockets = await self._site.websockets.wait_started()
        if not self._transport.is_closing():
            websockets.take_over(self._transport, received)
            self._transport.resume_reading()


class WebSocketStart:
    """Has the package `websockets` imported and its server started with the first WebSocket: it takes 4.5 MiB."""

    def __init__(self, ping_seconds: int) -> None:
        self.is_possible = find_spec("websockets") is not None
        self._ping_seconds = ping_seconds
        self._started: asyncio.Task[WebSockets] | None = None

    async def wait_started(self) -> "WebSockets":
        """Return what takes over connections."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        return await asyncio.shield(self._started)

    async def abort(self) -> None:
        """Break all WebSockets."""
        if self._started is not None:
            (await self._started).abort()

    async def _start(self) -> "WebSockets":
        from websockets_echo import WebSockets

        return await WebSockets.start(self._ping_seconds)


class EventReceiver(asyncio.Protocol):
    """One who gets events, until it ends its side; what it sends meanwhile is dropped.

    An event goes out as soon as the one before has; a slower subscriber misses some.
    """

    def __init__(self, transport: asyncio.Transport, broadcasts: Broadcasts, stream: Stream) -> None:
        self._transport = transport
        self._broadcasts = broadcasts
        self._stream = stream
        broadcasts.subscribe(stream, self)

    def offer(self, event: bytes) -> None:
        """Send an event if nothing else waits to be sent."""
        if not self._transport.get_write_buffer_size() and not self._transport.is_closing():
            self._transport.write(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._broadcasts.unsubscribe(self._stream, self)


class ByteEcho(asyncio.Protocol):
    """A connection whose bytes are sent back, as they are. While the client does not read, nothing is read from it."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


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
