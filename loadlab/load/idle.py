"""Idle connections: opened, held, and never used again.

A listening socket's backlog takes only so many connections before the server accepts them; past that the kernel drops
SYNs and each costs a second's wait. So connections are opened in rounds that fit the backlog, and behind each round
one more connection asks for an answer. If the server has one listening socket, the answer proves that all of the round
were accepted, since they are accepted in the order they came. If its processes have one each (SO_REUSEPORT), it proves
that of one of them, and otherwise only keeps the pace. It needs nothing but HTTP, so it works against any server.

A round is begun as a whole, and then checked once: over loopback every connection is established by then. So no task
waits for it, and no event reports it. Once open, it costs this process its descriptor and nothing else: not even an
entry in an epoll, which is 200 bytes in the kernel. Whether it is still established is checked on request.

Idle means silent. Two other kinds of useless connections can be had: `trickle` sends a byte of a request that never
ends now and then, and `churn` closes connections and opens others in their place.

With TLS a connection shakes hands first. Then nothing more is to be encrypted, so that it costs no more than another
one; only `trickle` keeps what OpenSSL has of each connection, tens of kilobytes.
"""

import itertools
import os
import resource
import select
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import (
    Address,
    PlainTransport,
    Transport,
    discard,
    is_connected,
    reset_on_close,
    unconnected,
    wait_connected,
    wait_progress,
    wait_read,
)
from loadlab.kernel.tls import TlsClient, TlsTransport

# Descriptors given to one poll(2): a thousand take 0.1 ms, and little memory.
_EXAMINED_AT_ONCE: Final = 1000
_ANSWER_BYTES: Final = 4096
_TICKETS_BYTES: Final = 16 * 1024
# Connections that do something take turns in steps of this, so that they never do it all at once.
_STEP_NS: Final = 10_000_000
_ENDLESS_REQUEST: Final = b"GET /hello HTTP/1.1\r\nX-Endless: "


@dataclass(frozen=True, slots=True)
class IdleSource:
    """So many connections from one local address (None: the kernel's choice)."""

    address: str | None
    connections: int


@dataclass(frozen=True, slots=True)
class Opening:
    """How the opening went: connections opened, the time and this process's memory that took, why it stopped early."""

    opened: int
    seconds: float
    bytes_per_connection: float
    problem: str | None


class IdleConnections:
    """Connections to `address`, over TLS if that is given; `opened` counts all that were ever established.

    If they are to `trickle`, this has to be known before they are opened.
    """

    def __init__(
        self,
        loop: Loop,
        address: Address,
        request: bytes,
        timeout_ns: int,
        tls: TlsClient | None = None,
        trickles: bool = False,
    ) -> None:
        self._loop = loop
        self._address = address
        self._request = request
        self._timeout_ns = timeout_ns
        self._tls = tls
        self._trickles = trickles
        self._sessions: dict[int, TlsTransport] = {}  # by descriptor, if they trickle
        # By descriptor, 1 for those that are held. A set would take as much memory as all else in this process.
        self._held = bytearray()
        self._sources: Iterator[str | None] = iter(())
        self.opened = 0

    async def open(self, sources: Sequence[IdleSource], round_size: int, on_progress: Callable[[int], None]) -> Opening:
        """Open all connections, `round_size` at a time; stop at the first that cannot be opened in time."""
        self._sources = itertools.cycle([source.address for source in sources])
        started_ns, memory_before = time.monotonic_ns(), _resident_bytes()
        problem = None
        for source in sources:
            for first in range(0, source.connections, round_size):
                problem = await self._open_round(source.address, min(round_size, source.connections - first))
                on_progress(self.opened)
                if problem is not None:
                    break
            if problem is not None:
                break
        seconds = (time.monotonic_ns() - started_ns) / 1e9
        memory = max(0, _resident_bytes() - memory_before)
        return Opening(self.opened, seconds, memory / max(self.opened, 1), problem)

    def count_alive(self) -> int:
        """Close those that the peer has ended, as far as this host knows; return how many are left."""
        alive = 0
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
        """Send one more byte of an endless request on each connection every `pace_ns`, until cancelled."""
        begun: set[int] = set()
        full: set[int] = set()
        async for fd in self._in_turns(pace_ns):
            piece = b"x" if fd in begun else _ENDLESS_REQUEST
            # A connection that has ended is not counted as alive; a full buffer takes the byte another time.
            with suppress(OSError):
                if self._tls is None:
                    os.write(fd, piece)
                elif fd not in full and not self._sessions[fd].write(fd, piece):
                    full.add(fd)  # of a record half is sent, and the other half would have to come first
                begun.add(fd)

    async def churn(self, pace_ns: int) -> None:
        """Close each connection every `pace_ns`, on average, and open another in its place, until cancelled."""
        async for fd in self._in_turns(pace_ns):
            self._close(fd)
            # Where that fails there is one connection less, which `count_alive` shows.
            with suppress(OSError), self._begin(next(self._sources)) as sock:
                await self._wait_established(sock)
                await self._encrypt(sock)
                self._hold(sock)

    def close(self) -> None:
        """Reset all connections."""
        for fd in self._descriptors():
            self._close(fd)

    async def _open_round(self, source: str | None, connections: int) -> str | None:
        begun: deque[socket.socket] = deque()
        held: list[int] = []
        with self._loop.time_scope(self._timeout_ns) as scope:
            try:
                for _ in range(connections):
                    begun.append(self._begin(source))
                if self._tls is not None:
                    await self._encrypt_all(begun)
                while begun:
                    await self._wait_established(begun[0])
                    held.append(self._hold(begun.popleft()))
                    self.opened += 1
                await self._wait_answered(source)
                if self._tls is not None:
                    _drop_tickets(held)
            except OSError as error:
                return f"{error.strerror or error}"
            finally:
                for sock in begun:
                    sock.close()
        return "no answer in time: its backlog or its open files may be full" if scope.cancelled else None

    async def _in_turns(self, pace_ns: int) -> AsyncIterator[int]:
        """Yield each connection once every `pace_ns`, spread evenly, for as long as it is open."""
        while True:
            round_ends_ns = time.monotonic_ns() + pace_ns
            descriptors = self._descriptors()
            at_once = max(1, len(descriptors) * _STEP_NS // pace_ns)
            for first in range(0, len(descriptors), at_once):
                for fd in descriptors[first : first + at_once]:
                    if self._held[fd]:
                        yield fd
                await self._loop.sleep(min(_STEP_NS, pace_ns))
            await self._loop.sleep_until(round_ends_ns)

    def _descriptors(self) -> list[int]:
        return [fd for fd, held in enumerate(self._held) if held]

    def _begin(self, source: str | None) -> socket.socket:
        """Begin to connect, from `source` if that is given, and do not wait. Raises OSError as connect(2) does."""
        sock = unconnected(self._address, source)
        try:
            reset_on_close(sock)
            is_connected(sock, self._address)
        except OSError:
            sock.close()
            raise
        return sock

    async def _wait_established(self, sock: socket.socket) -> None:
        """Wait until a connection that was begun is established. Raises OSError as connect(2) does."""
        if is_connected(sock, self._address):
            return
        self._loop.register(sock.fileno())
        try:
            while not is_connected(sock, self._address):
                await wait_progress(self._loop, sock, self._address)
        finally:
            self._loop.unregister(sock.fileno())

    async def _encrypt_all(self, connections: Iterable[socket.socket]) -> None:
        """Shake hands on all, at the same time: the server works while this process does. Raises as `_encrypt` does."""
        failures: list[OSError] = []

        async def encrypt(sock: socket.socket) -> None:
            try:
                await self._wait_established(sock)
                await self._encrypt(sock)
            except OSError as error:
                failures.append(error)

        async with self._loop.task_group() as group:
            for sock in connections:
                group.start(encrypt(sock), "shake hands")
        if failures:
            raise failures[0]

    async def _encrypt(self, sock: socket.socket) -> None:
        """Shake hands if connections are encrypted. Raises TlsError or OSError."""
        if self._tls is None:
            return
        transport = TlsTransport(self._loop, self._tls)
        self._loop.register(sock.fileno())
        try:
            await transport.wait_handshake(sock)
        finally:
            self._loop.unregister(sock.fileno())
        if self._trickles:
            self._sessions[sock.fileno()] = transport

    def _hold(self, sock: socket.socket) -> int:
        """Keep and return the descriptor of an established connection, and drop the socket object."""
        fd = sock.detach()
        self._held.extend(bytes(max(0, fd + 1 - len(self._held))))
        self._held[fd] = 1
        return fd

    def _close(self, fd: int) -> None:
        self._held[fd] = 0
        self._sessions.pop(fd, None)
        os.close(fd)

    async def _wait_answered(self, source: str | None) -> None:
        sock = await wait_connected(self._loop, self._address, source)
        transport: Transport = PlainTransport(self._loop)
        try:
            reset_on_close(sock)
            if self._tls is not None:
                transport = encrypted = TlsTransport(self._loop, self._tls)
                await encrypted.wait_handshake(sock)
            await transport.wait_sent(sock, self._request)
            await wait_read(self._loop, transport, sock, _ANSWER_BYTES)
        finally:
            discard(self._loop, sock)


def _drop_tickets(descriptors: Iterable[int]) -> None:
    """Receive what servers send unasked behind a handshake, which would otherwise wait in the kernel for good."""
    for fd in descriptors:
        with suppress(OSError):
            os.read(fd, _TICKETS_BYTES)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
