"""The idle connections of a trial: opened, proved to be accepted, counted, and what they take of the memory."""

import time
from collections.abc import Sequence
from typing import Final

from loadlab.experiment.observer import Observer
from loadlab.experiment.stage import Stage
from loadlab.fleet.coordinator import Event
from loadlab.fleet.division import Share
from loadlab.fleet.messages import Alive, IdlePart, Opened, OpenedSoFar
from loadlab.probes.memory import memory_of_connections, read_memory
from loadlab.probes.open_files import read_open_files
from loadlab.profile.load import Load
from loadlab.results.model import ConnectionMemory, IdleSummary

# A round takes no more than half a second of one core, however many holders open theirs at the same time.
_LARGEST_ROUND: Final = 256
# A connection that found no room in the queue is let in when the answer to its SYN is sent again, after 1 s and 3 s.
_ACCEPT_PATIENCE_NS: Final = 4_000_000_000
_LOOK_AGAIN_NS: Final = 50_000_000


class IdleConnections:
    """What is known of them at any moment; nothing until `open`. `memory` is None where it could not be told."""

    def __init__(self, load: Load, observer: Observer) -> None:
        self.memory: ConnectionMemory | None = None
        self._load = load
        self._observer = observer
        self._opening: dict[str, int] = {}  # how many, by holder
        self._opened: dict[str, Opened] = {}
        self._alive: dict[str, int] = {}
        self._alive_at_start: int | None = None
        self._not_accepted = 0

    def open(self, stage: Stage, shares: Sequence[Share], request: str) -> None:
        """Open all of them, and return when the target has accepted them or had its time for that.

        `request` is what a holder sends to ask for an answer, as text in latin-1.
        """
        load, (host, port) = self._load, stage.target.address
        # All holders open at once, so each fills only its part of the backlog; half of it is left as slack.
        round_size = max(1, min(_LARGEST_ROUND, stage.target.capabilities.backlog // (2 * len(shares))))
        before = read_memory(stage.target.pids(), ())
        stage.fleet.start_holders(
            [
                IdlePart(host, port, share, request, round_size, load.timeout_ns, load.idle_kind, load.idle_pace_ns)
                for share in shares
            ]
        )
        for event in stage.listen_while(lambda: len(self._opened) < len(shares)):
            self._take(event)
        self._not_accepted = self._wait_accepted(stage)
        after = read_memory(stage.target.pids(), stage.fleet.holder_pids())
        self.memory = memory_of_connections(before, after, sum(self._opening.values()))

    def count_at_start(self, stage: Stage) -> None:
        """Count those that stand as the measurement is about to begin."""
        self._alive_at_start = self._count(stage)

    def count_at_end(self, stage: Stage) -> None:
        """Count those that have stood it."""
        self._count(stage)

    def summary(self) -> IdleSummary | None:
        """Return what came of them by now, None where no holder has begun."""
        if not self._opening:
            return None
        holders = self._opened.values()
        opened = sum(self._opening.values()) - self._not_accepted
        alive_at_start = opened if self._alive_at_start is None else self._alive_at_start
        memory_bytes = sum(holder.bytes_per_connection * holder.opened for holder in holders)
        return IdleSummary(
            wanted=self._load.idle,
            opened=opened,
            alive_at_start=alive_at_start,
            alive=sum(self._alive.values()) if self._alive else alive_at_start,
            open_seconds=max((holder.seconds for holder in holders), default=0.0),
            holders=len(self._opening),
            holder_bytes_per_connection=memory_bytes / opened if opened else None,
            problem=next((holder.problem for holder in holders if holder.problem), self._accept_problem()),
        )

    def _accept_problem(self) -> str | None:
        return f"the target did not accept {self._not_accepted:,} of them" if self._not_accepted else None

    def _wait_accepted(self, stage: Stage) -> int:
        """Wait until the target has as many descriptors open as connections are alive; return how many it lacks.

        A connection stands at the client's end before the target has accepted it, and what the holders are answered
        does not speak for all of its processes. The target's own descriptors, a few dozen, hide as many.
        """
        deadline_ns = time.monotonic_ns() + _ACCEPT_PATIENCE_NS
        while files := read_open_files(stage.target.pids()):
            missing = self._count(stage) - sum(process.open for process in files)
            if missing <= 0 or time.monotonic_ns() > deadline_ns:
                return max(0, missing)
            for event in stage.listen_until(time.monotonic_ns() + _LOOK_AGAIN_NS):
                self._take(event)
        return 0  # the kernel does not tell

    def _count(self, stage: Stage) -> int:
        self._alive.clear()
        stage.fleet.count_alive()
        for event in stage.listen_while(lambda: len(self._alive) < len(self._opened)):
            self._take(event)
        return sum(self._alive.values())

    def _take(self, event: Event) -> None:
        # While holders are listened to, the load workers have not begun or have finished, and say nothing.
        match event.message:
            case OpenedSoFar(opened):
                self._opening[event.sender] = opened
                done = sum(self._opening.values())
                self._observer.phase(f"opening idle connections: {done:,}", done / self._load.idle)
            case Opened(opened):
                self._opening[event.sender] = opened
                self._opened[event.sender] = event.message
            case Alive(alive):
                self._alive[event.sender] = alive
