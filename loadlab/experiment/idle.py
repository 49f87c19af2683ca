"""The idle connections of a rig: opened, proved to be accepted, counted, and the memory that they take."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from loadlab.experiment.context import Observer
from loadlab.experiment.ends import Ends
from loadlab.fleet.coordinator import Event
from loadlab.fleet.division import Share
from loadlab.fleet.messages import Alive, Endpoint, IdlePart, Opened, OpenedSoFar
from loadlab.probes.memory import memory_of_connections
from loadlab.profile.address import socket_address
from loadlab.profile.load import Load
from loadlab.protocols.openings import IdleOpening
from loadlab.results.idle import ConnectionMemory, IdleSummary
from loadlab.tls import TlsSettings

# A round takes no more than half a second of one core, however many holders open theirs at the same time.
_LARGEST_ROUND: Final = 256
# A connection that found no room in the queue is let in when the answer to its SYN is sent again, after 1 s and 3 s.
_ACCEPT_PATIENCE_NS: Final = 4_000_000_000
_LOOK_AGAIN_NS: Final = 50_000_000


class HeldConnections:
    """The idle connections of one rig; none until `open`. `memory` is None where it could not be measured."""

    def __init__(self, load: Load, observer: Observer) -> None:
        self.memory: ConnectionMemory | None = None
        self._load = load
        self._observer = observer
        self._opening: dict[str, int] = {}  # how many, by holder
        self._opened: dict[str, Opened] = {}
        self._alive: dict[str, Alive] = {}  # as last counted
        self._not_accepted = 0

    def open(
        self,
        ends: Ends,
        shares: Sequence[Share],
        request: bytes,
        tls: TlsSettings | None,
        opening: IdleOpening | None = None,
    ) -> None:
        """Open all of them, and return when the target has accepted them or had its time for that.

        With an `opening` it is carried out on each; otherwise `request` is what a holder sends to ask for an answer.
        With `tls` they are encrypted.
        """
        load, address = self._load, socket_address(ends.target.address)
        # All holders open at once, so each fills only its part of the backlog; half of it is left as slack.
        round_size = max(1, min(_LARGEST_ROUND, ends.target.capabilities.backlog // (2 * len(shares))))
        before = ends.side.read_memory()
        ends.fleet.start_holders(
            [
                IdlePart(
                    Endpoint(address, share, tls),
                    request,
                    round_size,
                    load.timeout_ns,
                    load.idle_kind,
                    load.idle_pace_ns,
                    opening,
                )
                for share in shares
            ]
        )
        for event in ends.listen_while(
            lambda: len(self._opened) < len(shares), awaited=lambda: {*ends.fleet.holder_names()} - {*self._opened}
        ):
            self._take(event)
        if opening is None:  # otherwise each has been answered, so it has been accepted
            self._not_accepted = self._wait_accepted(ends)
        holder_pids = ends.fleet.holder_pids()
        if ends.target.pids() and len(holder_pids) == len(shares):  # both ends of all connections are on this machine
            after = ends.side.read_memory(holder_pids)
            self.memory = memory_of_connections(before, after, sum(self._opening.values()))

    def count(self, ends: Ends, take_other: Callable[[Event], None] = lambda _: None) -> int | None:
        """Return how many are established now; None where there are none to count.

        What load workers say meanwhile is for `take_other`.
        """
        if not self._opened:
            return None
        self._alive.clear()
        ends.fleet.count_alive()
        for event in ends.listen_while(
            lambda: len(self._alive) < len(self._opened), awaited=lambda: {*self._opened} - {*self._alive}
        ):
            self._take(event)
            if event.sender not in self._opened:
                take_other(event)
        return sum(counted.alive for counted in self._alive.values())

    def summary(self, alive_at_start: int | None, alive: int | None) -> IdleSummary | None:
        """Return what came of them, None where no holder has begun.

        `alive_at_start` and `alive` are how many were established when a window began and when it was over; None where
        that is not known. Those that the target never accepted are established at the client's end only, and not alive.
        """
        if not self._opening:
            return None
        holders = self._opened.values()
        opened = sum(self._opening.values()) - self._not_accepted
        alive_at_start = opened if alive_at_start is None else min(alive_at_start, opened)
        memory_bytes = sum(holder.bytes_per_connection * holder.opened for holder in holders)
        return IdleSummary(
            wanted=self._load.idle,
            opened=opened,
            alive_at_start=alive_at_start,
            alive=alive_at_start if alive is None else min(alive, opened),
            open_seconds=max((holder.seconds for holder in holders), default=0.0),
            holders=len(self._opening),
            holder_bytes_per_connection=memory_bytes / opened if opened else None,
            problem=next((holder.problem for holder in holders if holder.problem), self._accept_problem()),
            protocol=self._load.idle_protocol,
            pings=sum(counted.pings for counted in self._alive.values()),
            received_bytes=sum(counted.received_bytes for counted in self._alive.values()),
        )

    def _accept_problem(self) -> str | None:
        return f"the target did not accept {self._not_accepted:,} of them" if self._not_accepted else None

    def _wait_accepted(self, ends: Ends) -> int:
        """Wait until the target has as many descriptors open as connections are alive; return how many it lacks.

        A connection is established at the client's end before the target has accepted it, and the answers that holders
        get do not speak for all of its processes. The target's own descriptors, a few dozen, hide as many.
        """
        deadline_ns = time.monotonic_ns() + _ACCEPT_PATIENCE_NS
        while (opened := ends.side.count_open()) is not None:
            missing = (self.count(ends) or 0) - opened
            if missing <= 0 or time.monotonic_ns() > deadline_ns:
                return max(0, missing)
            for event in ends.listen_until(time.monotonic_ns() + _LOOK_AGAIN_NS):
                self._take(event)
        return 0  # the kernel does not say

    def _take(self, event: Event) -> None:
        match event.message:
            case OpenedSoFar(opened):
                self._opening[event.sender] = opened
                done = sum(self._opening.values())
                self._observer.phase(f"opening idle connections: {done:,}", done / self._load.idle)
            case Opened(opened):
                self._opening[event.sender] = opened
                self._opened[event.sender] = event.message
            case Alive():
                self._alive[event.sender] = event.message
