import gzip
import zlib

import httpx
import pytest

from loadlab.fleet.messages import Traced, decode_message, encode_message
from loadlab.recording.outcomes import Outcome
from loadlab.recording.trace import (
    Blocked,
    Body,
    Checked,
    FunctionBegins,
    FunctionEnds,
    MessageReceived,
    MessageSent,
    Printed,
    RequestFailed,
    RequestSent,
    ResponseReceived,
    Sleeping,
    StepBegins,
    StepEnds,
    TraceEvent,
    WebSocketEnded,
)
from loadlab.scenario.tracing import BODY_BYTES, Tracer


def answered(body: bytes, *, total: int | None = None, **headers: str) -> Body:
    events: list[TraceEvent] = []
    response = httpx.Response(200, headers={name.replace("_", "-"): value for name, value in headers.items()})
    Tracer(events.append).answered(1, response, body, len(body) if total is None else total, 5, True)
    (event,) = events
    assert isinstance(event, ResponseReceived)
    return event.body


def sent(request: httpx.Request) -> RequestSent:
    events: list[TraceEvent] = []
    assert Tracer(events.append).request(request, "POST /x") == 1
    (event,) = events
    assert isinstance(event, RequestSent)
    return event


def test_each_call_is_an_event_that_travels() -> None:
    events: list[TraceEvent] = []
    tracer = Tracer(events.append)
    tracer.function_begins("checkout")
    assert tracer.request(httpx.Request("GET", "http://h/a?b=1"), "GET /a") == 1
    assert tracer.request(httpx.Request("GET", "http://h/b"), "GET /b") == 2
    tracer.answered(1, httpx.Response(404, text="no"), b"no", 2, 7, False)
    tracer.failed(2, "timed out", 9)
    tracer.step_begins("browse")
    tracer.step_ends("browse", 11, Outcome.TIMEOUT)
    tracer.checked("order accepted", False)
    tracer.sleeping(0.25)
    tracer.printed("hello\n")
    tracer.blocked("shop.py:3", "work()", 60_000_000)
    tracer.message_sent("/chat", "hi")
    tracer.message_received("/chat", b"\x00\x01")
    tracer.websocket_ended("/chat", 1000, "bye")
    tracer.function_ends("checkout", 13, Outcome.SCRIPT_ERROR, "shop.py:3\nKeyError: 'x'")
    assert [decode_message(encode_message(Traced(event))) for event in events] == [Traced(event) for event in events]
    first = RequestSent(1, "GET", "http://h/a?b=1", "GET /a", [("Host", "h")], Body(0, "", True))
    assert events[0] == FunctionBegins("checkout")
    assert events[1] == first
    assert isinstance(events[3], ResponseReceived)
    assert (events[3].number, events[3].status, events[3].reason, events[3].expected) == (1, 404, "Not Found", False)
    assert events[4:] == [
        RequestFailed(2, "timed out", 9),
        StepBegins("browse"),
        StepEnds("browse", 11, "timeout"),
        Checked("order accepted", False),
        Sleeping(0.25),
        Printed("hello\n"),
        Blocked("shop.py:3", "work()", 60_000_000),
        MessageSent("/chat", Body(2, "hi", True)),
        MessageReceived("/chat", Body(2)),
        WebSocketEnded("/chat", 1000, "bye"),
        FunctionEnds("checkout", 13, "script_error", "shop.py:3\nKeyError: 'x'"),
    ]


def test_headers_are_those_that_are_sent() -> None:
    request = httpx.Request("POST", "http://h/x", headers={b"X-Name": b"\xe4"}, json={"a": 1})
    event = sent(request)
    assert ("X-Name", "ä") in event.headers
    assert event.body == Body(7, '{"a":1}', True)


def test_a_stream_is_not_read_to_be_shown() -> None:
    def pieces() -> object:
        yield b"abc"

    assert sent(httpx.Request("POST", "http://h/x", content=pieces())).body == Body(None)  # type: ignore[arg-type]
    files = {"file": ("a.txt", b"abc")}
    assert (sent(httpx.Request("POST", "http://h/x", files=files)).body.size_bytes or 0) > 100


@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=utf-8", "application/problem+json", ""])
def test_text_is_shown(kind: str) -> None:
    read = answered("ä".encode(), content_type=kind) if kind else answered("ä".encode())
    assert read == Body(2, "ä", True)


def test_what_is_no_text_has_a_size_only() -> None:
    assert answered(b"\x89PNG", content_type="image/png") == Body(4)
    assert answered(b"\xff\xfe") == Body(2)
    assert answered(b"") == Body(0, "", True)


def test_a_long_text_is_cut_where_a_character_ends() -> None:
    whole = "ä" * BODY_BYTES
    read = answered(b"x" + whole.encode()[: BODY_BYTES - 1], total=2 * BODY_BYTES + 1, content_type="text/plain")
    assert read == Body(2 * BODY_BYTES + 1, "x" + "ä" * (BODY_BYTES // 2 - 1), False)


def test_a_compressed_text_is_read() -> None:
    packed = gzip.compress(b'{"a": 1}')
    assert answered(packed, content_encoding="gzip", content_type="application/json") == Body(
        len(packed), '{"a": 1}', True
    )
    deflated = zlib.compress(b"abc")
    assert answered(deflated, content_encoding="deflate") == Body(len(deflated), "abc", True)


def test_compressed_text_of_which_only_the_beginning_came_or_is_of_use() -> None:
    packed = gzip.compress(bytes(range(32, 127)) * 1000)
    beginning = answered(packed[:200], total=len(packed), content_encoding="gzip")
    assert beginning.text is not None
    assert beginning.text.startswith(" !\"#$%&'")
    assert not beginning.whole
    bomb = gzip.compress(b"x" * 10_000_000)
    assert answered(bomb, content_encoding="gzip") == Body(len(bomb), "x" * BODY_BYTES, False)


def test_what_cannot_be_decoded_has_a_size_only() -> None:
    assert answered(b"abc", content_encoding="br", content_type="text/plain") == Body(3)
    assert answered(b"no gzip", content_encoding="gzip", content_type="text/plain") == Body(7)


def test_a_huge_print_is_cut() -> None:
    events: list[TraceEvent] = []
    Tracer(events.append).printed("x" * 10_000_000)
    assert events == [Printed("x" * BODY_BYTES)]
