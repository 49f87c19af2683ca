"""Idle connections: opened, held, and used no more than it takes to keep them.

A listening socket's backlog takes only so many connections before the server accepts them; past that the kernel drops
SYNs and each costs a second's wait. So connections are opened in rounds that fit the backlog (`idle_opener`). Where
each begins with an exchange, as a WebSocket does, its answer proves that it was accepted. Where it does not, one more
connection behind each round asks for an answer. If the server has one listening socket, that proves that all of the
round were accepted, since they are accepted in the order they came. If its processes have one each (SO_REUSEPORT), it
proves that of one of them, and otherwise only keeps the pace. This needs nothing but HTTP, so it works with any server.

Once open, a connection costs this process its descriptor and nothing else: not even an entry in an epoll, where the
server is not expected to say anything. Whether it is still established is checked on request. What servers say on
WebSockets and event streams is read by the `load.upkeep` of these connections.

Idle means silent. Two other kinds of useless connections can be had: `trickle` sends a byte of a request that never
ends now and then, and `churn` closes connections and opens others in their place.

With TLS a connection shakes hands first. Then nothing more is to be encrypted, so that it costs no more than another
one; only WebSockets and `trickle` keep what OpenSSL has of each connection, tens of kilobytes.
"""

import itertools
import os
import resource
import select
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address
from loadlab.kernel.tls import TlsClient, TlsTransport
from loadlab.load.idle_opener import OPENING_FAILURES, Opener
from loadlab.load.upkeep import Upkeep
from loadlab.protocols.answers import MalformedResponse, ResponseTooLarge
from loadlab.protocols.openings import IdleOpening, Subscription, Upgrade

# Descriptors given to one poll(2): a thousand take 0.1 ms, and little memory.
_EXAMINED_AT_ONCE: Final = 1000
_TICKETS_BYTES: Final = 16 * 1024
# Connections that do something take turns in steps of this, so that they never do it all at once.
_STEP_NS: Final = 10_000_000
_CLOSING_PATIENCE_NS: Final = 500_000_000
_LOOK_AGAIN_NS: Final = 1_000_000
_ENDLESS_REQUEST: Final = b"GET /hello HTTP/1.1\r\nX-Endless: "
# The header of a binary frame of a million bytes, which lasts for long and is still within every server's limit. Its
# mask is of four zeros, so that one byte of the message is like another.
_ENDLESS_FRAME: Final = b"\x82\xff" + (1_000_000).to_bytes(8, "big") + bytes(4)

_NO_ANSWER: Final = "no answer in time: its backlog or its open files may be full"
_NO_OPENING: Final = "no answer to the opening request in time: the server's backlog or open files may be full"

_NONE: Final = 0
_HELD: Final = 1
_CLOSING: Final = 2  # a close frame was sent or received, and the peer has not closed the connection yet


@dataclass(frozen=True, slots=True)
class IdleSource:
    """So many connections from one local address (None: the kernel's choice)."""

    address: str | None
    connections: int


@dataclass(frozen=True, slots=True)
class OpeningResult:
    """How it went: connections opened, the time and this process's memory that took, why it stopped early."""

    opened: int
    seconds: float
    bytes_per_connection: float
    problem: str | None


class IdleConnections:
    """Connections to `address`, over TLS if that is given; `opened` counts all that were ever established.

    Each begins with an `opening` if there is one; otherwise `request` asks for an answer behind each round. If they
    are to `trickle`, this has to be known before they are opened.
    """

    def __init__(
        self,
        loop: Loop,
        address: Address,
        request: bytes,
        timeout_ns: int,
        tls: TlsClient | None = None,
        trickles: bool = False,
        opening: IdleOpening | None = None,
    ) -> None:
        self._loop = loop
        self._request = request
        self._timeout_ns = timeout_ns
        self._tls = tls
        self._trickles = trickles
        self._opening = opening
        self._opener = Opener(loop, address, tls, opening)
        self._upkeep: Upkeep | None = None
        if isinstance(opening, Upgrade | Subscription):
            # In the middle of a frame that trickles no other can be sent.
            answers = isinstance(opening, Upgrade) and not trickles
            self._upkeep = Upkeep(loop, answers, self._mark_closing, self._close)
        self._sessions: dict[int, TlsTransport] = {}  # by descriptor, if they trickle
        # What each descriptor is. A set would take as much memory as all else in this process.
        self._states = bytearray()
        self._sources: Iterator[str | None] = iter(())
        self._round_size = 1
        self._replaced = 0  # at this moment, by churn
        self.opened = 0

    @property
    def pings(self) -> int:
        """How many pings of the server have been answered."""
        return self._upkeep.pings if self._upkeep else 0

    @property
    def received_bytes(self) -> int:
        """How much has come on WebSockets or event streams since they were opened."""
        return self._upkeep.received_bytes if self._upkeep else 0

    async def open(
        self, sources: Sequence[IdleSource], round_size: int, on_progress: Callable[[int], None]
    ) -> OpeningResult:
        """Open all connections, `round_size` at a time; stop at the first that cannot be opened in time."""
        self._sources = itertools.cycle([source.address for source in sources])
        self._round_size = round_size
        started_ns, memory_before = time.monotonic_ns(), _resident_bytes()
        problem = None
        for source in sources:
            for first in range(0, source.connections, round_size):
                addresses = [source.address] * min(round_size, source.connections - first)
                opened, problem = await self._open_round(addresses, proves=True)
                self.opened += opened
                on_progress(self.opened)
                if problem is not None:
                    break
            if problem is not None:
                break
        seconds = (time.monotonic_ns() - started_ns) / 1e9
        memory = max(0, _resident_bytes() - memory_before)
        return OpeningResult(self.opened, seconds, memory / max(self.opened, 1), problem)

    async def attend(self) -> None:
        """Read what comes on connections on which something may, and answer pings, until cancelled."""
        if self._upkeep is not None:
            await self._upkeep.run()

    def count_alive(self) -> int:
        """Close those that the peer has ended, as far as this host knows; return how many are left.

        Those that are being replaced, as it is the habit of churning ones, count as well.
        """
        alive = self._replaced
        descriptors = self._descriptors()
        for first in range(0, len(descriptors), _EXAMINED_AT_ONCE):
            examined = descriptors[first : first + _EXAMINED_AT_ONCE]
            poll = select.poll()
            for fd in examined:
                # Errors and hang-ups are always reported; RDHUP adds the peer's orderly close.
                poll.register(fd, select.POLLRDHUP)
            ended = poll.poll(0)
            for fd, _events in ended:
                self._close(fd)
            alive += len(examined) - len(ended)
        return alive

    async def trickle(self, pace_ns: int) -> None:
        """Send one more byte on each connection every `pace_ns`, until cancelled: of an endless request, or frame."""
        endless = _ENDLESS_FRAME if isinstance(self._opening, Upgrade) else _ENDLESS_REQUEST
        begun: set[int] = set()
        full: set[int] = set()
        async for turn in self._in_turns(pace_ns):
            for fd in turn:
                piece = b"x" if fd in begun else endless
                # A connection that has ended is not counted as alive; a full buffer takes the byte another time.
                with suppress(OSError):
                    if self._tls is None:
                        os.write(fd, piece)
                    elif fd not in full and not self._sessions[fd].write(fd, piece):
                        full.add(fd)  # of a record half is sent, and the other half would have to come first
                    begun.add(fd)

    async def churn(self, pace_ns: int) -> None:
        """Close each connection every `pace_ns`, on average, and open another in its place, until cancelled."""
        async for turn in self._in_turns(pace_ns):
            self._replaced = len(turn)
            await self._wait_closed(turn)
            # Where that fails there are fewer connections, which `count_alive` shows.
            await self._open_round(list(itertools.islice(self._sources, len(turn))), proves=False)
            self._replaced = 0

    async def wait_closed(self) -> None:
        """Close all; WebSockets with a close frame first, so that no server takes their end for a failure."""
        await self._wait_closed(self._descriptors())
        self.close()

    def close(self) -> None:
        """Reset all connections."""
        for fd, state in enumerate(self._states):
            if state != _NONE:
                self._close(fd)
        if self._upkeep is not None:
            self._upkeep.close()

    async def _open_round(self, addresses: Sequence[str | None], proves: bool) -> tuple[int, str | None]:
        """Open a connection from each of these addresses; keep those before the first that cannot be opened.

        Return how many, and why no more. If it `proves` that they were accepted, and their own answers do not, another
        connection asks for an answer behind them.
        """
        held: list[int] = []
        problem = None

        def keep(fd: int, session: TlsTransport | None, came: bytes) -> None:
            held.append(fd)
            self._hold(fd, session, came)

        with self._loop.time_scope(self._timeout_ns) as scope:
            try:
                await self._opener.open_round(addresses, keep)
                if proves and self._opening is None:
                    await self._opener.wait_answered(addresses[0], self._request)
                    if self._tls is not None:
                        _drop_tickets(held)
            except OPENING_FAILURES as error:
                problem = _describe(error)
        if scope.cancelled:
            problem = _NO_ANSWER if self._opening is None else _NO_OPENING
        return len(held), problem

    async def _wait_closed(self, descriptors: Sequence[int]) -> None:
        """Close connections: WebSockets with a close frame, for whose answer there is some patience.

        The last that is sent is a reset even so: TIME_WAIT is left at neither end.
        """
        if self._upkeep is not None and self._upkeep.answers:
            for fd in descriptors:
                self._upkeep.start_closing(fd)
            deadline_ns = time.monotonic_ns() + _CLOSING_PATIENCE_NS
            while any(map(self._states.__getitem__, descriptors)) and time.monotonic_ns() < deadline_ns:
                if not self._upkeep.attend_nowait():
                    await self._loop.sleep(_LOOK_AGAIN_NS)
        for fd in descriptors:
            if self._states[fd] != _NONE:
                self._close(fd)

    async def _in_turns(self, pace_ns: int) -> AsyncIterator[list[int]]:
        """Yield all connections once every `pace_ns`, spread evenly, each for as long as it is open."""
        while True:
            begins_ns = time.monotonic_ns()
            descriptors = self._descriptors()
            at_once = min(self._round_size, max(1, len(descriptors) * _STEP_NS // pace_ns))
            for first in range(0, len(descriptors), at_once):
                await self._loop.sleep_until(begins_ns + pace_ns * first // len(descriptors))
                if turn := [fd for fd in descriptors[first : first + at_once] if self._states[fd] == _HELD]:
                    yield turn
            await self._loop.sleep_until(begins_ns + pace_ns)

    def _descriptors(self) -> list[int]:
        return [fd for fd, state in enumerate(self._states) if state == _HELD]

    def _hold(self, fd: int, session: TlsTransport | None, came: bytes) -> None:
        self._states.extend(bytes(max(0, fd + 1 - len(self._states))))
        self._states[fd] = _HELD
        self._replaced -= self._replaced > 0
        if session is not None and self._trickles:
            self._sessions[fd] = session
        if self._upkeep is not None:
            self._upkeep.take(fd, session, came)

    def _mark_closing(self, fd: int) -> None:
        self._states[fd] = _CLOSING

    def _close(self, fd: int) -> None:
        self._states[fd] = _NONE
        self._sessions.pop(fd, None)
        if self._upkeep is not None:
            self._upkeep.forget(fd)
        os.close(fd)


def _drop_tickets(descriptors: Iterable[int]) -> None:
    """Receive what servers send unasked behind a handshake, which would otherwise wait in the kernel for good."""
    for fd in descriptors:
        with suppress(OSError):
            os.read(fd, _TICKETS_BYTES)


def _describe(error: Exception) -> str:
    match error:
        case OSError(strerror=str(reason)):
            return reason
        case ResponseTooLarge():
            return f"the answer is too long{f': {error}' if str(error) else ''}"
        case MalformedResponse():
            return f"the answer is malformed: {error}"
    return str(error)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
