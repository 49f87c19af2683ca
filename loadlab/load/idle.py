"""Dead connections: opened, held, and never used again.

A listening socket's backlog takes only so many connections before the server accepts them; past that the kernel drops
SYNs and each costs a second's wait. So connections are opened in rounds that fit the backlog, and behind each round
one more connection asks for an answer: since connections are accepted in the order they came, its answer says that all
of the round were accepted. It needs nothing but HTTP, so it works against any server.

Once open, a connection costs this process its descriptor and nothing else: no socket object, no task.

Dead means silent. Two other kinds of useless connections can be had: `trickle` sends a byte of a request that never
ends now and then, and `churn` closes connections and opens others in their place.
"""

import itertools
import os
import resource
import select
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address, discard, wait_connected, wait_received, wait_sent

# Close with a reset: no FIN to wait for and no TIME_WAIT left behind for the next trial (socket(7), SO_LINGER).
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_MAX_DEATHS_AT_ONCE: Final = 512
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
    """How the opening went: so many open, in so long, at so much memory of this process; `problem` if it stopped."""

    opened: int
    seconds: float
    bytes_per_connection: float
    problem: str | None


class IdleConnections:
    """Connections to `address`, held open. `opened` and `alive` count them."""

    def __init__(self, loop: Loop, address: Address, request: bytes, timeout_ns: int) -> None:
        self._loop = loop
        self._address = address
        self._request = request
        self._timeout_ns = timeout_ns
        # A second epoll for the dead, itself watched by the loop: the loop's table need not know each of them.
        self._graveyard = select.epoll()
        self._descriptors: set[int] = set()
        self._sources: Iterator[str | None] = iter(())
        self.opened = 0

    @property
    def alive(self) -> int:
        """How many are still open, as far as this host was told."""
        return len(self._descriptors)

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

    async def watch(self) -> None:
        """Notice connections that die, until cancelled."""
        self._loop.register(self._graveyard.fileno())
        try:
            while True:
                # Edge-triggered: all there is must be taken before waiting again.
                while deaths := self._graveyard.poll(0, _MAX_DEATHS_AT_ONCE):
                    for fd, _events in deaths:
                        self._descriptors.discard(fd)
                        os.close(fd)
                await self._loop.wait_event(self._graveyard.fileno())
        finally:
            self._loop.unregister(self._graveyard.fileno())

    async def trickle(self, pace_ns: int) -> None:
        """Send one more byte of an endless request on each connection every `pace_ns`, until cancelled."""
        begun: set[int] = set()
        async for fd in self._in_turns(pace_ns):
            # A connection that has died meanwhile is told by `watch`; a full buffer takes the byte another time.
            with suppress(OSError):
                os.write(fd, b"x" if fd in begun else _ENDLESS_REQUEST)
                begun.add(fd)

    async def churn(self, pace_ns: int) -> None:
        """Close each connection every `pace_ns`, on average, and open another in its place, until cancelled."""
        async for fd in self._in_turns(pace_ns):
            self._descriptors.discard(fd)
            os.close(fd)
            with suppress(OSError):  # then there is one connection less, which `alive` tells
                await self._open_one(next(self._sources))

    def close(self) -> None:
        """Reset all connections."""
        for fd in self._descriptors:
            os.close(fd)
        self._descriptors.clear()
        self._graveyard.close()

    async def _open_round(self, source: str | None, connections: int) -> str | None:
        with self._loop.time_scope(self._timeout_ns) as scope:
            try:
                async with self._loop.task_group() as group:
                    for _ in range(connections):
                        group.start(self._open_first(source), "open an idle connection")
                await self._wait_all_accepted(source)
            except OSError as error:
                return f"{error.strerror or error}"
        return "no answer in time: its backlog or its open files may be full" if scope.cancelled else None

    async def _in_turns(self, pace_ns: int) -> AsyncIterator[int]:
        """Yield each connection once every `pace_ns`, spread evenly, for as long as it is open."""
        while True:
            round_ends_ns = time.monotonic_ns() + pace_ns
            descriptors = list(self._descriptors)
            at_once = max(1, len(descriptors) * _STEP_NS // pace_ns)
            for first in range(0, len(descriptors), at_once):
                for fd in descriptors[first : first + at_once]:
                    if fd in self._descriptors:
                        yield fd
                await self._loop.sleep(min(_STEP_NS, pace_ns))
            await self._loop.sleep_until(round_ends_ns)

    async def _open_first(self, source: str | None) -> None:
        await self._open_one(source)
        self.opened += 1

    async def _open_one(self, source: str | None) -> None:
        sock = await wait_connected(self._loop, self._address, source)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._loop.unregister(sock.fileno())
        fd = sock.detach()
        self._descriptors.add(fd)
        # Errors and hang-ups are always told; RDHUP adds the peer's orderly close.
        self._graveyard.register(fd, select.EPOLLRDHUP)

    async def _wait_all_accepted(self, source: str | None) -> None:
        sock = await wait_connected(self._loop, self._address, source)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            await wait_sent(self._loop, sock, self._request)
            await wait_received(self._loop, sock, _ANSWER_BYTES)
        finally:
            discard(self._loop, sock)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
