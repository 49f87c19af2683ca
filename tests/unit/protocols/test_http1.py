"""Responses as servers send them, each fed whole, byte by byte, cut in two at every point, and with bytes behind it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseHead
from loadlab.protocols.http1 import ResponseParsers, ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One response and what it must be read as. `until_close`: only the end of the stream completes it."""

    name: str
    raw: bytes
    status: int = 200
    keep_alive: bool = True
    until_close: bool = False
    method: str = "GET"

    def __str__(self) -> str:
        return self.name


SIZED = [
    Case("Content-Length", OK + b"Content-Length: 5\r\n\r\nhello"),
    Case("Content-Length of 0", OK + b"Content-Length: 0\r\n\r\n"),
    Case("space around the length", OK + b"Content-Length:   5  \r\n\r\nhello"),
    Case("a body that looks like a response", OK + b"Content-Length: 25\r\n\r\nHTTP/1.1 404 Gone\r\n\r\n\r\n\r\n"),
    Case("names in lower case", OK + b"content-length: 2\r\nconnection: close\r\n\r\nok", keep_alive=False),
    Case("names in upper case", OK + b"CONTENT-LENGTH: 2\r\nCONNECTION: CLOSE\r\n\r\nok", keep_alive=False),
    Case("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
    Case("bytes above ASCII", b"HTTP/1.1 200 \xe4\r\nX: \xff\xfe\r\nContent-Length: 2\r\n\r\nok"),
    Case("an error", b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", status=503),
    Case("several options", OK + b"Connection: x, Close\r\nContent-Length: 2\r\n\r\nok", keep_alive=False),
    Case(
        "two Connection fields", OK + b"Connection: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, False
    ),
    Case("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", keep_alive=False),
    Case("HTTP/1.0 kept alive", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok"),
    Case("HEAD with a length", OK + b"Content-Length: 5\r\n\r\n", method="HEAD"),
    Case("HEAD of a chunked body", OK + b"Transfer-Encoding: chunked\r\n\r\n", method="HEAD"),
    Case("HEAD and closed", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\n", keep_alive=False, method="HEAD"),
    Case("HEAD, 1xx before", b"HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n" + OK + b"\r\n", method="HEAD"),
    Case("HEAD in HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", keep_alive=False, method="HEAD"),
    Case("HEAD of a body until close", OK + b"\r\n", method="HEAD"),
    Case("204", b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    Case("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status=204),
    Case("204 with a length, closed", b"HTTP/1.1 204 No\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", 204, False),
    Case("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status=304),
    Case("100 before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok"),
    Case(
        "several 1xx before the answer",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        status=404,
    ),
    # It ends HTTP on this connection, so no further request may be sent there.
    Case("101", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", status=101, keep_alive=False),
]
FOLDED = [
    Case("a folded field", OK + b"X: a\r\n b\r\n\tc\r\nContent-Length: 2\r\n\r\nok"),
    Case(
        "folded fields before and in the answer",
        b"HTTP/1.1 103 Hints\r\nX: a\r\n b\r\n\r\n" + OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    ),
    Case("several folded fields", OK + b"X: a\r\n b\r\nContent-Length: 2\r\nY:\r\n  c\r\n\r\n x"),
    Case("a folded length", OK + b"Content-Length:\r\n 2\r\n\r\nok"),
    Case("a folded Connection", OK + b"Connection: x,\r\n close\r\nContent-Length: 2\r\n\r\nok", keep_alive=False),
    Case("a folded coding", OK + b"Transfer-Encoding: gzip,\r\n chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    Case("1xx before a folded field", b"HTTP/1.1 100 Go\r\n\r\n" + OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
    Case("folded, HEAD", OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n", method="HEAD"),
]
CHUNKED_HEAD = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED = [
    Case("chunked", CHUNKED_HEAD + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    Case("chunked and empty", CHUNKED_HEAD + b"0\r\n\r\n"),
    Case("chunk extensions", CHUNKED_HEAD + b'5;a=1;b="x"\r\nhello\r\n0;last\r\n\r\n'),
    Case("trailers", CHUNKED_HEAD + b"2\r\nok\r\n0\r\nDigest: x\r\nExpires: never\r\n\r\n"),
    Case("sizes in either case", CHUNKED_HEAD + b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"),
    Case("a size of 17 digits", CHUNKED_HEAD + b"00000000000000002\r\nok\r\n0\r\n\r\n"),
    Case("leading zeros", CHUNKED_HEAD + b"0002\r\nok\r\n000\r\n\r\n"),
    Case("space behind the size", CHUNKED_HEAD + b"2 \r\nok\r\n0\r\n\r\n"),
    Case("chunks that hold line ends", CHUNKED_HEAD + b"8\r\n\r\n0\r\n\r\n\n\r\n0\r\n\r\n"),
    Case("chunked in upper case", OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
    Case("gzip inside chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    Case("codings in two fields", OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Case(
        "chunked and closed", OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", keep_alive=False
    ),
]
UNTIL_CLOSE = [
    Case("until close", OK + b"Server: x\r\n\r\nhello", keep_alive=False, until_close=True),
    Case("until close and empty", OK + b"\r\n", keep_alive=False, until_close=True),
    Case("until close in HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", keep_alive=False, until_close=True),
    Case("a coding other than chunked", OK + b"Transfer-Encoding: gzip\r\n\r\n\x1f\x8b", 200, False, until_close=True),
    Case("a folded field until close", OK + b"X: a\r\n b\r\n\r\nhello", keep_alive=False, until_close=True),
    Case("100 before it", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\nhello", keep_alive=False, until_close=True),
]
SELF_DELIMITED = SIZED + FOLDED + CHUNKED
ALL = SELF_DELIMITED + UNTIL_CLOSE


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def reader_for(method: str) -> ResponseReader:
    """Return a reader that has met no response yet."""
    return ResponseReader(ResponseParsers(method))


def read(reader: ResponseReader, pieces: Iterable[bytes]) -> ResponseHead:
    """Feed pieces and then the end of the stream; nothing may be left over once a response is complete."""
    remaining = iter(pieces)
    for piece in remaining:
        head = reader.feed(piece)
        if head is not None:
            assert list(remaining) == []
            return head
    return reader.feed_end()


def check(case: Case, head: ResponseHead) -> None:
    assert head == ResponseHead(case.status, case.keep_alive, case.until_close, surplus=False)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_whole(case: Case) -> None:
    check(case, read(reader_for(case.method), [case.raw]))


@pytest.mark.parametrize("case", ALL, ids=str)
def test_byte_by_byte(case: Case) -> None:
    check(case, read(reader_for(case.method), [bytes([byte]) for byte in case.raw]))


@pytest.mark.parametrize("case", ALL, ids=str)
def test_cut_in_two_at_every_point(case: Case) -> None:
    parsers = ResponseParsers(case.method)
    for cut in range(len(case.raw) + 1):
        reader = ResponseReader(parsers)
        check(case, read(reader, [piece for piece in (case.raw[:cut], case.raw[cut:]) if piece]))


@pytest.mark.parametrize("case", ALL, ids=str)
@given(data=st.data())
def test_cut_anywhere(case: Case, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(case.raw) - 1), max_size=8)))
    pieces = [case.raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(case.raw)], strict=True)]
    check(case, read(reader_for(case.method), pieces))


@pytest.mark.parametrize("case", SELF_DELIMITED, ids=str)
def test_no_proper_beginning_of_a_response_is_complete(case: Case) -> None:
    reader = reader_for(case.method)
    assert all(reader.feed(bytes([byte])) is None for byte in case.raw[:-1])
    assert reader.feed(case.raw[-1:]) is not None


@pytest.mark.parametrize("case", SELF_DELIMITED, ids=str)
def test_a_stream_that_ends_early_cuts_the_response_short(case: Case) -> None:
    for length in range(len(case.raw)):
        reader = reader_for(case.method)
        assert reader.feed(case.raw[:length]) is None
        with pytest.raises(ResponseCutShort):
            reader.feed_end()


@pytest.mark.parametrize("case", UNTIL_CLOSE, ids=str)
def test_a_stream_that_ends_within_the_head_cuts_the_response_short(case: Case) -> None:
    for length in range(case.raw.rindex(b"\r\n\r\n") + 4):
        reader = reader_for(case.method)
        assert reader.feed(case.raw[:length]) is None
        with pytest.raises(ResponseCutShort):
            reader.feed_end()


@pytest.mark.parametrize("trailing", [b"x", b"\r\n", OK + b"Content-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("case", SELF_DELIMITED, ids=str)
def test_bytes_behind_a_response_are_noticed_and_end_the_connection(case: Case, trailing: bytes) -> None:
    for cut in range(len(case.raw)):
        reader = reader_for(case.method)
        first = reader.feed(case.raw[:cut])
        assert first is None
        head = reader.feed(case.raw[cut:] + trailing)
        assert head is not None
        assert (head.status, head.keep_alive, head.surplus) == (case.status, False, True)


@pytest.mark.parametrize("case", SELF_DELIMITED, ids=str)
def test_a_response_is_read_again_as_it_was_the_first_time(case: Case) -> None:
    """Twice over, by readers that share their parsers, whole and in two pieces."""
    parsers = ResponseParsers(case.method)
    for _ in range(2):
        for pieces in ([case.raw], [case.raw[:-1], case.raw[-1:]]):
            reader = ResponseReader(parsers)
            check(case, read(reader, pieces))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_response_after_another_on_one_connection(method: str) -> None:
    cases = [case for case in SELF_DELIMITED if case.method == method and case.keep_alive]
    reader = reader_for(method)
    for case in cases + cases[::-1]:
        check(case, read(reader, [case.raw]))
        check(case, read(reader, [case.raw[:10], case.raw[10:]]))


def test_an_interim_response_that_comes_alone_is_still_not_the_answer() -> None:
    interim, answer = b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 2\r\n\r\nok"
    reader = reader_for("GET")
    for _ in range(3):
        assert reader.feed(interim) is None
        head = reader.feed(answer)
        assert head is not None
        assert head.status == 200


def test_shared_parsers_remember_nothing_of_the_response_before() -> None:
    """Each response: good, with bytes behind it, malformed, or cut short, is followed by each other."""
    for case, method in ((case, method) for method in ("GET", "HEAD") for case in ALL if case.method == method):
        for raw in (case.raw, case.raw + b"x", case.raw + case.raw, case.raw[:-1], case.raw[:20] + b"\0" + case.raw):
            for pieces in ([raw], [raw[:10], raw[10:]]):
                parsers = ResponseParsers(method)
                for following in (following for following in SELF_DELIMITED if following.method == method):
                    reader = ResponseReader(parsers)
                    with suppress(MalformedResponse):
                        for piece in pieces:
                            reader.feed(piece)
                    check(following, read(ResponseReader(parsers), [following.raw]))


def test_the_last_whole_response_can_be_compared_with() -> None:
    first, second = OK + b"Content-Length: 2\r\n\r\nok", b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"
    parsers = ResponseParsers()
    reader = ResponseReader(parsers)
    for raw, status in ((first, 200), (second, 404)):
        assert reader.feed(raw) is not None
        assert (parsers.message, parsers.head.status) == (raw, status)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Content-Length: 5\r\n\r\nhello!",
        OK + b"\r\n",
        CHUNKED_HEAD + b"0\r\n",
        b"",
    ],
)
def test_only_one_whole_message_is_compared_with(raw: bytes) -> None:
    parsers = ResponseParsers()
    ResponseReader(parsers).feed(raw)
    assert parsers.message is None


def test_an_unknown_response_of_several_megabytes_is_counted_not_kept() -> None:
    reader = reader_for("GET")
    piece = b"x" * 65_536
    assert reader.feed(OK + b"Content-Length: %d\r\n\r\n" % (len(piece) * 100)) is None
    for _ in range(99):
        assert reader.feed(piece) is None
    assert reader.feed(piece) is not None


@pytest.mark.parametrize(
    ("pieces", "with_body"),
    [
        ([CHUNKED_HEAD, b"1\r\nx\r\n", b"0\r\n\r\n"], [False, True, False]),
        ([CHUNKED_HEAD[:20], CHUNKED_HEAD[20:], b"1\r\nx\r\n0\r\n\r\n"], [False, False, True]),
        ([CHUNKED_HEAD + b"1\r\nx\r\n", b"0\r\n\r\n"], [True, False]),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"a", b"b"], [False, True, True]),
    ],
)
def test_which_pieces_have_a_part_of_the_body(pieces: list[bytes], with_body: list[bool]) -> None:
    reader = ResponseParsers().new_reader()
    found = []
    for piece in pieces:
        reader.feed(piece)
        found.append(reader.has_body(piece))
    assert found == with_body
