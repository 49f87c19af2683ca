"""A window: one measured stretch on a rig, from its warm-up to the last that its load workers have to say of it.

The workers get it as a plan on the common clock, and record only within it. Counters are read at both its edges, the
timeline in between, and a watch may look at both sides meanwhile.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from loadlab.errors import TrialFailed
from loadlab.experiment.client_side import NO_READINGS
from loadlab.experiment.context import Observer
from loadlab.experiment.load_record import LoadRecord, read_snapshots
from loadlab.experiment.recorded_kinds import kinds_of
from loadlab.experiment.rig import Rig
from loadlab.experiment.shared_cores import SharedCoresWatch
from loadlab.experiment.timeline import Timeline
from loadlab.experiment.usage import WindowEdge, WindowUsage, read_window_edge, usage_over
from loadlab.fleet.coordinator import Event
from loadlab.fleet.messages import Drained, Finished, Plan, PlannedWindow, Recorded
from loadlab.profile.address import Address, TcpAddress, format_address
from loadlab.profile.schema import LoadProfile
from loadlab.recording.outcomes import Outcome
from loadlab.results.probe_data import Probes, ProcfsProbe
from loadlab.results.trial import LoadedServer, Round
from loadlab.targets import is_of_this_machine

# From sending the plan until its warm-up begins.
_LEAD_NS: Final = 50_000_000
_SHORTEST_INTERVAL_NS: Final = 250_000_000
_LONGEST_INTERVAL_NS: Final = 1_000_000_000
_MOST_INTERVALS: Final = 1000


class Watch(Protocol):
    """What looks at both sides during a window."""

    def prepare(self, target_pids: Collection[int], client_pids: Collection[int]) -> None:
        """Get ready to watch the processes of both sides."""

    def begin(self) -> None:
        """The window begins."""

    def look(self) -> None:
        """The window goes on; called each time that the load workers have reported."""

    def end(self) -> None:
        """The window is over."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long the load runs before it is recorded, how long it is recorded, in ns, and what to call that."""

    warmup_ns: int
    duration_ns: int
    phase: str = "measuring"


@dataclass(frozen=True, slots=True)
class MeasuredRound:
    """One slice of a rig: its figures, and what was used between its edges."""

    figures: Round
    usage: WindowUsage


class WindowRecord:
    """What is known of a window at any moment: None, or nothing, until it has been measured.

    The idle connections alive at its begin and at its end are counted where there are any.
    """

    def __init__(self, profile: LoadProfile) -> None:
        self._profile = profile
        self.load = LoadRecord(kinds_of(profile))
        self.rounds: list[MeasuredRound] = []  # none: it is a single window
        self.at: float | None = None  # when it began, in seconds after the run began
        self.server: LoadedServer | None = None
        self.usage: WindowUsage | None = None
        self.timeline: Timeline | None = None
        self.idle_at_start: int | None = None
        self.idle_at_end: int | None = None

    def probes(self) -> Probes:
        """Return what was seen by those probes of the profile that look on."""
        if self.timeline is None:
            return Probes()
        return Probes(
            procfs=self._processes() if "procfs" in self._profile.probes else None,
            sockets=self.timeline.sockets() if "sockets" in self._profile.probes else None,
        )

    def _processes(self) -> ProcfsProbe | None:
        """Return what was read of both sides; nothing of the client where not all of its processes could be seen here.

        On machines of a cluster they are read at both ends of the window only.
        """
        seen = self.timeline.processes() if self.timeline is not None else None
        if seen is None or self.usage is None or not self.usage.machines or not seen.client:
            return seen
        sees_all = seen.client[-1].processes == self.usage.client.processes
        return seen if sees_all else seen.model_copy(update={"client": [], "client_at_start": None})


def measure_window(rig: Rig, window: Window, record: WindowRecord, watch: Watch | None = None) -> None:
    """Measure one window on a rig that is idle, into `record`. Raises TrialFailed, or what the context's check raises.

    The rig is idle again when it returns, unless target or load has failed meanwhile, or the run is to end.
    """
    _Measurement(rig, window, record).measure(watch)


def interval_of(duration_ns: int) -> int:
    """Return how often the load workers report, in ns: often enough to show progress, and at most a thousand times."""
    wanted_ns = min(max(duration_ns // 8, _SHORTEST_INTERVAL_NS), _LONGEST_INTERVAL_NS)
    return max(wanted_ns, duration_ns // _MOST_INTERVALS)


def loaded_server(rig: Rig) -> LoadedServer:
    """Return where the requests of a rig go."""
    address = rig.ends.target.address
    return LoadedServer(address=format_address(address), remote=_is_remote(address), on=rig.resources.target_on)


def read_edge(rig: Rig, start: WindowEdge | None = None) -> WindowEdge:
    """Read the counters of a rig now; `start` is the edge before this one, if this is a window's end."""
    ends = rig.ends
    target = ends.side.read(start.host if start else None)
    # Machines of a cluster read their own processes, also those that run here.
    here = rig.context.cluster is None
    workers, holders = (ends.fleet.worker_pids(), ends.fleet.holder_pids()) if here else ((), ())
    edge = read_window_edge(target, workers, [*holders, *ends.side.pids_beside()], start)
    return replace(edge, machines=rig.clients.read(start.machines if start else NO_READINGS))


class PlannedLoad:
    """One window as the load workers of a rig carry it out: planned, and what they say of it taken into a record.

    `observer` is kept informed of how far it is.
    """

    def __init__(self, rig: Rig, window: Window, load: LoadRecord, observer: Observer) -> None:
        self._rig = rig
        self._window = window
        self._load = load
        self._observer = observer
        is_counted = rig.profile.load.request_count is not None
        self.interval_ns = _SHORTEST_INTERVAL_NS if is_counted else interval_of(window.duration_ns)
        self._finished: set[str] = set()
        self._drained: set[str] = set()

    def plan(self, lead_ns: int) -> int:
        """Give the workers the window, `lead_ns` or more before its warm-up; return its monotonic start."""
        window = self._window
        until_start_ns = max(lead_ns, self._rig.clients.least_lead_ns) + window.warmup_ns
        start_unix_ns = time.time_ns() + until_start_ns
        start_ns = time.monotonic_ns() + until_start_ns
        planned = PlannedWindow(start_unix_ns, window.warmup_ns, window.duration_ns, self.interval_ns)
        self._rig.ends.measure(Plan([planned]))
        return start_ns

    @property
    def is_finished(self) -> bool:
        """Whether all workers have said that the window is over."""
        return len(self._finished) == self._rig.workers

    def take_until(self, deadline_ns: int) -> None:
        """Take what the workers report until then, or until the last of them says that the window is over."""
        for event in self._rig.ends.listen_until(deadline_ns, lambda: self.is_finished):
            self.take(event)

    def take_rest(self) -> None:
        """Take what the workers report until the last of them says that the window is over."""
        ends = self._rig.ends
        for event in ends.listen_while(
            lambda: not self.is_finished, awaited=lambda: {*ends.fleet.worker_names()} - self._finished
        ):
            self.take(event)

    def take_what_is_in_flight(self) -> None:
        """Wait for what became of the requests in flight; they are answered or overdue within their timeout."""
        rig = self._rig
        for event in rig.ends.listen_while(
            lambda: len(self._drained) < rig.workers,
            rig.profile.load.timeout_ns / 1e9,
            lambda: {*rig.ends.fleet.worker_names()} - self._drained,
        ):
            self.take(event)

    def take(self, event: Event) -> None:
        """Take a message of a load worker into the record."""
        load = self._load
        match event.message:
            case Recorded(encoded, labels):
                snapshots = read_snapshots(event.sender, encoded)
                load.add(event.sender, snapshots, labels)
                self._observer.phase(
                    self._window.phase, self._fraction(max((each.end_ns for each in snapshots), default=0))
                )
                self._observer.so_far(load.so_far())
            case Finished() as finished:
                labels = finished.labels
                load.tls = load.tls or finished.tls
                load.cut_ages.absorb(finished.cut_ages)
                load.add_undone(finished.cut, finished.dropped, labels, event.sender)
                load.carried_over += finished.carried_over
                load.compared += finished.compared
                load.answered_before += finished.answered_before
                load.add_rest(read_snapshots(event.sender, finished.rest), labels, event.sender)
                load.add_checks(finished.checks)
                load.add_blocking(finished.blocking)
                self._finished.add(event.sender)
            case Drained(encoded, active_ns, labels):
                load.add_finished_later(read_snapshots(event.sender, encoded), labels)
                load.active_ns = max(load.active_ns, active_ns)
                self._drained.add(event.sender)

    def _fraction(self, passed_ns: int) -> float:
        """Return which part of the window is over: of its length, or of its number of requests."""
        if (wanted := self._rig.profile.load.request_count) is None:
            return min(1.0, passed_ns / self._window.duration_ns)
        return min(1.0, sum(self._load.totals.outcomes.values()) / wanted)


class _Measurement:
    """A window under way."""

    def __init__(self, rig: Rig, window: Window, record: WindowRecord) -> None:
        self._rig = rig
        self._window = window
        self._record = record
        self._observer = rig.context.observer
        self._planned = PlannedLoad(rig, window, record.load, rig.context.observer)
        self._shared_cores = SharedCoresWatch(rig.ends, rig.resources)

    def measure(self, watch: Watch | None) -> None:
        rig, ends, record, planned = self._rig, self._rig.ends, self._record, self._planned
        record.server = loaded_server(rig)
        record.idle_at_start = rig.idle.count(ends)
        timeline = record.timeline = Timeline(ends)
        timeline.read_memory()
        if watch is not None:
            watch.prepare(ends.target.pids(), ends.fleet.worker_pids())
        start_ns = planned.plan(_LEAD_NS)
        self._observer.phase("warming up", None)
        planned.take_until(start_ns)
        record.at = rig.context.speed.at
        start = read_edge(rig)
        self._shared_cores.begin()
        if watch is not None:
            watch.begin()
        self._let_pass(start_ns + self._window.duration_ns, timeline, watch)
        threads = self._shared_cores.end()
        end = read_edge(rig, start)
        if watch is not None:
            watch.end()
        memory = timeline.read_memory()
        record.usage = usage_over(start, end).with_threads(threads).with_memory(memory.target, memory.client)
        planned.take_rest()
        record.idle_at_end = rig.idle.count(ends, planned.take)  # workers may report what they have finished
        if in_flight := record.load.totals.outcomes[Outcome.CUT]:
            self._observer.phase(f"{in_flight:,} request{'' if in_flight == 1 else 's'} in flight", None)
        # What was measured stands, whatever ends the trial now.
        with suppress(TrialFailed, KeyboardInterrupt):
            planned.take_what_is_in_flight()

    def _let_pass(self, end_ns: int, timeline: Timeline, watch: Watch | None) -> None:
        """Take what the workers report until the window ends; look at the processes meanwhile, if the profile asks."""
        planned = self._planned
        self._observer.phase(self._window.phase, 0.0)
        looks_on = not {"procfs", "sockets"}.isdisjoint(self._rig.profile.probes)
        if looks_on:
            timeline.read()
        while (now_ns := time.monotonic_ns()) < end_ns and not planned.is_finished:
            planned.take_until(min(now_ns + planned.interval_ns, end_ns))
            self._shared_cores.look()
            if watch is not None:
                watch.look()
            if looks_on:
                timeline.read(at_end=planned.is_finished or time.monotonic_ns() >= end_ns)


def _is_remote(address: Address) -> bool:
    return isinstance(address, TcpAddress) and not is_of_this_machine(address.host)
