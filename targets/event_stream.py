"""Server-sent events, broadcast to all who asked for the same ones; without a loop, and without waiting.

`GET /events?every=100ms&bytes=200`: a stream of text/event-stream without end, an event at each tick, in chunks (with
HTTP/1.0: bare). It begins at once, with a comment. An event has its number and the time, in ns since 1970, at which
the server began to send it to its subscribers, one after the other: so what a subscriber sees as delay includes its
turn. All of one `Stream` have one timer and get the same bytes. Ticks lie on a grid: a server that cannot keep up
leaves some out, and never sends a burst.

A slow subscriber misses the events for which its socket has no room. All that is kept for it is the rest of one event.
"""

import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from http_protocol import Request, format_response

PATH = "/events"
MAX_EVENT_BYTES = 1024 * 1024

_INTERVAL = re.compile(r"([0-9]{1,5})(ms|s)")
_LONGEST_MS = 60_000
_SUBSCRIBED = b": subscribed\n\n"
_NOTHING = b""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a subscriber asked for: an event every so often, padded to so many bytes; in chunks or bare."""

    every_ms: int
    event_bytes: int
    chunked: bool


def answer_subscription(request: Request) -> tuple[bytes, Stream | None]:
    """Return the response to a request for events, or its beginning, and which stream is to follow, if any."""
    if request.method != "GET":
        return format_response(request, HTTPStatus.METHOD_NOT_ALLOWED, b"Method Not Allowed\n", "Allow: GET"), None
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    interval, size = _INTERVAL.fullmatch(query.get("every", "100ms")), query.get("bytes", "0")
    every_ms = int(interval[1]) * (1000 if interval[2] == "s" else 1) if interval else 0
    if not 1 <= every_ms <= _LONGEST_MS:
        return format_response(request, HTTPStatus.BAD_REQUEST, b"every must be a time from 1ms to 60s\n"), None
    if not (size.isascii() and size.isdigit() and int(size) <= MAX_EVENT_BYTES):
        mistake = f"bytes must be a number from 0 to {MAX_EVENT_BYTES}\n".encode()
        return format_response(request, HTTPStatus.BAD_REQUEST, mistake), None
    stream = Stream(every_ms, int(size), chunked=not request.http_1_0)
    framing = b"Transfer-Encoding: chunked" if stream.chunked else b"Connection: close"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n%b\r\n\r\n" % framing
    return head + _framed(_SUBSCRIBED, stream.chunked), stream


class Subscriber(Protocol):
    """One who gets the events."""

    def offer(self, event: bytes) -> None:
        """Send an event if there is room for it. Never waits, and raises nothing."""


class Broadcast:
    """The events of one stream and those who get them. Its owner calls `send` at `next_tick_ns`, again and again."""

    def __init__(self, stream: Stream) -> None:
        self.subscribers: dict[Subscriber, None] = {}  # a set in the order of their coming
        self._stream = stream
        self._number = 0
        self._tick_ns = time.monotonic_ns()

    def next_tick_ns(self) -> int:
        """Return when the next event is due, by the monotonic clock."""
        every_ns = self._stream.every_ms * 1_000_000
        missed = max(0, (time.monotonic_ns() - self._tick_ns) // every_ns)
        self._tick_ns += (missed + 1) * every_ns
        return self._tick_ns

    def send(self) -> None:
        """Send the next event to all."""
        self._number += 1
        event = format_event(self._stream, self._number, time.time_ns())
        for subscriber in self.subscribers:
            subscriber.offer(event)


class Broadcasts:
    """The broadcasts of one process. `start` is called with each new one, to send events while it has subscribers."""

    def __init__(self, start: Callable[[Broadcast], object]) -> None:
        self._start = start
        self._by_stream: dict[Stream, Broadcast] = {}

    def subscribe(self, stream: Stream, subscriber: Subscriber) -> None:
        """Send the stream's events to a subscriber, until `unsubscribe`."""
        if stream in self._by_stream:
            self._by_stream[stream].subscribers[subscriber] = None
            return
        broadcast = self._by_stream[stream] = Broadcast(stream)
        broadcast.subscribers[subscriber] = None
        self._start(broadcast)

    def unsubscribe(self, stream: Stream, subscriber: Subscriber) -> None:
        """Send it no more."""
        broadcast = self._by_stream[stream]
        del broadcast.subscribers[subscriber]
        if not broadcast.subscribers:
            del self._by_stream[stream]  # the next subscriber begins another one


class SocketSubscriber:
    """A subscriber with a non-blocking socket. The one who reads from that notices when the client has gone.

    `unsent` is what has to go before the first event.
    """

    __slots__ = ("_socket", "_unsent")

    def __init__(self, client: socket.socket, unsent: bytes = _NOTHING) -> None:
        self._socket = client
        self._unsent = unsent

    def offer(self, event: bytes) -> None:
        """Send an event, or the rest of the one before, if there is room for it."""
        try:
            if self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            if not self._unsent:
                self._unsent = event[self._socket.send(event) :]
        except OSError:
            pass  # no room, or nobody is there: then a read will say so


def format_event(stream: Stream, number: int, sent_unix_ns: int) -> bytes:
    """Return an event as it is sent."""
    data: dict[str, object] = {"n": number, "sent_unix_ns": sent_unix_ns}
    event = f"id: {number}\ndata: {json.dumps(data)}\n\n"
    missing = stream.event_bytes - len(event)
    if missing > 0:
        padding = max(0, missing - len(', "padding": ""'))
        event = f"id: {number}\ndata: {json.dumps({**data, 'padding': padding * '.'})}\n\n"
    return _framed(event.encode("ascii"), stream.chunked)


def _framed(content: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content) if chunked else content
