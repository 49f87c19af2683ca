"""The framing of a body that is handed out as it comes: fed whole, byte by byte, and cut in two at every point."""

from collections.abc import Iterator

import pytest

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.streamed_body import StreamedBody, StreamHead

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = b"5\r\nhello\r\n"

# Each with its body, and whether the framing says that it has ended.
CASES = [
    pytest.param(CHUNKED + HELLO + b"1\r\n!\r\n", b"hello!", False, id="chunks"),
    pytest.param(CHUNKED + HELLO + b"0\r\n\r\n", b"hello", True, id="the last chunk"),
    pytest.param(CHUNKED + b"0\r\n\r\n", b"", True, id="no chunk but the last"),
    pytest.param(CHUNKED + b"000A\r\n0123456789\r\n5;x=y\r\nhello\r\n", b"0123456789hello", False, id="sizes"),
    pytest.param(CHUNKED + b"a\r\n5\r\nhello\r\n\r\n0\r\n\r\n", b"5\r\nhello\r\n", True, id="chunks within a chunk"),
    pytest.param(CHUNKED + HELLO + b"0\r\nX: y\r\nContent-Type: text/plain\r\n\r\n", b"hello", True, id="trailers"),
    pytest.param(OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True, id="a length"),
    pytest.param(OK + b"Content-Length: 6\r\n\r\nhello", b"hello", False, id="a length, incomplete"),
    pytest.param(OK + b"\r\n" + HELLO, HELLO, False, id="until close"),
    pytest.param(b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False, id="HTTP/1.0"),
    pytest.param(OK + b"Content-Encoding: identity\r\n\r\nhello", b"hello", False, id="identity"),
    pytest.param(
        b"HTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\n" + CHUNKED + HELLO, b"hello", False, id="1xx before"
    ),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, id="204"),
    pytest.param(OK + b"Content-Length: 5\r\n\r\nhello" + CHUNKED + HELLO, b"hello", True, id="another behind it"),
]


def ways_to_cut(raw: bytes) -> Iterator[list[bytes]]:
    yield [raw]
    yield [bytes([byte]) for byte in raw]
    for at in range(1, len(raw)):
        yield [raw[:at], raw[at:]]


def feed_all(reader: StreamedBody, pieces: list[bytes]) -> bytes:
    return b"".join(map(reader.feed, pieces))


@pytest.mark.parametrize(("raw", "body", "ended"), CASES)
def test_a_body_is_the_same_however_it_is_cut(raw: bytes, body: bytes, ended: bool) -> None:
    for pieces in ways_to_cut(raw):
        reader = StreamedBody()
        assert feed_all(reader, pieces) == body, pieces
        assert reader.ended == ended, pieces
        assert reader.head is not None


def test_a_head_says_what_comes() -> None:
    reader = StreamedBody()
    reader.feed(OK + b"Content-Type: Text/Event-Stream; charset=utf-8\r\ntransfer-encoding: Chunked\r\n\r\n")
    assert reader.head == StreamHead(200, b"text/event-stream", chunked=True, until_close=False)
    reader = StreamedBody()
    reader.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n")
    assert reader.head == StreamHead(404, b"", chunked=False, until_close=False)
    reader = StreamedBody()
    reader.feed(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello")
    assert reader.head is not None
    assert reader.head.status == 101


def test_between_two_chunks_a_whole_one_needs_no_parser() -> None:
    reader = StreamedBody()
    reader.feed(CHUNKED)
    assert not reader.between_chunks  # the head is no chunk
    for data, between in [(HELLO, True), (HELLO, True), (b"5\r\nhe", False), (b"llo\r\n", True), (HELLO[:-1], False)]:
        reader.feed(data)
        assert reader.between_chunks == between
    assert reader.feed(b"\n" + HELLO) == b"hello"
    assert reader.between_chunks


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        CHUNKED + b"x\r\n",
        CHUNKED + HELLO + b"+5\r\nhello\r\n",
        CHUNKED + HELLO + b"0x5\r\nhello\r\n",
        CHUNKED + HELLO + b" 5\r\nhello\r\n",
        CHUNKED + HELLO + b"5\r\nhello!\r\n",
        OK + b"Content-Length: x\r\n\r\n",
    ],
)
def test_what_is_no_response_is_malformed_however_it_is_cut(raw: bytes) -> None:
    for pieces in ways_to_cut(raw):
        reader = StreamedBody()
        with pytest.raises(MalformedResponse):
            feed_all(reader, pieces)
        assert reader.received[:1] in (raw[:1], b"")


def test_an_encoded_body_is_malformed() -> None:
    with pytest.raises(MalformedResponse, match=r"its body is encoded \(gzip\), which the request does not accept"):
        StreamedBody().feed(OK + b"Content-Encoding: gzip\r\n\r\n")


def test_a_head_has_a_limit() -> None:
    reader = StreamedBody()
    reader.feed(OK + b"X: ")
    with pytest.raises(ResponseTooLarge):
        feed_all(reader, [b"x" * 1_000] * 100)


def test_an_end_without_a_head_cuts_it_short() -> None:
    with pytest.raises(ResponseCutShort):
        StreamedBody().feed_end()
