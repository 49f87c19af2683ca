"""Answers over plain TCP without I/O: their end is known by a length, a delimiter, or by what was sent.

For protocols such as Redis' or SMTP's, where one request has one answer. The bytes of an answer are not kept.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from loadlab.protocols.answers import (
    AnswerEnd,
    AnswerReader,
    MalformedResponse,
    ResponseCutShort,
    ResponseHead,
    ResponseTooLarge,
)

MAX_ANSWER_BYTES: Final = 64 << 20
"""Of an answer whose end is a delimiter."""

_REST_BYTES: Final = 64 * 1024
_KEPT_BYTES: Final = 256
_COMPLETE: Final = ResponseHead(0, keep_alive=True)
_WITH_SURPLUS: Final = ResponseHead(0, keep_alive=False, surplus=True)


class DelimitedAnswers:
    """The answers to one kind of message, whose `contents` are sent in turn; these matter where they come back.

    They are `Answers`. Where messages come back and are not all the same, a reader has to know which was sent:
    `needs_sent` says so, and the sender assigns each to the reader's `sent`.
    """

    speaks_unasked = False
    farewell = b""

    def __init__(self, end: AnswerEnd, contents: Sequence[bytes] = ()) -> None:
        """Raise ValueError if `end` is none that bytes over TCP have."""
        self.message: bytes | None = None
        self.head = _COMPLETE
        self.buffer = memoryview(bytearray(_REST_BYTES))
        self.unasked = self.pings = 0  # none are heard
        self.needs_sent = end.echo and len(contents) > 1
        self._end = end
        self._first = contents[0] if contents else b""
        if not end.echo and not end.length and not end.until:
            raise ValueError(f"no end of an answer over TCP: {end}")
        if end.echo and len(contents) == 1:
            self.message = self._first

    def new_reader(self) -> "DelimitedReader":
        """Return the reader of a new connection."""
        if self._end.echo:
            return EchoReader(self, self._first)
        if self._end.until:
            return DelimiterReader(self, self._end.until)
        return LengthReader(self, self._end.length or 0)

    def take_over(self, reader: AnswerReader, /) -> "DelimitedReader":
        """Return the reader of the next answer, of this kind; between two answers `reader` has kept nothing."""
        return self.new_reader()

    def learn(self, message: bytes) -> None:
        """Take a whole answer that came in one piece."""
        if not self._end.echo:
            self.message = message


class DelimitedReader(ABC):
    """Reads the answers of one connection, one after another. What follows an answer was not asked for."""

    __slots__ = ("_answers", "_beginning", "_taken_bytes", "reply", "sent")

    def __init__(self, answers: DelimitedAnswers, sent: bytes = b"") -> None:
        self._answers = answers
        self._beginning = b""  # of an incomplete or malformed answer
        self._taken_bytes = 0  # of an incomplete answer
        self.reply = b""
        self.sent = sent  # the message that is answered, where `needs_sent` asks for it

    @property
    def begun(self) -> bool:
        """Whether a part of an answer has come."""
        return self._taken_bytes > 0

    def has_body(self, piece: bytes | memoryview) -> bool:
        """Return True: an answer has no head."""
        return True

    @property
    def received(self) -> bytes:
        """The beginning of an incomplete or malformed answer."""
        return self._beginning

    def feed(self, data: bytes | memoryview) -> ResponseHead | None:
        """Take bytes, split anywhere; return what is said of an answer that they complete, None while it is incomplete.

        Raises MalformedResponse or ResponseTooLarge.
        """
        data = bytes(data)
        if len(self._beginning) < _KEPT_BYTES:
            self._beginning += data[:_KEPT_BYTES]
        end = self._find_end(data)
        if end is None:
            self._taken_bytes += len(data)
            return None
        whole, self._taken_bytes, self._beginning = not self._taken_bytes, 0, b""
        if end < len(data):
            return _WITH_SURPLUS
        if whole:
            self._answers.learn(data)
        return _COMPLETE

    def feed_end(self) -> ResponseHead:
        """Raise ResponseCutShort: the end of the connection completes nothing."""
        raise ResponseCutShort

    def overhear(self, data: bytes) -> None:
        """Raise MalformedResponse: the server does not speak unasked."""
        raise MalformedResponse("it was not asked for")

    @abstractmethod
    def _find_end(self, data: bytes) -> int | None:
        """Return how many of these bytes are the answer's, if it ends with them or before; else None."""


class LengthReader(DelimitedReader):
    """Answers have a length."""

    __slots__ = ("_length",)

    def __init__(self, answers: DelimitedAnswers, length: int) -> None:
        super().__init__(answers)
        self._length = length

    def _find_end(self, data: bytes) -> int | None:
        missing = self._length - self._taken_bytes
        return missing if len(data) >= missing else None


class DelimiterReader(DelimitedReader):
    """Answers end with a delimiter, which may come split over pieces."""

    __slots__ = ("_delimiter", "_tail")

    def __init__(self, answers: DelimitedAnswers, delimiter: bytes) -> None:
        super().__init__(answers)
        self._delimiter = delimiter
        self._tail = b""  # the end of an incomplete answer, which may begin a delimiter

    def _find_end(self, data: bytes) -> int | None:
        delimiter, tail = self._delimiter, self._tail
        searched = tail + data if tail else data
        at = searched.find(delimiter)
        end = at + len(delimiter) - len(tail)
        if self._taken_bytes + (len(data) if at < 0 else end) > MAX_ANSWER_BYTES:
            raise ResponseTooLarge(f"more than {MAX_ANSWER_BYTES:,} bytes without the delimiter")
        if at < 0:
            self._tail = searched[max(len(searched) - len(delimiter) + 1, 0) :]
            return None
        self._tail = b""
        return end


class EchoReader(DelimitedReader):
    """Answers are what was sent."""

    __slots__ = ()

    def _find_end(self, data: bytes) -> int | None:
        sent, begin = self.sent, self._taken_bytes
        missing = len(sent) - begin
        if data[:missing] != sent[begin : begin + len(data)]:
            pairs = zip(data, memoryview(sent)[begin:], strict=False)
            same = next(number for number, (came, wanted) in enumerate(pairs) if came != wanted)
            raise MalformedResponse(f"byte {begin + same + 1} is not what was sent")
        return missing if data and len(data) >= missing else None
