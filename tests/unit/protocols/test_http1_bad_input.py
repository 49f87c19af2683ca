"""What is not a response, or has no end: one of three exceptions, however it is cut, and never another."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadlab.protocols import http1
from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.http1 import MAX_BODY_BYTES, MAX_HEAD_BYTES, ResponseParsers, ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP in lower case": b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a body without a head": b"<html></html>",
    "zeros": bytes(100),
    "TLS": b"\x15\x03\x01\x00\x02\x02\x16",
    "no version": b"HTTP/\r\n\r\n",
    "an unknown version": b"HTTP/3.7 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "two digits of status": b"HTTP/1.1 20 OK\r\n\r\n",
    "four digits of status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "a name with a space": OK + b"Bad Header: x\r\n\r\n",
    "a space before the colon": OK + b"Content-Length : 2\r\n\r\nok",
    "no colon": OK + b"Header\r\n\r\n",
    "no name": OK + b": x\r\n\r\n",
    "a zero byte in a value": OK + b"X: a\0b\r\n\r\n",
    "a folded status line": b"HTTP/1.1\r\n 200 OK\r\n\r\n",
    "one line ended by LF alone": OK + b"X: a\nContent-Length: 2\r\n\r\nok",
    "lengths that differ": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "lengths that differ in one field": OK + b"Content-Length: 2, 3\r\n\r\nok",
    "length and chunked": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "an empty length": OK + b"Content-Length: \r\n\r\nok",
    "a signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "a hexadecimal length": OK + b"Content-Length: 0x2\r\n\r\nok",
    "a length with an underscore": OK + b"Content-Length: 1_0\r\n\r\nok",
    "a length past 64 bits": OK + b"Content-Length: 99999999999999999999\r\n\r\nok",
    "chunk size 0x10": CHUNKED + b"0x10\r\n",
    "chunk size +5": CHUNKED + b"+5\r\n",
    "chunk size -5": CHUNKED + b"-5\r\n",
    "chunk size 1_0": CHUNKED + b"1_0\r\n",
    "chunk size 5 5": CHUNKED + b"5 5\r\n",
    "a chunk size past 64 bits": CHUNKED + b"10000000000000000\r\n",
    "an empty chunk size": CHUNKED + b"\r\n",
    "an extension without a size": CHUNKED + b";a=1\r\n",
    "a chunk longer than its size": CHUNKED + b"2\r\nlong\r\n",
    "a chunk shorter than its size": CHUNKED + b"5\r\nab\r\n0\r\n\r\n",
    "a chunk size ended by LF alone": CHUNKED + b"5\nhello\r\n",
    "a chunk ended by LF alone": CHUNKED + b"5\r\nhello\n",
    "a trailer ended by LF alone": CHUNKED + b"0\r\nX: y\n\r\n",
}


def new_reader(method: str = "GET") -> ResponseReader:
    return ResponseReader(ResponseParsers(method))


def feed_all(reader: ResponseReader, pieces: list[bytes]) -> None:
    for piece in pieces:
        assert reader.feed(piece) is None, "it was taken for a whole response"


def pieces_of(raw: bytes, size: int) -> list[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_it_is_malformed_however_it_is_cut(raw: bytes) -> None:
    for pieces in (
        [raw],
        pieces_of(raw, 1),
        *([raw[:cut], raw[cut:]] for cut in range(1, len(raw))),
    ):
        with pytest.raises(MalformedResponse):
            feed_all(new_reader(), pieces)


def test_garbage_is_found_at_its_first_wrong_byte() -> None:
    reader = new_reader()
    feed_all(reader, [b"H", b"T", b"T", b"P"])
    with pytest.raises(MalformedResponse):
        reader.feed(b"S")


def test_a_malformed_head_is_malformed_every_time() -> None:
    reader = new_reader()
    for _ in range(2):
        with pytest.raises(MalformedResponse):
            reader.feed(OK + b"Content-Length: -1\r\n\r\n")


def test_a_head_of_lines_ended_by_lf_alone_is_malformed_at_once() -> None:
    with pytest.raises(MalformedResponse):
        new_reader().feed(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")


def head_of(length: int) -> bytes:
    """Return a response without a body whose head is `length` bytes long, its last line end and empty line apart."""
    start = b"HTTP/1.1 204 No Content\r\nX: "
    return start + b"a" * (length - len(start)) + b"\r\n\r\n"


# The smallest leaves two or three bytes of the last line ends for the last piece.
PIECES_BYTES = (66, 4_096, MAX_HEAD_BYTES, 10 * MAX_HEAD_BYTES)


@pytest.mark.parametrize("piece_bytes", PIECES_BYTES)
def test_the_longest_head_is_read_however_it_is_cut(piece_bytes: int) -> None:
    *pieces, last = pieces_of(head_of(MAX_HEAD_BYTES), piece_bytes)
    reader = new_reader()
    feed_all(reader, pieces)
    assert reader.feed(last) is not None


@pytest.mark.parametrize("piece_bytes", PIECES_BYTES)
def test_a_head_longer_than_that_is_too_large_however_it_is_cut(piece_bytes: int) -> None:
    with pytest.raises(ResponseTooLarge):
        feed_all(new_reader(), pieces_of(head_of(MAX_HEAD_BYTES + 1), piece_bytes))


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 ", OK + b"X-Name", OK + b"X: ", OK + b"X: a\r\n b"],
    ids=["reason", "name", "value", "folded value"],
)
def test_a_line_without_end_is_too_large(start: bytes) -> None:
    reader = new_reader()
    feed_all(reader, [start])
    with pytest.raises(ResponseTooLarge):
        feed_all(reader, [b"1" * 1_000] * (MAX_HEAD_BYTES // 1_000 + 2))


def test_1xx_responses_without_end_are_too_large() -> None:
    with pytest.raises(ResponseTooLarge):
        feed_all(new_reader(), [b"HTTP/1.1 100 Continue\r\n\r\n"] * (MAX_HEAD_BYTES // 25 + 1))


@pytest.mark.parametrize(
    "head",
    [
        OK + b"\r\n",
        OK + b"Content-Length: %d\r\n\r\n" % (2 * MAX_BODY_BYTES),
        CHUNKED + b"%x\r\n" % (2 * MAX_BODY_BYTES),
        CHUNKED + b"ffffffffffffffff\r\n",
    ],
)
def test_a_body_past_the_limit_is_too_large(head: bytes) -> None:
    piece = bytes(1 << 24)
    reader = new_reader()
    feed_all(reader, [head, *[piece] * (MAX_BODY_BYTES // len(piece))])
    with pytest.raises(ResponseTooLarge):
        reader.feed(b"x")


@pytest.mark.parametrize(
    ("start", "again"),
    [(b"", b"2;a=1\r\nok\r\n"), (b"0", b"0"), (b"5;", b"a"), (b"0\r\n", b"X: y\r\n")],
    ids=["chunks", "size", "extension", "trailers"],
)
def test_a_chunked_body_without_end_is_too_large(start: bytes, again: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_BODY_BYTES", 100_000)
    reader = new_reader()
    feed_all(reader, [CHUNKED + start, *[again * 100] * (1_000 // len(again) - 1)])
    with pytest.raises(ResponseTooLarge):
        feed_all(reader, [again * 100] * 1_000)


def test_the_end_of_a_stream_that_brought_nothing_cuts_short() -> None:
    with pytest.raises(ResponseCutShort):
        new_reader().feed_end()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@given(pieces=st.lists(st.binary(max_size=200), max_size=10))
@example(pieces=[b"", b"H", b""])
def test_random_bytes_raise_nothing_else(method: str, pieces: list[bytes]) -> None:
    read_to_the_end(new_reader(method), pieces)


_HTTP_WORDS = [
    *(b"\r\n ", b"\r\n\t"),
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"100", b"101", b"200", b"204", b"304", b" OK", b"\r\n", b"\r", b"\n", b"\r\n\r\n"),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"gzip, ", b"Connection: ", b"close", b"Upgrade: x"),
    *(b"0", b"1", b"5", b"a", b"-", b"+", b"_", b";", b",", b" ", b"\t", b":", b"\0", b"\xff", b"hello"),
]


@given(words=st.lists(st.sampled_from(_HTTP_WORDS), max_size=40), head=st.sampled_from([b"", OK, CHUNKED]))
def test_random_words_of_http_raise_nothing_else_and_mean_the_same_however_cut(words: list[bytes], head: bytes) -> None:
    raw = head + b"".join(words)
    assert read_to_the_end(new_reader(), [raw]) == read_to_the_end(new_reader(), pieces_of(raw, 1))


def read_to_the_end(reader: ResponseReader, pieces: list[bytes]) -> str:
    """Return the status of the first response or the name of the documented exception that it ends with."""
    try:
        for piece in pieces:
            head = reader.feed(piece)
            if head is not None:
                return str(head.status)
        return str(reader.feed_end().status)
    except (MalformedResponse, ResponseTooLarge, ResponseCutShort) as error:
        return type(error).__name__
