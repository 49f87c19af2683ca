"""Streams of events as servers send them, each fed whole, byte by byte, and cut in two at every point."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.protocols import event_stream
from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.event_stream import EventParser, EventStreamReader, KnownPieces

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
SENT = 1_790_000_000_123_456_789
STAMPED = b'data: {"n": 1, "sent_unix_ns": %d}\n\n' % SENT


@dataclass(frozen=True, slots=True)
class Case:
    """A body, and what it says: when each of its events was sent, the last id, and the time before a new request."""

    name: str
    body: bytes
    events: tuple[int, ...] = (0,)
    last_event_id: bytes | None = None
    retry_ms: int | None = None

    def __str__(self) -> str:
        return self.name


# The first ones are the examples of the HTML standard, 9.2.6.
CASES = [
    Case("several lines of data", b"data: YHOO\ndata: +2\ndata: 10\n\n"),
    Case(
        "ids, comments and an empty id",
        b": test stream\n\ndata: a\nid: 1\n\ndata:b\nid\n\ndata:  c\n\n",
        (0, 0, 0),
        b"",
    ),
    Case("data without a value are events", b"data\n\ndata\ndata\n\n", (0, 0)),
    Case("a space behind the colon", b"data:test\n\ndata: test\n\n", (0, 0)),
    Case("one event", b"data: hello\n\n"),
    Case("the type of an event", b"event: add\ndata: 1\n\nevent: remove\ndata: 2\n\n", (0, 0)),
    Case("CRLF", b"data: a\r\nid: 1\r\n\r\ndata: b\r\n\r\n", (0, 0), b"1"),
    Case("CR", b"data: a\rid: 1\r\rdata: b\r\r", (0, 0), b"1"),
    Case("each line with an end of its own", b"data: a\nid: 1\r\n\rdata: b\r\r\ndata: c\r\n\n", (0, 0, 0), b"1"),
    Case("CRLF behind CR", b"data: a\r\r\ndata: b\r\n\r\n", (0, 0)),
    Case("more empty lines than needed", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", (0, 0)),
    Case("a byte order mark", b"\xef\xbb\xbfdata: a\n\n"),
    Case("a byte order mark before an empty line", b"\xef\xbb\xbf\n\ndata: a\n\n"),
    Case("a byte order mark later is part of a name", b"data: a\n\n\xef\xbb\xbfdata: b\n\n"),
    Case("a comment keeps the connection alive", b": ping\n\n:\n\n: \n\n", ()),
    Case("a comment within an event", b"data: a\n: comment\nid: 7\n\n", (0,), b"7"),
    Case("an id without data is no event, but counts", b"id: 5\n\n", (), b"5"),
    Case("a retry time without data is no event, but counts", b"retry: 3000\n\n", (), None, 3000),
    Case("a retry time that is no number", b"retry: 10s\ndata: a\n\nretry: -1\n\nretry:\n\n", (0,)),
    Case("a retry time of many digits", b"retry: " + b"9" * 6_000 + b"\n\n", (), None, 1_000_000_000),
    Case("the last retry time", b"retry: 1\nretry: 20\n\n", (), None, 20),
    Case("an id with a null character", b"id: 1\n\nid: 2\0\ndata: a\n\n", (0,), b"1"),
    Case("an id with spaces and UTF-8", "id:  \u00e9 x\n\n".encode(), (), " \u00e9 x".encode()),
    Case("names are case-sensitive", b"Data: a\nDATA: b\nID: 1\n\n", ()),
    Case("unknown fields", b"foo: bar\n\ndata_: x\n\n", ()),
    Case("an event that is incomplete", b"data: a\n\nid: 2\ndata: b\n", (0,)),
    Case("the send time", STAMPED, (SENT,)),
    Case("the send time without a space", b'id: 1\ndata: {"sent_unix_ns":%d,"n":1}\n\n' % SENT, (SENT,), b"1"),
    Case("the send time in the second line of data", b'data: {\ndata: "sent_unix_ns": 12\ndata: }\n\n', (12,)),
    Case("a send time that is no integer", b'data: {"sent_unix_ns": "1"}\n\ndata: {"sent_unix_ns": -1}\n\n', (0, 0)),
    Case("a send time of too many digits", b'data: {"sent_unix_ns": 12345678901234567890}\n\n', (0,)),
    Case("a send time in a comment", b': "sent_unix_ns": 12\ndata: a\n\n', (0,)),
    Case("nothing", b"", ()),
]


def ways_to_cut(raw: bytes) -> Iterator[list[bytes]]:
    yield [raw]
    yield [bytes([byte]) for byte in raw]
    for at in range(1, min(len(raw), 500)):
        yield [raw[:at], raw[at:]]


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)


def read(reader: EventStreamReader, pieces: Sequence[bytes]) -> tuple[int, ...]:
    return tuple(sent_ns for piece in pieces for sent_ns in reader.feed(piece))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_body_is_read_alike_however_it_is_cut(case: Case) -> None:
    for pieces in ways_to_cut(case.body):
        parser, events, last_event_id, retry_ms = EventParser(), [], None, None
        for piece in filter(None, pieces):
            found = parser.feed(piece)
            events += found.sent_ns
            last_event_id = last_event_id if found.last_event_id is None else found.last_event_id
            retry_ms = retry_ms if found.retry_ms is None else found.retry_ms
        assert (tuple(events), last_event_id, retry_ms) == (case.events, case.last_event_id, case.retry_ms), pieces


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("head", [HEAD, UNTIL_CLOSE], ids=["chunked", "until close"])
def test_a_response_is_read_alike_however_it_is_cut(case: Case, head: bytes) -> None:
    """Some streams of a load have read the same before, whole or in other pieces."""
    known = KnownPieces()
    body = chunked(case.body[:20], case.body[20:]) if head is HEAD else case.body
    for pieces in ([head, body], [head, body], *ways_to_cut(head + body), [head, body]):
        reader = EventStreamReader(known)
        assert read(reader, pieces) == case.events, pieces
        assert (reader.last_event_id, reader.retry_ms) == (case.last_event_id, case.retry_ms), pieces


@given(data=st.data())
def test_lines_may_end_in_any_way(data: st.DataObject) -> None:
    """Whatever its line ends, a body says what it says with LF; the reference splits it as a browser's does."""
    lines = data.draw(st.lists(st.sampled_from([b"data: x", b"id: 1", b": c", b"", b"", b"data"]), max_size=20))
    body = b"".join(line + data.draw(st.sampled_from([b"\n", b"\r", b"\r\n"])) for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    parser = EventParser()
    found = sum(len(parser.feed(piece).sent_ns) for piece in pieces if piece)
    blocks = "".join("d" if line.startswith("data") else "." if line else "|" for line in _lines(body)).split("|")
    assert found == sum("d" in block for block in blocks[:-1])


def _lines(body: bytes) -> list[str]:
    return body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]


def test_the_same_piece_is_read_once_for_all_streams() -> None:
    known = KnownPieces()
    first, second = EventStreamReader(known), EventStreamReader(known, last_event_id=b"6")
    event = chunked(b"id: 7\nretry: 10\n" + STAMPED)
    assert read(first, [HEAD, event]) == (SENT,)
    assert read(second, [HEAD, event]) == (SENT,)
    assert (second.last_event_id, second.retry_ms) == (b"7", 10)


def test_a_known_piece_within_an_event_is_read_as_it_stands() -> None:
    known = KnownPieces()
    whole, cut = EventStreamReader(known), EventStreamReader(known)
    event = chunked(STAMPED)
    assert read(whole, [HEAD, event, event]) == (SENT, SENT)
    assert read(cut, [HEAD, chunked(b"data: a\n"), event]) == (SENT,)  # one event of two lines
    assert read(cut, [event]) == (SENT,)
    size_line = b"%x\r\n" % len(event)
    assert read(cut, [size_line, event]) == (SENT,)  # its own size line is within the event, of no known name
    assert read(cut, [b"\r\n" + event]) == (SENT,)


def test_other_content_is_an_event_for_each_piece() -> None:
    head = HEAD.replace(b"text/event-stream", b"application/x-ndjson")
    reader = EventStreamReader(KnownPieces())
    assert read(reader, [head]) == ()
    assert reader.feed(chunked(b'{"token": "a"}\n')) == [0]
    assert reader.feed(chunked(b'{"token": "b"}\n', b'{"token": "c"}\n')) == [0]
    assert reader.feed(b"5\r") == []
    assert reader.feed(b'\n"sent') == [0]
    assert reader.feed(b'\r\n18\r\n"sent_unix_ns": 12345678\r\n') == [12345678]
    assert reader.feed(b"0\r\n\r\n") == []
    assert reader.ended
    reader.feed_end()


@pytest.mark.parametrize("behind", [b"", b": bye\n", b"\n"])
def test_a_stream_that_ends_between_two_events_is_complete(behind: bytes) -> None:
    reader = EventStreamReader(KnownPieces())
    assert read(reader, [HEAD, chunked(STAMPED + behind) + b"0\r\n\r\n"]) == (SENT,)
    assert reader.ended
    reader.feed_end()
    until_close = EventStreamReader(KnownPieces())
    assert read(until_close, [UNTIL_CLOSE + STAMPED + behind]) == (SENT,)
    assert not until_close.ended
    until_close.feed_end()
    assert until_close.ended


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (HEAD[:30], "^$"),
        (b"", "^$"),
        (HEAD, "the connection ended before the stream's last chunk"),
        (HEAD + chunked(STAMPED), "the connection ended before the stream's last chunk"),
        (HEAD + chunked(STAMPED + b"data: b") + b"0\r\n\r\n", "the stream ended within an event"),
        (UNTIL_CLOSE + STAMPED + b"id: 3\n", "the stream ended within an event"),
        (UNTIL_CLOSE[:-2] + b"Content-Length: 99\r\n\r\ndata: a\n\n", "before the stream's end of its body"),
    ],
)
def test_a_stream_that_is_cut_is_reported(raw: bytes, reason: str) -> None:
    reader = EventStreamReader(KnownPieces())
    reader.feed(raw)
    with pytest.raises(ResponseCutShort, match=reason):
        reader.feed_end()


def test_a_reader_that_is_closed_leaves_nothing_to_collect() -> None:
    gc.collect()
    gc.disable()
    try:
        for raw in (HEAD + chunked(STAMPED) + b"0\r\n\r\n", UNTIL_CLOSE, b"HTTP/1.1 ", b"SSH-2.0"):
            reader = EventStreamReader(KnownPieces())
            with suppress(MalformedResponse):
                reader.feed(raw)
            reader.close()
            del reader
            assert gc.collect() == 0, raw
    finally:
        gc.enable()


def test_long_events_are_read_in_pieces_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1_000)
    exact = b"data: " + b"x" * 994
    for pieces in ways_to_cut(exact + b"\n\n"):
        parser = EventParser()
        assert sum(len(parser.feed(piece).sent_ns) for piece in pieces) == 1
    with pytest.raises(ResponseTooLarge, match="an event of more than 1,000 bytes"):
        EventParser().feed(exact + b"x\n\n")
    parser = EventParser()
    parser.feed(exact)
    with pytest.raises(ResponseTooLarge):
        parser.feed(b"xx")
