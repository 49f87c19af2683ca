"""HTTP/1.1 responses with their heads and bodies, for a client that looks into them, without I/O (RFC 9112).

The load itself only asks when an answer is complete (`http1`). A scenario reads its answers: fields of the head as they
came, the body in pieces. httptools (llhttp) does the framing, by the rules that `http1` has written down; a connection
has one parser for all of its responses.
"""

from typing import Final

import httptools

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.http1 import MAX_HEAD_BYTES

Fields = list[tuple[bytes, bytes]]
"""Of a head or a trailer: names as they came, and values."""

_FIRST_BYTE: Final = ord("H")
_CHUNKED: Final = b"chunked"


class WholeResponses:
    """Reads the responses of one connection, one after the other; `begin` before each.

    `fields`, `status` and `reason` are complete once `has_head`; `pieces` are those of the body that were not taken
    yet; `ended` is whether the response is complete, and `keep_alive` whether the connection can be used again then.
    `surplus` is whether bytes came behind it that nobody had asked for.
    """

    __slots__ = ("_head_bytes", "_is_head_request", "_parser", "_until_close", "ended", "fields", "has_head",
                 "keep_alive", "pieces", "raw_head", "reason", "status", "surplus", "version")  # fmt: skip

    def __init__(self) -> None:
        self._parser: httptools.HttpResponseParser | None = None
        self.begin(is_head_request=False)

    def begin(self, is_head_request: bool) -> None:
        """Expect the response to the next request."""
        self.fields: Fields = []
        self.status = self._head_bytes = 0
        self.reason = self.raw_head = b""
        self.has_head = self.ended = self._until_close = self.surplus = False
        self.version = b"HTTP/1.1"
        self.keep_alive = True
        self._is_head_request = is_head_request
        self.pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take bytes, split anywhere. Raises MalformedResponse or ResponseTooLarge: the connection is of no use then.

        Where bytes follow a complete response, which a server must not send unasked, it cannot be used again either.
        """
        if self.ended and data:
            self._note_surplus()
        if self.ended or not data:
            return
        if not self.has_head:
            self._take_head(data)
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
            self._parser.set_dangerous_leniencies(lenient_keep_alive=True, lenient_spaces_after_chunk_size=True)
        try:
            # Their last byte by itself: a message that was complete before it has bytes behind it (see `http1`).
            self._parser.feed_data(data[:-1])
            if self.ended:
                self._note_surplus()
            self._parser.feed_data(data[-1:])
        except httptools.HttpParserUpgrade:
            pass  # 101 is complete
        except httptools.HttpParserError as error:
            if not self.ended:
                raise MalformedResponse(str(error.__context__ or error)) from None
            self._note_surplus()
        if self.ended and (self._is_head_request or not self.keep_alive or self.status in (101, 204, 304)):
            self._parser = None  # what it expects behind such a response is not what comes

    def take_pieces(self) -> list[bytes]:
        """Return the pieces of the body that have come since the last call."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def feed_end(self) -> None:
        """Take the end of the connection. Raises ResponseCutShort where it does not complete the response."""
        self.keep_alive = False
        if self.ended:
            return
        if not (self.has_head and self._until_close):
            raise ResponseCutShort
        self.ended = True

    def close(self) -> None:
        """Let go of the parser, which refers back to this; nothing more comes."""
        self._parser = None

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those behind the body say nothing that is asked for."""
        if not self.has_head:
            self.fields.append((name, value))

    def on_status(self, reason: bytes) -> None:
        """Take the reason phrase, or a part of it."""
        if not self.has_head:
            self.reason += reason

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body; what is behind the response is of another."""
        if not self.ended:
            self.pieces.append(piece)

    def on_headers_complete(self) -> None:
        """Take the end of a head; of an interim response nothing is kept."""
        parser = self._parser
        assert parser is not None
        if self.has_head:
            return  # of another message, behind the response
        status = parser.get_status_code()
        if status < 200 and status != 101:
            if status < 100:
                raise MalformedResponse(f"its status is {status}")
            self.fields.clear()
            self.reason = b""
            return
        self.status, self.has_head, self.raw_head = status, True, b""
        options, coding, has_length = b"", b"", False
        for name, value in self.fields:
            match name.lower():
                case b"connection":
                    options += value.lower()
                case b"transfer-encoding":
                    coding = value.rpartition(b",")[2].strip().lower()
                case b"content-length":
                    has_length = True
        is_old = parser.get_http_version() == "1.0"
        if is_old:
            self.version = b"HTTP/1.0"
        if b"close" in options or (is_old and b"keep-alive" not in options):
            self.keep_alive = False
        if self._is_head_request or status == 101:
            self.ended = True
        elif status not in (204, 304):
            self._until_close = coding != _CHUNKED and (bool(coding) or not has_length)

    def on_message_complete(self) -> None:
        """Take the end of a message."""
        self.ended = self.ended or self.has_head

    def _note_surplus(self) -> None:
        self.keep_alive, self.surplus = False, True

    def _take_head(self, data: bytes) -> None:
        if not self.raw_head and data[0] != _FIRST_BYTE:  # llhttp skips empty lines
            self.raw_head = data
            raise MalformedResponse("it does not start with HTTP/")
        self._head_bytes += len(data)
        self.raw_head += data[:MAX_HEAD_BYTES]
        if self._head_bytes - len(data) > MAX_HEAD_BYTES:
            raise ResponseTooLarge
