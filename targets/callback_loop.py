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
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress

import event_stream
import websocket
from event_loop import EventLoop
from event_stream import Broadcast, Broadcasts, SocketSubscriber, Stream
from handlers import LAST_PATHS, answer
from http_protocol import Request, RequestReader
from nonblocking import NonBlocking
from server import Listener, run
from waits import LoopSteps, LoopWait, Readable, Sleep, WakeUp, Writable
from websocket import Pings

TARGET = {
    "name": "callback",
    "about": "one thread, never blocks, callbacks: the way of Node.js",
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
            "default": 0,
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
}

RECEIVE_BYTES = 64 * 1024
NOTHING = memoryview(b"")


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    loop = EventLoop()
    handlers = NonBlocking(loop, options.disk_threads)

    broadcasts = Broadcasts(lambda broadcast: send_events(broadcast, loop))
    pings = Pings(options.ping_seconds)
    if pings.seconds:
        loop.call_later(pings.seconds, lambda: send_pings(pings, loop))

    def accept(_ended: bool) -> None:
        for client in listener.accept_waiting():
            client.setblocking(False)
            loop.register(client.fileno())
            if options.tcp_echo:
                ByteEcho(client, loop)
            else:
                HttpClient(client, loop, handlers, broadcasts, pings)

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


class Connection(ABC):
    """One connection. It either sends, or waits for a handler, or reads; each ends with a call to what comes next.

    The loop's callback is all that keeps it alive. What is `unsent` goes out before anything is read.
    """

    __slots__ = ("_is_open", "_loop", "_socket", "_unsent")

    def __init__(self, client: socket.socket, loop: EventLoop, unsent: memoryview = NOTHING) -> None:
        self._socket = client
        self._loop = loop
        self._unsent = unsent
        self._is_open = True
        loop.on_events(client.fileno(), self._on_event)

    @abstractmethod
    def _take(self, data: bytes) -> bool:
        """Answer what was read; return whether all is sent, so that more can be read. If not, it goes on later."""

    def _go_on(self) -> bool:
        """Go on with what was read before, now that all is sent; return like `_take`."""
        return True

    def _may_read(self) -> bool:
        return True

    def _on_event(self, ended: bool) -> None:
        if self._unsent:
            if self._send(self._unsent) and self._go_on():
                self._look_again_soon()
        elif self._may_read():
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
        elif self._take(data) and (ended or len(data) == RECEIVE_BYTES):
            self._look_again_soon()  # else nothing is left to read: if more comes, so does an event

    def _look_again_soon(self) -> None:
        """Read once more, but not now: others have waited longer."""
        self._loop.call_soon(self._look_again)

    def _look_again(self) -> None:
        if self._is_open:
            self._on_event(ended=True)

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

    def _end_sending(self) -> None:
        """Close this side; the other is read until the client closes too."""
        with suppress(OSError):  # the client has gone already: the next read will say so
            self._socket.shutdown(socket.SHUT_WR)

    def _close(self) -> None:
        self._is_open = False
        self._unsent = NOTHING
        self._loop.unregister(self._socket.fileno())
        self._socket.close()


class HttpClient(Connection):
    """A connection that speaks HTTP, until a request makes it a WebSocket or a stream of events: another object."""

    __slots__ = ("_broadcasts", "_handlers", "_pings", "_reader", "_requests", "_waits_for_handler")

    def __init__(
        self, client: socket.socket, loop: EventLoop, handlers: NonBlocking, broadcasts: Broadcasts, pings: Pings
    ) -> None:
        super().__init__(client, loop)
        self._handlers = handlers
        self._broadcasts = broadcasts
        self._pings = pings
        self._reader = RequestReader(LAST_PATHS)
        self._requests: Iterator[Request] = iter(())  # taken up again where it was left
        self._waits_for_handler = False

    def _take(self, data: bytes) -> bool:
        self._requests = iter(self._reader.feed(data))
        return self._go_on()

    def _may_read(self) -> bool:
        return not self._waits_for_handler

    def _go_on(self) -> bool:
        """Answer what was read, request by request."""
        for request in self._requests:
            if request.path in LAST_PATHS:
                if not self._answer_last(request):
                    return False
                continue
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
            self._end_sending()
        return True

    def _on_response(self, response: bytes) -> None:
        self._waits_for_handler = False
        if self._send(response) and self._go_on():
            self._look_again_soon()

    def _answer_last(self, request: Request) -> bool:
        """Answer a request for what is no HTTP; return whether this is still the object of the connection, to go on."""
        if request.path == websocket.PATH:
            response, is_accepted = websocket.answer_upgrade(request)
            is_sent = self._send(response)
            if is_accepted and self._is_open:
                MessageEcho(self._socket, self._loop, self._unsent, self._reader.rest, self._pings)
            return is_sent and not is_accepted
        response, stream = event_stream.answer_subscription(request)
        is_sent = self._send(response)
        if stream is not None and self._is_open:
            EventReceiver(self._socket, self._loop, self._unsent, self._broadcasts, stream)
        return is_sent and stream is None


class MessageEcho(Connection):
    """A WebSocket whose messages are sent back; `rest` is what came behind the request for it."""

    __slots__ = ("_echo", "_pings")

    def __init__(self, client: socket.socket, loop: EventLoop, unsent: memoryview, rest: bytes, pings: Pings) -> None:
        super().__init__(client, loop, unsent)
        self._echo = websocket.Echo()
        self._pings = pings
        if pings.seconds:
            pings.pinged[self] = None
        if answers := self._echo.feed(rest):
            self._unsent = memoryview(bytes(unsent) + answers)
        self._look_again_soon()

    def _take(self, data: bytes) -> bool:
        answers = self._echo.feed(data)
        return (not answers or self._send(answers)) and self._go_on()

    def _go_on(self) -> bool:
        if self._echo.ended:
            self._end_sending()
        return True

    def ping(self) -> None:
        """Send a ping; where the last one was not answered, break the connection, so that its end is read."""
        if self._echo.is_pinged:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        elif not self._unsent:
            self._echo.is_pinged = True
            self._send(websocket.PING)

    def _close(self) -> None:
        self._pings.pinged.pop(self, None)
        super()._close()


class EventReceiver(Connection):
    """One who gets events until it goes; what it sends meanwhile is dropped."""

    __slots__ = ("_broadcasts", "_stream", "_subscriber")

    def __init__(
        self, client: socket.socket, loop: EventLoop, unsent: memoryview, broadcasts: Broadcasts, stream: Stream
    ) -> None:
        super().__init__(client, loop)
        self._broadcasts = broadcasts
        self._stream = stream
        self._subscriber = SocketSubscriber(client, bytes(unsent))
        broadcasts.subscribe(stream, self._subscriber)
        self._look_again_soon()

    def _take(self, data: bytes) -> bool:
        return True

    def _close(self) -> None:
        self._broadcasts.unsubscribe(self._stream, self._subscriber)
        super()._close()


class ByteEcho(Connection):
    """A connection whose bytes are sent back, as they are."""

    __slots__ = ()

    def _take(self, data: bytes) -> bool:
        return self._send(data)


def send_events(broadcast: Broadcast, loop: EventLoop) -> None:
    """Have the events of a broadcast sent as long as anybody gets them."""

    def send() -> None:
        broadcast.send()
        send_events(broadcast, loop)

    if broadcast.subscribers:
        loop.call_later((broadcast.next_tick_ns() - time.monotonic_ns()) / 1e9, send)


def send_pings(pings: Pings, loop: EventLoop) -> None:
    """Have all WebSockets pinged, now and again and again."""
    pings.send()
    loop.call_later(pings.seconds, lambda: send_pings(pings, loop))


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
