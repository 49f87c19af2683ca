"""The client side of HTTP/1.1 without I/O: bytes in, complete responses out (RFC 9112).

The load sends one request at a time and asks of each response only when it is complete, with what status, and whether
the connection can be used again; bodies are counted, not kept. A response head is parsed by httptools once per
distinct byte string and found again in a dictionary: a server's replies differ by their Date header at most, once a
second.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

import httptools

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 1 << 30
# A server that puts something unique into every head would fill the dictionary; it is emptied when this full.
MAX_KNOWN_HEADS: Final = 1024
_UNSIZED: Final = -1
_START_OF_HEAD: Final = b"HTTP/"
_END_OF_HEAD: Final = b"\r\n\r\n"
# Without this check a head of such lines would never end, and count as a timeout.
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")


class MalformedResponse(Exception):
    """What came is not an HTTP/1.1 response."""


class ResponseTooLarge(Exception):
    """A head or body past the limit."""


class ResponseCutShort(Exception):
    """The stream ended before the response was complete."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What a response head says. `message_bytes` is head and body together, -1 if not known in advance."""

    status: int
    keep_alive: bool
    message_bytes: int
    body_bytes: int
    chunked: bool

    @property
    def until_close(self) -> bool:
        """Whether the body ends with the connection (RFC 9112, 6.3, rule 8)."""
        return self.message_bytes == _UNSIZED and not self.chunked and self.status >= 200


class KnownResponses:
    """The response heads met so far, by their bytes, for one method; shared by the readers of a load.

    `message` is the last whole response that was recognised and `head` what it says. Most servers answer the same
    request with the same bytes, so the hot path compares with `message` first: that saves a search, a copy, a hash
    and a look-up, 0.2 us of 1.6 us user time per request.
    """

    __slots__ = ("_heads", "_is_head_request", "head", "message")

    def __init__(self, method: str = "GET") -> None:
        self._is_head_request = method == "HEAD"
        self._heads: dict[bytes, ResponseHead] = {}
        self.message: bytes | None = None
        self.head: ResponseHead

    def recognise(self, data: bytes) -> ResponseHead | None:
        """Return the head if `data` is exactly one whole response whose head is known."""
        head = self._heads.get(data[: data.find(_END_OF_HEAD) + 4])
        if head is None or head.message_bytes != len(data):
            return None
        self.message, self.head = data, head
        return head

    def head_of(self, raw: bytes) -> ResponseHead:
        """Return what a response head says, `raw` up to and with its empty line. Raises MalformedResponse."""
        head = self._heads.get(raw)
        if head is None:
            head = parse_head(raw, self._is_head_request)
            if len(self._heads) >= MAX_KNOWN_HEADS:
                self._heads.clear()
            self._heads[raw] = head
        return head

    def __len__(self) -> int:
        return len(self._heads)


class ResponseReader:
    """Reads the responses of one connection, one after another.

    `feed` takes bytes as they come, split anywhere. Bytes behind a complete response, which a server must not send
    unasked, are kept in `surplus`; that response says that the connection cannot be used again.
    """

    __slots__ = ("_body_received", "_chunks", "_head", "_known", "_pending", "surplus")

    def __init__(self, known: KnownResponses) -> None:
        self._known = known
        self.surplus = b""
        self._start_message()

    def feed(self, data: bytes) -> ResponseHead | None:
        """Take bytes; return the head of the response that they complete, or None while it is incomplete.

        Raises MalformedResponse or ResponseTooLarge; the connection is of no use then.
        """
        if self._pending is None and (head := self._known.recognise(data)) is not None:
            return head
        return self._feed_piece(data)

    def feed_end(self) -> ResponseHead:
        """Tell that the stream ended; return the head of the response that this completes.

        Raises ResponseCutShort where the end completes nothing.
        """
        head = self._head
        if head is None or not head.until_close:
            raise ResponseCutShort
        return self._complete(head, b"")

    def _start_message(self) -> None:
        self._pending: bytes | None = None  # of an incomplete message: the bytes of its head so far
        self._head: ResponseHead | None = None
        self._body_received = 0
        self._chunks: ChunkedBody | None = None

    def _complete(self, head: ResponseHead, surplus: bytes) -> ResponseHead:
        self._start_message()
        if surplus:
            self.surplus = surplus
            return replace(head, keep_alive=False)
        return head

    def _feed_piece(self, data: bytes) -> ResponseHead | None:
        if self._head is None:
            rest = self._feed_head((self._pending or b"") + data)
            if rest is None:
                return None
            data = rest
        head = self._head
        assert head is not None
        if self._chunks is not None:
            surplus = self._chunks.feed(data)
            return None if surplus is None else self._complete(head, surplus)
        self._body_received += len(data)
        if self._body_received > MAX_BODY_BYTES:
            raise ResponseTooLarge
        missing = head.body_bytes - self._body_received
        if head.until_close or missing > 0:
            return None
        return self._complete(head, data[len(data) + missing :])

    def _feed_head(self, data: bytes) -> bytes | None:
        """Find the final head in `data`; return what follows it, or None while it is incomplete."""
        while True:
            if not data.startswith(_START_OF_HEAD[: len(data)]):
                raise MalformedResponse("it does not start with HTTP/")
            end = data.find(_END_OF_HEAD)
            # Without its end, the last three bytes may already belong to it.
            if (end if end >= 0 else len(data) - 3) > MAX_HEAD_BYTES:
                raise ResponseTooLarge
            if end < 0:
                if _BARE_LF.search(data):
                    raise MalformedResponse("a line of its head does not end with CRLF")
                self._pending = data
                return None
            raw, data = data[: end + 4], data[end + 4 :]
            head = self._known.head_of(raw)
            # 1xx is not the answer yet (RFC 9110, 15.2), 101 aside, which ends HTTP on this connection.
            if head.status >= 200 or head.status == 101:
                break
        self._pending = b""
        self._head = head
        self._chunks = ChunkedBody() if head.chunked else None
        return data


class ChunkedBody:
    """Finds the end of a chunked body (RFC 9112, 7.1), split anywhere."""

    __slots__ = ("_expected", "_line", "_received", "_to_skip")

    def __init__(self) -> None:
        self._expected = _ChunkPart.SIZE
        self._line = b""
        self._to_skip = 0
        self._received = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return those behind the body once it is complete, None before."""
        position = 0
        while position < len(data):
            if self._to_skip:
                step = min(self._to_skip, len(data) - position)
                self._to_skip -= step
                position += step
                continue
            newline = data.find(b"\n", position)
            self._line += data[position:] if newline < 0 else data[position:newline]
            if len(self._line) > MAX_HEAD_BYTES:
                raise ResponseTooLarge
            if newline < 0:
                return None
            position = newline + 1
            line, self._line = self._line, b""
            if not line.endswith(b"\r"):
                raise MalformedResponse("a line of its chunked body does not end with CRLF")
            if self._is_last_line(line[:-1]):
                return data[position:]
        return None

    def _is_last_line(self, line: bytes) -> bool:
        match self._expected:
            case _ChunkPart.SIZE:
                digits = line.partition(b";")[0].strip()
                if not digits or len(digits) > 16 or not _HEX_DIGITS.issuperset(digits):
                    raise MalformedResponse("a chunk has no size")
                self._to_skip = int(digits, 16)
                self._received += self._to_skip
                if self._received > MAX_BODY_BYTES:
                    raise ResponseTooLarge
                self._expected = _ChunkPart.END if self._to_skip else _ChunkPart.TRAILERS
            case _ChunkPart.END:
                if line:
                    raise MalformedResponse("a chunk is longer than its size")
                self._expected = _ChunkPart.SIZE
            case _ChunkPart.TRAILERS:
                return not line
        return False


class _ChunkPart(Enum):
    """Which line of a chunked body comes next."""

    SIZE = auto()
    END = auto()
    TRAILERS = auto()


def parse_head(raw: bytes, is_head_request: bool) -> ResponseHead:
    """Read a response head, `raw` up to and with its empty line. Raises MalformedResponse."""
    fields = _HeadFields()
    parser = httptools.HttpResponseParser(fields)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise MalformedResponse(str(error)) from None
    status = parser.get_status_code()
    if status < 100:
        raise MalformedResponse(f"its status is {status}")
    options = fields.tokens(b"connection")
    keep_alive = b"close" not in options and (parser.get_http_version() != "1.0" or b"keep-alive" in options)
    # The rules for the length of a body, in their order: RFC 9112, 6.3.
    if status < 200:
        # Never a whole message: what follows is the answer, or after 101 something else than HTTP.
        return ResponseHead(status, keep_alive=False, message_bytes=_UNSIZED, body_bytes=0, chunked=False)
    if is_head_request or status in (204, 304):
        return ResponseHead(status, keep_alive, message_bytes=len(raw), body_bytes=0, chunked=False)
    codings = fields.tokens(b"transfer-encoding")
    if codings[-1:] == [b"chunked"]:
        return ResponseHead(status, keep_alive, message_bytes=_UNSIZED, body_bytes=0, chunked=True)
    lengths = set(fields.tokens(b"content-length"))
    if len(lengths) > 1:
        raise MalformedResponse("it has more than one Content-Length")
    if codings or not lengths:
        return ResponseHead(status, keep_alive=False, message_bytes=_UNSIZED, body_bytes=0, chunked=False)
    body_bytes = int(lengths.pop())
    return ResponseHead(status, keep_alive, len(raw) + body_bytes, body_bytes, chunked=False)


class _HeadFields:
    """Collects header fields as httptools calls for each."""

    def __init__(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def tokens(self, name: bytes) -> list[bytes]:
        """Return the comma-separated values of all fields of that name, in lower case."""
        values = b",".join(value for field, value in self._fields if field == name)
        return [token for part in values.lower().split(b",") if (token := part.strip())]
