"""One load worker, started as an experiment starts it and recording all that an experiment records, for benchmarks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    Finished,
    KindLabel,
    LoadPart,
    OpenPacing,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    SlowSending,
    WeightedRequest,
)
from loadlab.probes.procfs import read_group, usage_between
from loadlab.recording.recorder import Snapshot, Totals
from loadlab.results.probe_data import ProcessUsage
from loadlab.tls import TlsSettings

_WARMUP_NS: Final = 300_000_000
_INTERVAL_NS: Final = 250_000_000
_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What the worker used in its measured window, what it recorded, and how many scheduled requests had no answer."""

    usage: ProcessUsage
    totals: Totals
    seconds: float
    unanswered: int

    @property
    def rate(self) -> float:
        """Answers as expected, per second."""
        return self.totals.outcomes["ok"] / self.seconds


def open_pacing(rate: float, seconds: float, spin_ns: int) -> OpenPacing:
    """Return an open load of evenly spaced requests."""
    return OpenPacing([(round(seconds * _SECOND_NS), rate, rate)], "constant", spin_ns)


def measure_worker(
    core: int,
    port: int,
    request: WeightedRequest,
    connections: int,
    pacing: ClosedPacing | OpenPacing,
    seconds: float,
    tls: TlsSettings | None = None,
) -> Measured:
    """Run a load worker on `core` against 127.0.0.1:`port` for one window."""
    part = LoadPart(
        share=0,
        shares=1,
        endpoint=Endpoint(("127.0.0.1", port), [(None, connections)], tls),
        requests=[request],
        seed=0,
        pacing=pacing,
        slow=SlowSending(all=False, connections=0, pace_ns=0),
        timeout_ns=5 * _SECOND_NS,
    )
    return measure_part(core, part, seconds)


def measure_part(core: int, part: LoadPart, seconds: float) -> Measured:
    """Run a load worker with that part on `core` for one window."""
    duration_ns = round(seconds * _SECOND_NS)
    with LocalFleet([core]) as fleet:
        worker = _Worker(fleet)
        fleet.start_workers([part])
        worker.listen_until(Ready)
        start_ns = time.monotonic_ns() + _WARMUP_NS
        fleet.measure(Plan([PlannedWindow(time.time_ns() + _WARMUP_NS, _WARMUP_NS, duration_ns, _INTERVAL_NS)]))
        worker.listen_until(start_ns)
        before = read_group(fleet.worker_pids(), time.monotonic_ns())
        worker.listen_until(start_ns + duration_ns)
        usage = usage_between(before, read_group(fleet.worker_pids(), time.monotonic_ns()))
        worker.listen_until(Finished)
    return Measured(usage, worker.totals, seconds, worker.unanswered)


class _Worker:
    """What the one load worker of a fleet reports."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet = fleet
        self._kinds: set[type] = set()
        self.totals = Totals()
        self.unanswered = 0

    def listen_until(self, what: type | int) -> None:
        """Add up what it reports, until it has sent a message of that type, or the monotonic clock reads so much."""
        while not self._has_come(what):
            left_ns = what - time.monotonic_ns() if isinstance(what, int) else _SECOND_NS
            for event in self._fleet.next_events(max(left_ns, 0) / 1e9):
                self._kinds.add(type(event.message))
                match event.message:
                    case Recorded(snapshots, labels):
                        self._add(snapshots, labels)
                    case Finished(labels=labels):
                        self._add(event.message.rest, labels)
                        self.unanswered = sum(event.message.cut) + sum(event.message.dropped)

    def _add(self, snapshots: Sequence[bytes], labels: Sequence[KindLabel]) -> None:
        """Add up the first kind of request, or all requests of a scenario."""
        for number, snapshot in enumerate(snapshots):
            if labels[number].level == "request" if labels else number == 0:
                self.totals.add(Snapshot.from_bytes(snapshot))

    def _has_come(self, what: type | int) -> bool:
        return time.monotonic_ns() >= what if isinstance(what, int) else what in self._kinds
