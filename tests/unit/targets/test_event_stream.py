"""The events that the servers broadcast: what they are, when they are due, and who gets them."""

import json
import socket
from http import HTTPStatus
from typing import Any, cast

import httptools
import pytest

from .server_modules import load_module

event_stream = load_module("event_stream")
http_protocol = load_module("http_protocol")

MILLISECOND_NS = 1_000_000
SENT_NS = 1_795_894_298_186_474_000


class Answer:
    """A response as httptools reads it."""

    def __init__(self, response: bytes) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(response)
        self.status = HTTPStatus(parser.get_status_code())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body


def subscribe(target: str, version: str = "1.1", method: str = "GET") -> tuple[bytes, Any]:
    """Return the response to a request for events, and the stream."""
    (request,) = http_protocol.RequestReader(["/events"]).feed(f"{method} {target} HTTP/{version}\r\n\r\n".encode())
    response, stream = event_stream.answer_subscription(request)
    return response, stream


@pytest.mark.parametrize(
    ("target", "every_ms", "event_bytes"),
    [
        ("/events", 100, 0),
        ("/events?every=20ms", 20, 0),
        ("/events?every=60s", 60_000, 0),
        ("/events?every=1s&bytes=500", 1000, 500),
        ("/events?bytes=1048576", 100, 1_048_576),
    ],
)
def test_a_stream_begins_with_a_comment(target: str, every_ms: int, event_bytes: int) -> None:
    response, stream = subscribe(target)
    assert (stream.every_ms, stream.event_bytes, stream.chunked) == (every_ms, event_bytes, True)
    answer = Answer(response)
    assert answer.status == HTTPStatus.OK
    assert answer.headers == {
        b"content-type": b"text/event-stream",
        b"cache-control": b"no-store",
        b"transfer-encoding": b"chunked",
    }
    assert answer.body == b": subscribed\n\n"


def test_an_old_client_gets_a_stream_without_chunks() -> None:
    response, stream = subscribe("/events", version="1.0")
    assert not stream.chunked
    assert response.endswith(b"\r\nConnection: close\r\n\r\n: subscribed\n\n")
    assert event_stream.format_event(stream, 1, SENT_NS).startswith(b"id: 1\n")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("every=0ms", b"every must be a time from 1ms to 60s\n"),
        ("every=61s", b"every must be a time from 1ms to 60s\n"),
        ("every=100", b"every must be a time from 1ms to 60s\n"),
        ("every=", b"every must be a time from 1ms to 60s\n"),
        ("bytes=-1", b"bytes must be a number from 0 to 1048576\n"),
        ("bytes=1048577", b"bytes must be a number from 0 to 1048576\n"),
    ],
)
def test_a_bad_parameter_is_a_bad_request(query: str, why: bytes) -> None:
    response, stream = subscribe(f"/events?{query}")
    assert stream is None
    answer = Answer(response)
    assert (answer.status, answer.body) == (HTTPStatus.BAD_REQUEST, why)
    assert answer.headers[b"connection"] == b"close"


def test_there_are_events_for_get_only() -> None:
    response, stream = subscribe("/events", method="POST")
    assert stream is None
    assert response.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("event_bytes", [0, 10, 80, 85, 100, 5000])
@pytest.mark.parametrize("number", [1, 1_000_000])
def test_an_event_has_its_number_its_time_and_its_size(number: int, event_bytes: int) -> None:
    stream = event_stream.Stream(100, event_bytes, chunked=True)
    response, _ = subscribe("/events")
    beginning = Answer(response).body
    event = Answer(response + event_stream.format_event(stream, number, SENT_NS)).body.removeprefix(beginning).decode()
    identity, data, *end = event.split("\n")
    assert identity == f"id: {number}"
    assert end == ["", ""]
    found = json.loads(data.removeprefix("data: "))
    assert (found["n"], found["sent_unix_ns"]) == (number, SENT_NS)
    # Between its bare size and that of an empty padding there is none in between.
    assert len(event) == event_bytes or "." not in event


class Clock:
    """Stands still, and is set."""

    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def time_ns(self) -> int:
        return SENT_NS + self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(event_stream, "time", clock)
    return clock


class Recorded:
    """A subscriber that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def offer(self, event: bytes) -> None:
        self.events.append(event)


def test_ticks_lie_on_a_grid_and_those_that_are_missed_are_left_out(clock: Clock) -> None:
    broadcast = event_stream.Broadcast(event_stream.Stream(100, 0, chunked=True))
    due = []
    for late_ms in (0, 30, 0, 250, 0):
        due.append(broadcast.next_tick_ns() // MILLISECOND_NS)
        clock.now_ns = (due[-1] + late_ms) * MILLISECOND_NS
    assert due == [100, 200, 300, 400, 700]


def test_all_subscribers_of_a_stream_get_the_same_bytes(clock: Clock) -> None:
    started: list[Any] = []
    broadcasts = event_stream.Broadcasts(started.append)
    stream, other = (event_stream.Stream(100, size, chunked=True) for size in (0, 200))
    first, second, third = Recorded(), Recorded(), Recorded()
    broadcasts.subscribe(stream, first)
    broadcasts.subscribe(stream, second)
    broadcasts.subscribe(other, third)
    assert len(started) == 2
    clock.now_ns = 7
    started[0].send()
    assert first.events == second.events == [event_stream.format_event(stream, 1, SENT_NS + 7)]
    assert first.events[0] is second.events[0]
    assert third.events == []


@pytest.mark.usefixtures("clock")
def test_a_broadcast_ends_with_its_last_subscriber() -> None:
    started: list[Any] = []
    broadcasts = event_stream.Broadcasts(started.append)
    stream = event_stream.Stream(100, 0, chunked=True)
    first, second, third = Recorded(), Recorded(), Recorded()
    broadcasts.subscribe(stream, first)
    broadcasts.subscribe(stream, second)
    broadcasts.unsubscribe(stream, first)
    started[0].send()
    broadcasts.unsubscribe(stream, second)
    assert not started[0].subscribers  # which ends it: its owner looks at that
    broadcasts.subscribe(stream, third)
    assert len(started) == 2
    started[1].send()
    assert [len(each.events) for each in (first, second, third)] == [0, 1, 1]


class FullSocket:
    """Has room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sent = b""

    def send(self, data: bytes) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.sent += data[:taken]
        return taken


def test_a_slow_subscriber_misses_events_and_gets_no_half_ones() -> None:
    client = FullSocket(room=7)
    subscriber = event_stream.SocketSubscriber(cast(socket.socket, client))
    for event, room in ((b"11111", 0), (b"22222", 0), (b"33333", 1), (b"44444", 9), (b"55555", 0), (b"66666", 100)):
        client.room += room
        subscriber.offer(event)
    assert client.sent == b"11111" + b"22222" + b"44444" + b"55555" + b"66666"


def test_what_is_unsent_goes_before_the_first_event() -> None:
    client = FullSocket(room=3)
    subscriber = event_stream.SocketSubscriber(cast(socket.socket, client), b"head")
    subscriber.offer(b"11111")
    client.room = 100
    subscriber.offer(b"22222")
    assert client.sent == b"head" + b"22222"


def test_a_subscriber_that_has_gone_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        subscriber = event_stream.SocketSubscriber(ours)
        subscriber.offer(b"11111")
        subscriber.offer(b"22222")
