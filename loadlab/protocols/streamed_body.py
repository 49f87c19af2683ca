"""The body of one HTTP/1.1 response, handed out as it comes, without I/O (RFC 9112).

httptools (llhttp) reads the head and the framing: chunks, a length, or the end of the connection. For what a stream
mostly sends, one whole chunk at a time or bytes up to the end of the connection, it is not asked: with its calls back
into Python that is 1.0 us for a piece, and 0.4 us here. Facts that this rests on:

- A parser that is between two chunks keeps no more than that. A whole chunk can be kept from it.
- It reports the end of a chunk, but not where in the bytes that was. So their last byte is fed by itself: a chunk that
  ends with it leaves the parser between two chunks.
"""

import re
from dataclasses import dataclass
from typing import Final

import httptools

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.http1 import MAX_HEAD_BYTES, HeadFields

_SIZE_LINE: Final = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_FIRST_BYTE: Final = ord("H")
_IDENTITY: Final = (b"", b"identity")


@dataclass(frozen=True, slots=True)
class StreamHead:
    """What is known of a response once its head has come; `content_type` is without parameters, in lower case."""

    status: int
    content_type: bytes
    chunked: bool
    until_close: bool


class StreamedBody:
    """One response. `head` is None until it has come, `ended` is whether the body has, by its framing.

    `between_chunks` is whether what comes next begins a chunk, or is the body itself if the connection ends it.
    """

    __slots__ = ("_fields", "_mid_chunk", "_parser", "_pieces", "_raw_head", "between_chunks", "ended", "head",
                 "on_chunk_complete", "on_message_begin")  # fmt: skip

    def __init__(self) -> None:
        self.head: StreamHead | None = None
        self.ended = self.between_chunks = False
        self._raw_head = b""
        self._pieces: list[bytes] = []
        self._mid_chunk = [True]
        self._fields = HeadFields()
        self.on_message_begin = self._fields.clear
        self.on_chunk_complete = self._mid_chunk.clear
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_keep_alive=True, lenient_spaces_after_chunk_size=True)

    @property
    def received(self) -> bytes:
        """What has come up to the piece in which the head ends."""
        return self._raw_head

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, as httptools calls for each; those behind the body say nothing."""
        if self.head is None:
            self._fields.on_header(name, value)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body; what is behind the response is of another."""
        if not self.ended:
            self._pieces.append(piece)

    def on_headers_complete(self) -> None:
        """Take the end of a head, as httptools calls for it."""
        status = self._parser.get_status_code()
        if self.head is not None or (100 <= status < 200 and status != 101):
            return
        fields = self._fields
        codings = [coding for coding in fields.tokens(b"content-encoding") if coding not in _IDENTITY]
        if codings:
            shown = b", ".join(codings).decode("latin-1")
            raise MalformedResponse(f"its body is encoded ({shown}), which the request does not accept")
        chunked = fields.tokens(b"transfer-encoding")[-1:] == [b"chunked"]
        until_close = not chunked and not fields.tokens(b"content-length")
        content_type = (fields.tokens(b"content-type") or [b""])[0].partition(b";")[0].strip()
        self.head = StreamHead(status, content_type, chunked, until_close)

    def on_message_complete(self) -> None:
        """Take the end of a message, as httptools calls for it."""
        self.ended = self.ended or self.head is not None

    def feed(self, data: bytes) -> bytes:
        """Take bytes, split anywhere; return what they have of the body, which may be nothing.

        Raises MalformedResponse or ResponseTooLarge.
        """
        if self.between_chunks:
            assert self.head is not None
            if self.head.until_close:
                return data
            if (
                (line := _SIZE_LINE.match(data)) is not None
                and len(data) == (end := line.end() + int(line[1], 16)) + 2
                and end > line.end()  # a chunk of no bytes ends the body
                and data.endswith(b"\r\n")
            ):
                return data[line.end() : end]
        if self.head is None:
            return self._feed_head(data)
        return self._feed_parser(data)

    def feed_end(self) -> None:
        """Take the end of the connection. Raises ResponseCutShort where it does not complete the response."""
        if self.head is None:
            raise ResponseCutShort
        if not self.head.until_close and not self.ended:
            ending = "last chunk" if self.head.chunked else "end of its body"
            raise ResponseCutShort(f"the connection ended before the stream's {ending}")
        self.ended = True

    def close(self) -> None:
        """Let go of the parser, which refers back to this: nobody collects cycles while a load runs."""
        del self._parser

    def _feed_head(self, data: bytes) -> bytes:
        self._raw_head += data
        if self._raw_head and self._raw_head[0] != _FIRST_BYTE:  # llhttp skips empty lines
            raise MalformedResponse("it does not start with HTTP/")
        body = self._feed_parser(data)
        if self.head is None and len(self._raw_head) > MAX_HEAD_BYTES:
            raise ResponseTooLarge
        return body

    def _feed_parser(self, data: bytes) -> bytes:
        if self.ended:
            return b""  # bytes behind the response
        self._pieces.clear()
        self._mid_chunk[:] = [True]
        try:
            self._parser.feed_data(data[:-1])
            self._mid_chunk[:] = [True]
            self._parser.feed_data(data[-1:])
        except httptools.HttpParserUpgrade:
            pass  # the head of a 101 is complete
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, MalformedResponse):
                raise error.__context__ from None
            if not self.ended:
                raise MalformedResponse(str(error.__context__ or error)) from None
        if self.head is not None:
            self.between_chunks = not self.ended and (self.head.until_close or not self._mid_chunk)
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
