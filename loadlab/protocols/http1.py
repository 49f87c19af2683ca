"""The client side of HTTP/1.1 without I/O: bytes in, complete responses out (RFC 9112).

The load sends one request at a time and asks of each response only when it is complete, with what status, and whether
the connection can be used again; bodies are counted, not kept. httptools (llhttp) does the framing, and calls back for
the end of a message only: 0.7 us for a response of seven fields, whatever is unique in it. What llhttp leaves to its
user is done here: responses to HEAD, bodies that end with the connection, limits of size, bytes behind a response.

Facts about httptools and llhttp that this file stands on:

- A parser that has read a whole message is ready for the next one, also behind `Connection: close` if it is lenient
  about that. So a connection has a parser only while its response is incomplete; responses that come in one piece are
  all read by the same one, which stays in the processor's cache. But behind a close the length of a body that never
  comes (204, 304) would be added to the next one.
- Where in the bytes a message ended is not reported. So their last byte is fed by itself: a message that was complete
  before it has bytes behind it. This costs 0.1 us, and sees a stray line end, which llhttp skips.
- What a head says is known within a callback only: behind the message it is forgotten.
- llhttp does not know the request, and would wait for the body of a response to HEAD. So its head is its end, and
  llhttp's parser is of no use afterwards.
- The end of the stream cannot be fed. Whether it completes the response is read from the head once more.
"""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

import httptools

from loadlab.protocols.answers import AnswerReader, MalformedResponse, ResponseCutShort, ResponseHead, ResponseTooLarge
from loadlab.protocols.patterns import ResponsePatterns

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a head without its last line end and empty line; of 1xx responses before it as well."""

MAX_BODY_BYTES: Final = 1 << 30
"""Of a body as it is transferred, so that chunk sizes, extensions and trailers have an end as well."""

REST_BYTES: Final = 64 * 1024
"""The most that is received at once of a response that did not come in one piece."""

_LAST_CHUNK: Final = b"0\r\n\r\n"  # without trailers
_LAST_LINE_ENDS_BYTES: Final = 4
_FIRST_BYTE: Final = ord("H")
_WITHOUT_BODY: Final = (204, 304)
_FOLD: Final = re.compile(rb"(?<!\r\n)\r\n[ \t]+")


class ResponseParsers:
    """The parsers of responses to one method that are between two messages; shared by the readers of a load.

    `message` is the last response that came whole in one piece and `head` what it says. Where a server answers the same
    request with the same bytes, comparing with `message` first saves 1.2 us of 5.7 us per request; where each response
    is unique, it costs 0.03 us. `patterns` has patterns of responses by their length; what matches one is not parsed,
    which saves half of 0.9 us. `buffer` receives the pieces of longer responses, which are not kept.
    """

    __slots__ = ("_idle", "_is_head_request", "_patterns", "buffer", "head", "message", "patterns", "pings", "spare",
                 "unasked")  # fmt: skip

    speaks_unasked = needs_sent = False
    farewell = b""

    def __init__(self, method: str = "GET") -> None:
        self._is_head_request = method == "HEAD"
        self._idle: list[ResponseParser] = []
        self.spare = self.new_parser()
        self.buffer = memoryview(bytearray(REST_BYTES))
        self.message: bytes | None = None
        self.head: ResponseHead
        self.unasked = self.pings = 0  # none are heard
        self._patterns: ResponsePatterns[ResponseHead] = ResponsePatterns()
        self.patterns = self._patterns.by_length

    def new_reader(self) -> "ResponseReader":
        """Return the reader of a new connection."""
        return ResponseReader(self)

    def take_over(self, reader: AnswerReader) -> "ResponseReader":
        """Return the reader of the next response: between two responses a connection has nothing of its own."""
        return ResponseReader(self)

    def new_parser(self) -> "ResponseParser":
        """Return a parser that reads this method's responses."""
        return ResponseParser(self._is_head_request)

    def learn(self, response: bytes | memoryview, head: ResponseHead) -> None:
        """Take a whole response that matched no pattern, and what it says."""
        if not self._is_head_request:  # whose responses have no body, whatever they say
            self._patterns.learn(bytes(response), head.status, head)

    def take_spare(self) -> "ResponseParser":
        """Return the spare parser, now the caller's, and have another one in its place."""
        taken = self.spare
        self.spare = self._idle.pop() if self._idle else self.new_parser()
        return taken

    def give_back(self, parser: "ResponseParser") -> None:
        """Take a parser back behind a complete response."""
        self._idle.append(parser)


class ResponseReader:
    """Reads the responses of one connection, one after another."""

    __slots__ = ("_body_bytes", "_parser", "_parsers", "_raw_head")

    reply = sent = b""  # HTTP has nothing to say in the middle of an answer, and does not repeat what was sent

    def __init__(self, parsers: ResponseParsers) -> None:
        self._parsers = parsers
        self._parser: ResponseParser | None = None  # of an incomplete response
        self._raw_head: bytes  # of an incomplete or malformed response: all pieces of its head
        self._body_bytes: int  # of an incomplete response: behind the piece in which its head ended

    def feed(self, data: bytes | memoryview) -> ResponseHead | None:
        """Take bytes, split anywhere; return what the response says that they complete, or None while it is incomplete.

        Where bytes follow a complete response, which a server must not send unasked, it says that the connection cannot
        be used again. Raises MalformedResponse or ResponseTooLarge; the connection is of no use then.
        """
        parsers = self._parsers
        if self._parser is None and (known := parsers.patterns.get(len(data))) is not None and known[0](data):
            parsers.message, parsers.head = data, known[1]  # type: ignore[assignment]
            return known[1]
        if self._parser is None and data and data[0] == _FIRST_BYTE and len(data) <= MAX_HEAD_BYTES:
            try:
                head = parsers.spare.feed(data)
            except MalformedResponse:
                parsers.take_spare()  # it is unusable now; whether a line was folded is seen with another one
            else:
                if head is None:
                    self._parser, self._raw_head, self._body_bytes = parsers.take_spare(), bytes(data), 0
                elif not head.surplus:
                    parsers.message, parsers.head = data, head  # type: ignore[assignment]
                    parsers.learn(data, head)
                return head
        return self._feed_piece(data)

    @property
    def begun(self) -> bool:
        """Whether a part of a response has come."""
        return self._parser is not None

    def has_body(self, piece: bytes | memoryview) -> bool:
        """Return whether a piece that was just fed has a part of the body: more than a head, or the end of chunks."""
        if self._parser is None:
            return piece != _LAST_CHUNK
        return not self._parser.headless and (self._body_bytes > 0 or not self._raw_head.endswith(b"\r\n\r\n"))

    @property
    def received(self) -> bytes:
        """What has come of an incomplete or malformed response, up to the piece in which its head ends."""
        return b"" if self._parser is None else self._raw_head

    def overhear(self, data: bytes) -> None:
        """Take bytes that nobody has asked for, which a server must not send. Raises MalformedResponse."""
        raise MalformedResponse("bytes that nobody had asked for")

    def feed_end(self) -> ResponseHead:
        """Take the end of the stream; return what the response says that it completes.

        Raises ResponseCutShort where the end completes nothing.
        """
        if self._parser is None or self._parser.headless:
            raise ResponseCutShort
        return parse_head_until_close(self._raw_head)

    def _feed_piece(self, data: bytes | memoryview) -> ResponseHead | None:
        if not data:
            return None
        if self._parser is None:
            self._parser, self._raw_head, self._body_bytes = self._parsers.take_spare(), b"", 0
            if data[0] != _FIRST_BYTE:  # llhttp skips empty lines
                self._raw_head = bytes(data)
                raise MalformedResponse("it does not start with HTTP/")
        if self._parser.headless:
            return self._feed_head(self._parser, data)
        self._body_bytes += len(data)
        if self._body_bytes > MAX_BODY_BYTES:
            raise ResponseTooLarge
        return self._completed(self._parser, self._parser.feed(data))

    def _feed_head(self, parser: "ResponseParser", data: bytes | memoryview) -> ResponseHead | None:
        room = MAX_HEAD_BYTES + _LAST_LINE_ENDS_BYTES - len(self._raw_head)
        piece, rest = data[:room], data[room:]
        self._raw_head += piece
        fresh: bytes | memoryview = piece
        while True:
            try:
                head = parser.feed(fresh)
                break
            except MalformedResponse:
                fresh = unfold(self._raw_head)
                if not parser.headless or fresh == self._raw_head:
                    raise
                self._parser = parser = self._parsers.new_parser()
                self._raw_head = fresh
        if head is None and parser.headless and len(piece) == room:
            raise ResponseTooLarge
        if head is not None and rest:
            head = replace(head, keep_alive=False, surplus=True)
        return self._feed_piece(rest) if head is None else self._completed(parser, head)

    def _completed(self, parser: "ResponseParser", head: ResponseHead | None) -> ResponseHead | None:
        if head is not None:
            self._parsers.give_back(parser)
            self._parser = None
        return head


class ResponseParser:
    """Finds the end of one response after the other, of one connection or of several. An error leaves it unusable.

    `headless` is empty from the end of a head to the end of its message, so that the one callback is a list's `clear`.
    """

    __slots__ = ("_complete", "_feed_data", "_fields", "_httptools", "_keep_alive", "_status", "headless", "on_header",
                 "on_headers_complete", "on_message_begin", "on_message_complete")  # fmt: skip

    def __init__(self, is_head_request: bool) -> None:
        self.headless: list[bool] = []
        self._complete: ResponseHead | None
        self._fields: HeadFields | None = None
        if is_head_request:
            self._fields = HeadFields()
            self.on_message_begin, self.on_header = self._fields.clear, self._fields.on_header
            self.on_headers_complete = self._on_end_of_head
        else:
            self.on_headers_complete = self.headless.clear
            self.on_message_complete = self._on_end
        self._renew()

    def feed(self, data: bytes | memoryview) -> ResponseHead | None:
        """Take bytes, at least one; return what the response says if they complete it. Raises MalformedResponse."""
        surplus = True
        try:
            self._feed_data(data[:-1])
            if self._complete is None:
                surplus = False
                self._feed_data(data[-1:])
                if (complete := self._complete) is None:
                    return None
                if self._fields is None and (complete.keep_alive or complete.status not in _WITHOUT_BODY):
                    self._complete = None
                    return complete
        except httptools.HttpParserUpgrade:
            pass  # 101 is complete
        except httptools.HttpParserError as error:
            if self._complete is None:
                raise MalformedResponse(str(error.__context__ or error)) from None
        complete = self._complete
        assert complete is not None
        self._renew()
        return replace(complete, keep_alive=False, surplus=True) if surplus else complete

    def _renew(self) -> None:
        self._complete = None
        self.headless[:] = [True]
        self._httptools = _new_httptools_parser(self)
        self._feed_data = self._httptools.feed_data
        self._status, self._keep_alive = self._httptools.get_status_code, self._httptools.should_keep_alive

    def _on_end(self) -> None:
        self.headless.append(True)
        if self._complete is not None:
            return  # of another message, behind the response
        status = self._status()
        if status >= 200:
            self._complete = (_KEPT_ALIVE if self._keep_alive() else _CLOSED)[status]
        elif status == 101:  # the only 1xx that is the answer (RFC 9110, 15.2): it ends HTTP on this connection
            self._complete = _CLOSED[status]
        elif status < 100:
            raise MalformedResponse(f"its status is {status}")

    def _on_end_of_head(self) -> None:
        self._on_end()
        if self._complete is not None and self._complete.status >= 200 and self._fields is not None:
            alive = self._fields.keep_alive(self._httptools)  # llhttp awaits a body, and its end with the connection
            self._complete = (_KEPT_ALIVE if alive else _CLOSED)[self._complete.status]


class HeadFields:
    """The fields of a head that say how long a message is and what becomes of its connection."""

    def __init__(self) -> None:
        self._values: list[tuple[bytes, bytes]] = []
        self.clear = self._values.clear
        self.on_message_begin = self.clear  # of a 1xx response before, they say nothing

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, as httptools calls for each."""
        self._values.append((name.lower(), value))

    def listed(self, name: bytes) -> list[bytes]:
        """Return the comma-separated values of all fields of that name."""
        values = b",".join(value for field, value in self._values if field == name)
        return [part for each in values.split(b",") if (part := each.strip())]

    def tokens(self, name: bytes) -> list[bytes]:
        """Return the same in lower case."""
        return [part.lower() for part in self.listed(name)]

    def keep_alive(self, parser: httptools.HttpResponseParser) -> bool:
        """Return whether the connection can be used again, however long the message is (RFC 9112, 9.3)."""
        options = self.tokens(b"connection")
        return b"close" not in options and (parser.get_http_version() != "1.0" or b"keep-alive" in options)


class FinalHead(HeadFields):
    """The status and the fields of the final response in `raw`, which has its head, and interim ones before it."""

    def __init__(self, raw: bytes) -> None:
        """Raise MalformedResponse if it is no head."""
        super().__init__()
        self.status = 0
        self.on_message_begin = self._begin
        parser = _new_httptools_parser(self)
        self._status = parser.get_status_code
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass  # it is raised behind the head of a 101
        except httptools.HttpParserError as error:
            if not self.status:  # otherwise the head is complete, and what llhttp expects behind it does not matter
                raise MalformedResponse(str(error.__context__ or error)) from None

    def on_headers_complete(self) -> None:
        """Take the status, which is known now only, as httptools calls at the end of a head."""
        self.status = self._status()

    def _begin(self) -> None:
        self.clear()
        self.status = 0


def parse_head_until_close(raw: bytes) -> ResponseHead:
    """Return what a response says that the end of its stream ends, whose pieces up to the end of its head are `raw`.

    Raises ResponseCutShort if another end was announced (RFC 9112, 6.3, rule 8).
    """
    fields = HeadFields()
    parser = _new_httptools_parser(fields)
    parser.feed_data(raw)
    codings = fields.tokens(b"transfer-encoding")
    if codings[-1:] == [b"chunked"] or (not codings and fields.tokens(b"content-length")):
        raise ResponseCutShort
    return ResponseHead(parser.get_status_code(), keep_alive=False, until_close=True)


def decode_body(response: bytes) -> bytes:
    """Return the body of a valid response, or of its beginning, without the framing of chunks."""
    pieces: list[bytes] = []
    parser = _new_httptools_parser(_BodyPieces(pieces))
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        parser.feed_data(response)
    return b"".join(pieces)


class _BodyPieces:
    def __init__(self, pieces: list[bytes]) -> None:
        self.on_body = pieces.append


def unfold(raw: bytes) -> bytes:
    """Return a head, and whatever is around it, with its folded lines joined by a space (RFC 9112, 5.2).

    llhttp rejects folded lines, or ignores them when it is lenient, be it a length that is on them.
    """
    first = _FOLD.search(raw)
    if first is None or raw[: first.start()].rpartition(b"\r\n")[2].startswith(b"HTTP/"):  # a status line is no field
        return raw
    end = raw.find(b"\r\n\r\n", first.start())
    end = len(raw) if end < 0 else end
    return _FOLD.sub(b" ", raw[:end]) + raw[end:]


def _new_httptools_parser(protocol: object) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(protocol)
    parser.set_dangerous_leniencies(lenient_keep_alive=True, lenient_spaces_after_chunk_size=True)
    return parser


class _Heads(dict[int, ResponseHead]):
    """What complete responses say, by status; made once, so that the hot path only looks them up."""

    def __init__(self, keep_alive: bool) -> None:
        self._keep_alive = keep_alive

    def __missing__(self, status: int) -> ResponseHead:
        head = self[status] = ResponseHead(status, self._keep_alive)
        return head


_KEPT_ALIVE: Final = _Heads(keep_alive=True)
_CLOSED: Final = _Heads(keep_alive=False)
