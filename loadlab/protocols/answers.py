"""The seam between a user and what it speaks: when an answer is complete, without I/O.

A user sends a message and reads until its answer is complete, whatever the protocol (HTTP, WebSocket, bytes over TCP).
What the protocol knows is behind two interfaces: `Answers`, one for each kind of request, shared by all users of a
worker, and `AnswerReader`, one for each connection.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import msgspec


class MalformedResponse(Exception):
    """What came is not what the protocol allows; the text says why."""


class ResponseTooLarge(Exception):
    """An answer past a limit of its protocol; the text says which, if it is not HTTP's."""


class ResponseCutShort(Exception):
    """The connection ended before the answer was complete; `status` is the code with which the peer ended it."""

    def __init__(self, reason: str = "", status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class OpeningRefused(Exception):
    """The server answered the opening exchange of a connection with a `status` that refuses it; the text says so."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


ANSWER_FAILURES: Final = (MalformedResponse, ResponseTooLarge, ResponseCutShort, OpeningRefused)
"""What the readers of answers raise."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What a complete answer says, and whether its end was that of the connection, or bytes came behind it.

    The status is 0 in protocols that have none.
    """

    status: int
    keep_alive: bool
    until_close: bool = False
    surplus: bool = False


class AnswerEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the end of an answer is known where the protocol does not say it.

    Over a WebSocket it is `messages` messages, or the first that `matches` a regular expression. Over TCP it is a
    `length` in bytes, or the bytes up to and with `until`, or, with `echo`, what was sent.
    """

    messages: int = 1
    matches: str | None = None
    length: int | None = None
    until: bytes | None = None
    echo: bool = False


class AnswerReader(Protocol):
    """Reads the answers on one connection, one after another.

    `reply` is what is to be sent to the peer now, such as the answer to a ping; who sends it sets it to b"". `begun` is
    whether a part of an answer has come, and `received` what of it is kept to be shown.
    """

    reply: bytes
    sent: bytes

    @property
    def begun(self) -> bool: ...

    def has_body(self, piece: bytes | memoryview, /) -> bool:
        """Return whether a piece that was just fed has a part of the body, where an answer has a head before."""

    @property
    def received(self) -> bytes: ...

    def feed(self, data: bytes | memoryview, /) -> ResponseHead | None:
        """Take bytes, split anywhere; return what the answer says that they complete, or None while it is incomplete.

        With b"" it goes on with bytes that came before. Raises MalformedResponse, ResponseTooLarge or ResponseCutShort;
        the connection is of no use then, but `reply` may still be sent.
        """

    def feed_end(self) -> ResponseHead:
        """Take the end of the stream; return the answer that it completes. Raises ResponseCutShort if it does not."""

    def overhear(self, data: bytes, /) -> None:
        """Take bytes that came while no answer was due, where the peer may speak unasked. Raises as `feed` does."""


class Answers(Protocol):
    """The answers to one kind of request.

    `message` is the last one that came whole in one piece, and `head` what it says: the same bytes need no parsing.
    `buffer` receives the pieces of longer answers. If the peer `speaks_unasked`, what it says between requests is read.
    `farewell` is sent before a connection in good order is ended. Messages that were `unasked` and `pings` that were
    answered are counted; who takes the counts sets them to 0. Where an answer `needs_sent`, it repeats what was sent,
    which the reader is given as `sent` before.
    """

    message: bytes | None
    head: ResponseHead
    buffer: memoryview
    speaks_unasked: bool
    farewell: bytes
    unasked: int
    pings: int
    needs_sent: bool

    def new_reader(self) -> AnswerReader:
        """Return the reader of a new connection."""

    def take_over(self, reader: AnswerReader, /) -> AnswerReader:
        """Return the reader of the next answer, of this kind, on the connection that `reader` has read so far."""
