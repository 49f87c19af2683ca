"""Dead connections: opened, held, and never used again.

A listening socket's backlog takes only so many connections before the server accepts them; past that the kernel drops
SYNs and each costs a second's wait. So connections are opened in rounds that fit the backlog, and behind each round
one more connection asks for an answer. If the server has one listening socket, the answer proves that all of the round
were accepted, since they are accepted in the order they came. If its processes have one each (SO_REUSEPORT), it proves
that of one of them, and otherwise only keeps the pace. It needs nothing but HTTP, so it works against any server.

A round is begun as a whole, and then checked once: over loopback every connection is established by then. So no task
waits for it, and no event reports it. Once open, it costs this process its descriptor and nothing else: not even an
entry in an epoll, which is 200 bytes in the kernel. Whether it is still established is checked on request.

Dead means silent. Two other kinds of useless connections can be had: `trickle` sends a byte of a request that never
ends now and then, and `churn` closes connections and opens others in their place.
"""

import itertools
import os
import resource
import select
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import (
    Address,
    discard,
    is_connected,
    reset_on_close,
    unconnected,
    wait_connected,
    wait_progress,
    wait_received,
    wait_sent,
)

# Descriptors given to one poll(2): a thousand take 0.1 ms, and little memory.
_EXAMINED_AT_ONCE: Final = 1000
_ANSWER_BYTES: Final = 4096
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
    """Connections to `address`, held open; `opened` counts all that were ever established."""

    def __init__(self, loop: Loop, address: Address, request: bytes, timeout_ns: int) -> None:
        self._loop = loop
        self._address = address
        self._request = request
        self._timeout_ns = timeout_ns
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
        async for fd in self._in_turns(pace_ns):
            # A connection that has ended is not counted as alive; a full buffer takes the byte another time.
            with suppress(OSError):
                os.write(fd, b"x" if fd in begun else _ENDLESS_REQUEST)
                begun.add(fd)

    async def churn(self, pace_ns: int) -> None:
        """Close each connection every `pace_ns`, on average, and open another in its place, until cancelled."""
        async for fd in self._in_turns(pace_ns):
            self._close(fd)
            # Where that fails there is one connection less, which `count_alive` shows.
            with suppress(OSError), self._begin(next(self._sources)) as sock:
                await self._wait_established(sock)
                self._hold(sock)

    def close(self) -> None:
        """Reset all connections."""
        for fd in self._descriptors():
            self._close(fd)

    async def _open_round(self, source: str | None, connections: int) -> str | None:
        begun: deque[socket.socket] = deque()
        with self._loop.time_scope(self._timeout_ns) as scope:
            try:
                for _ in range(connections):
                    begun.append(self._begin(source))
                while begun:
                    await self._wait_established(begun[0])
                    self._hold(begun.popleft())
                    self.opened += 1
                await self._wait_answered(source)
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

    def _hold(self, sock: socket.socket) -> None:
        """Keep the descriptor of an established connection, and drop the socket object."""
        fd = sock.detach()
        self._held.extend(bytes(max(0, fd + 1 - len(self._held))))
        self._held[fd] = 1

    def _close(self, fd: int) -> None:
        self._held[fd] = 0
        os.close(fd)

    async def _wait_answered(self, source: str | None) -> None:
        sock = await wait_connected(self._loop, self._address, source)
        try:
            reset_on_close(sock)
            await wait_sent(self._loop, sock, self._request)
            await wait_received(self._loop, sock, _ANSWER_BYTES)
        finally:
            discard(self._loop, sock)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
