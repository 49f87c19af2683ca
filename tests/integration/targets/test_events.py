"""Streams of events of the servers that have the handler `events`, read as a client would, and by one that is slow."""

import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httptools
import httpx
import pytest

from .server_process import Server, hello, receive_response, serving, wait_until

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event, and when it was read."""

    number: int
    sent_unix_ns: int
    text: str
    read_unix_ns: int


class Stream:
    """A stream of events over a socket of ours."""

    def __init__(self, client: socket.socket, query: str) -> None:
        client.sendall(f"GET /events?{query} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        self.client = client
        self._parser = httptools.HttpResponseParser(self)
        self._text = ""

    def on_body(self, body: bytes) -> None:
        self._text += body.decode()

    def blocks(self) -> Iterator[tuple[str, int]]:
        """Yield what stands between empty lines, and when it was read."""
        while True:
            while "\n\n" in self._text:
                block, _, self._text = self._text.partition("\n\n")
                yield block, time.time_ns()
            data = self.client.recv(65536)
            assert data, "the server closed"
            self._parser.feed_data(data)

    def events(self) -> Iterator[Event]:
        """Yield the events, checked for their form."""
        for block, read_unix_ns in self.blocks():
            if block != ": subscribed":
                found = re.fullmatch(r"id: ([0-9]+)\ndata: (.+)", block)
                assert found is not None, block
                data = json.loads(found[2])
                assert data["n"] == int(found[1])
                yield Event(data["n"], data["sent_unix_ns"], block, read_unix_ns)


def test_a_stream_begins_at_once_and_goes_on(streaming_server: Server) -> None:
    host, port = streaming_server.address
    started = time.monotonic()
    with httpx.stream("GET", f"http://{host}:{port}/events?every=60s", timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert next(response.iter_lines()) == ": subscribed"
    assert time.monotonic() - started < 20  # and not after the first event


def test_events_come_in_their_order_and_when_they_are_due(streaming_server: Server) -> None:
    with streaming_server.connect() as client:
        subscribed_ns = time.time_ns()
        events = [event for event, _ in zip(Stream(client, "every=50ms").events(), range(6), strict=False)]
    numbers = [event.number for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + 6))
    sent = [event.sent_unix_ns for event in events]
    assert sent == sorted(sent)
    assert sent[-1] - sent[0] >= 5 * 50e6 * 0.8  # a timer is late, but hardly early
    # A millisecond for clocks that are not one: Node.js counts on from the time at which it was started.
    assert subscribed_ns - 1e6 < sent[0]
    assert all(event.sent_unix_ns < event.read_unix_ns + 1e6 for event in events)


def test_all_get_the_same_bytes(streaming_server: Server) -> None:
    with ExitStack() as stack:
        streams = [
            Stream(stack.enter_context(streaming_server.connect()), "every=30ms&bytes=300").events() for _ in range(5)
        ]
        read = [[next(stream) for _ in range(5)] for stream in streams]
    texts = [{event.number: event.text for event in events} for events in read]
    shared = set.intersection(*(set(each) for each in texts))
    assert shared
    for number in shared:
        assert len({each[number] for each in texts}) == 1
    assert {len(event.text) + len("\n\n") for events in read for event in events} == {300}


def test_streams_of_different_kinds_do_not_mix(streaming_server: Server) -> None:
    with streaming_server.connect() as one, streaming_server.connect() as other, streaming_server.connect() as third:
        small, large = Stream(one, "every=20ms").events(), Stream(other, "every=20ms&bytes=2000").events()
        assert {len(next(small).text) for _ in range(5)} < set(range(100))
        assert {len(next(large).text) + 2 for _ in range(5)} == {2000}
        hello([third])


def test_a_slow_subscriber_misses_events_and_costs_no_memory(streaming_server: Server) -> None:
    query = "every=10ms&bytes=500000"
    with ExitStack() as stack:
        slow = Stream(narrow_connection(streaming_server, stack), query)
        quick = Stream(stack.enter_context(streaming_server.connect()), query).events()
        for _ in range(10):
            last = next(quick)
        before = resident_bytes(streaming_server)
        while last.number < 100:
            last = next(quick)
        # It would be 45 MB if they were kept.
        assert resident_bytes(streaming_server) - before < 25 * MIB
        numbers = []
        for event in slow.events():
            assert len(event.text) + 2 == 500_000
            numbers.append(event.number)
            if event.number > 100:
                break
        assert numbers == sorted(set(numbers))
        assert len(numbers) < 80


def narrow_connection(server: Server, stack: ExitStack) -> socket.socket:
    client = stack.enter_context(socket.socket())
    client.settimeout(30)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(server.address)
    return client


def resident_bytes(server: Server) -> int:
    return sum(
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096  # pages
        for pid in server.pids()
    )


def test_who_leaves_gets_no_more_and_leaves_nothing(streaming_server: Server) -> None:
    with streaming_server.connect() as bystander:
        hello([bystander])
        streaming_server.wait_settled()
        before = streaming_server.holdings().descriptors
        for reset in (False, True):
            with ExitStack() as stack:
                for _ in range(20):
                    client = stack.enter_context(streaming_server.connect())
                    next(Stream(client, "every=20ms").events())
                    if reset:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            wait_until(lambda: streaming_server.holdings().descriptors == before)
        hello([bystander])
        with streaming_server.connect() as client:
            assert next(Stream(client, "every=20ms").events()).number == 1  # the broadcast before has ended


@pytest.mark.parametrize("query", ["every=0ms", "every=100", "bytes=1048577"])
def test_a_bad_parameter_is_a_bad_request(streaming_server: Server, query: str) -> None:
    with streaming_server.connect() as client:
        client.sendall(f"GET /events?{query} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        status, body = receive_response(client)
        assert status == 400
        assert body in (b"every must be a time from 1ms to 60s\n", b"bytes must be a number from 0 to 1048576\n")


def test_there_are_events_for_get_only(streaming_server: Server) -> None:
    with streaming_server.connect() as client:
        client.sendall(b"POST /events HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
        assert receive_response(client)[0] == 405


def test_requests_may_come_before(streaming_server: Server) -> None:
    with streaming_server.connect() as client:
        hello([client] * 2)
        assert next(Stream(client, "every=20ms").events()).number == 1


def test_events_do_not_keep_a_waiting_handler_from_others(streaming: str) -> None:
    with serving(streaming) as server, server.connect() as subscriber, server.connect() as slow:
        slow.sendall(b"GET /sleep?ms=200 HTTP/1.1\r\nHost: test\r\n\r\n")
        stream = Stream(subscriber, "every=20ms").events()
        assert next(stream).number == 1
        assert receive_response(slow) == (200, b"slept\n")
        assert next(stream).number == 2
