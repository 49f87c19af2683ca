"""Responses that are looked into: fed whole, byte by byte, and cut in two at every point."""

from collections.abc import Iterator

import pytest

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.http1 import MAX_HEAD_BYTES
from loadlab.protocols.whole_response import WholeResponses

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

# Each with its status, body, and whether its connection can be used again.
COMPLETE = [
    pytest.param(OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True, id="a length"),
    pytest.param(OK + b"Content-Length: 0\r\n\r\n", 200, b"", True, id="no body"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 200, b"hello", True, id="chunks"),
    pytest.param(CHUNKED + b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", 200, b"hello", True, id="a trailer"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True, id="204"),
    pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True, id="304 with a length"),
    pytest.param(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", False, id="close"),
    pytest.param(OK + b"Connection: x, Close\r\nContent-Length: 0\r\n\r\n", 200, b"", False, id="among others"),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", False, id="HTTP/1.0"),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True, id="1.0 kept"
    ),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi", True, id="100"),
    pytest.param(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + CHUNKED + b"0\r\n\r\n", 200, b"", True, id="103"),
    pytest.param(OK + b"Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n", 200, b"hi", False, id="bytes behind it"),
]


def ways_to_cut(raw: bytes) -> Iterator[list[bytes]]:
    yield [raw]
    yield [bytes([byte]) for byte in raw]
    for at in range(1, len(raw)):
        yield [raw[:at], raw[at:]]


def feed_all(reader: WholeResponses, pieces: list[bytes]) -> bytes:
    for piece in pieces:
        reader.feed(piece)
    return b"".join(reader.pieces)


@pytest.mark.parametrize(("raw", "status", "body", "keep_alive"), COMPLETE)
def test_a_response_is_the_same_however_it_is_cut(raw: bytes, status: int, body: bytes, keep_alive: bool) -> None:
    reader = WholeResponses()
    for pieces in ways_to_cut(raw):
        reader.begin(is_head_request=False)
        assert feed_all(reader, pieces) == body, pieces
        assert (reader.has_head, reader.ended, reader.status) == (True, True, status), pieces
        assert reader.keep_alive == keep_alive, pieces


def test_fields_and_reason_are_those_of_the_final_head() -> None:
    reader = WholeResponses()
    raw = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
    for pieces in ways_to_cut(raw):
        reader.begin(is_head_request=True)
        feed_all(reader, pieces)
        assert (reader.status, reader.reason) == (404, b"Not Found")
        assert reader.fields == [(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_trailers_are_no_fields_of_the_head() -> None:
    reader = WholeResponses()
    feed_all(reader, [CHUNKED + b"0\r\nContent-Type: text/plain\r\n\r\n"])
    assert reader.fields == [(b"Transfer-Encoding", b"chunked")]


def test_a_response_to_head_ends_with_its_head() -> None:
    reader = WholeResponses()
    for pieces in ways_to_cut(OK + b"Content-Length: 5\r\n\r\n"):
        reader.begin(is_head_request=True)
        assert feed_all(reader, pieces) == b""
        assert (reader.ended, reader.keep_alive) == (True, True)
        reader.begin(is_head_request=False)
        assert feed_all(reader, [OK + b"Content-Length: 5\r\n\r\nhello"]) == b"hello"


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"Transfer-Encoding: gzip\r\n"])
def test_without_a_length_the_end_of_the_connection_ends_a_response(head: bytes) -> None:
    reader = WholeResponses()
    for pieces in ways_to_cut(head + b"\r\nhello"):
        reader.begin(is_head_request=False)
        assert feed_all(reader, pieces) == b"hello"
        assert not reader.ended
        reader.feed_end()
        assert (reader.ended, reader.keep_alive) == (True, False)
        reader = WholeResponses()


@pytest.mark.parametrize("raw", [b"", OK, OK + b"Content-Length: 5\r\n\r\nhell", CHUNKED + b"5\r\nhello\r\n"])
def test_a_response_that_is_cut_short_says_so(raw: bytes) -> None:
    reader = WholeResponses()
    reader.feed(raw)
    with pytest.raises(ResponseCutShort):
        reader.feed_end()


@pytest.mark.parametrize("raw", [b"SSH-2.0-x\r\n", b"\r\n" + OK, b"HTTP/1.1 20 OK\r\n\r\n", OK + b"no field\r\n\r\n"])
def test_what_is_no_http_is_malformed(raw: bytes) -> None:
    for pieces in ([raw], [bytes([byte]) for byte in raw]):
        with pytest.raises(MalformedResponse):
            feed_all(WholeResponses(), pieces)


def test_a_head_has_a_limit() -> None:
    reader = WholeResponses()
    with pytest.raises(ResponseTooLarge):
        feed_all(reader, [OK, *[b"X: " + b"y" * 1000 + b"\r\n"] * (MAX_HEAD_BYTES // 1000 + 2)])
