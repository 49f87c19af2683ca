"""Reads what answers the opening of a connection until it is complete, and checks it, without I/O."""

from collections.abc import Callable
from typing import Final, Protocol

from loadlab.protocols.answers import MalformedResponse, OpeningRefused, ResponseCutShort
from loadlab.protocols.delimited import DelimitedAnswers
from loadlab.protocols.http1 import FinalHead, ResponseParsers, ResponseReader
from loadlab.protocols.openings import Asked, Greeting, Opening, Subscription, Upgrade
from loadlab.protocols.upgrade import check_upgrade, end_of_head

_OK: Final = 200


class OpeningReader(Protocol):
    """Reads one answer to an opening."""

    def feed(self, data: bytes, /) -> bytes | None:
        """Take bytes; return those behind the answer that they complete, or None while it is incomplete.

        Raises OpeningRefused, MalformedResponse, ResponseTooLarge or ResponseCutShort.
        """


def readers_for(opening: Opening) -> Callable[[], OpeningReader]:
    """Return what makes a reader for each connection."""
    match opening:
        case Upgrade(_, accept, subprotocols):
            return lambda: _HeadReader(lambda head: check_upgrade(head, accept, subprotocols))
        case Subscription():
            return lambda: _HeadReader(_check_stream)
        case Asked():
            parsers = ResponseParsers()
            return lambda: _ResponseReader(parsers)
        case Greeting(end):
            greetings = DelimitedAnswers(end)
            return lambda: _GreetingReader(greetings)


class _HeadReader:
    """Reads a head; what follows is another protocol, or a body that is not looked into."""

    def __init__(self, check: Callable[[bytes], None]) -> None:
        self._check = check
        self._received = b""

    def feed(self, data: bytes) -> bytes | None:
        self._received += data
        end = end_of_head(self._received)
        if not end:
            return None
        self._check(self._received[:end])
        return self._received[end:]


def _check_stream(head: bytes) -> None:
    status = FinalHead(head).status
    if status != _OK:
        raise OpeningRefused(f"the stream was refused with status {status}", status)


class _ResponseReader:
    """Reads a whole response, whose status does not matter, and behind which the connection is to be kept alive."""

    def __init__(self, parsers: ResponseParsers) -> None:
        self._reader = ResponseReader(parsers)

    def feed(self, data: bytes) -> bytes | None:
        head = self._reader.feed(data)
        if head is None:
            return None
        if head.surplus:
            raise MalformedResponse("bytes came behind it")
        if not head.keep_alive:
            raise ResponseCutShort("the server does not keep the connection alive behind its answer")
        return b""


class _GreetingReader:
    """Reads what a server says first, behind which it waits for a message."""

    def __init__(self, greetings: DelimitedAnswers) -> None:
        self._reader = greetings.new_reader()

    def feed(self, data: bytes) -> bytes | None:
        head = self._reader.feed(data)
        if head is None:
            return None
        if head.surplus:
            raise MalformedResponse("bytes came behind the greeting")
        return b""
