"""A window: one measured stretch on a rig, from its warm-up to the last that its load workers have to say of it.

The workers get it as a plan on the common clock, and record only within it. Counters are read at both its edges, the
timeline in between, and a watch may look at both sides meanwhile.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from loadlab.errors import TrialFailed
from loadlab.experiment.rig import Rig
from loadlab.experiment.shared_cores import SharedCoresWatch
from loadlab.experiment.timeline import Timeline
from loadlab.experiment.usage import WindowEdge, WindowUsage, read_window_edge, usage_over
from loadlab.experiment.workers import LoadRecord, kinds_of, read_snapshots
from loadlab.fleet.coordinator import Event
from loadlab.fleet.messages import Drained, Finished, Plan, PlannedWindow, Recorded
from loadlab.profile.address import Address, TcpAddress, format_address
from loadlab.profile.schema import LoadProfile
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import LoadedServer
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

    def end(self) -> None:
        """The window is over."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long the load runs before it is recorded, how long it is recorded, in ns, and what to call that."""

    warmup_ns: int
    duration_ns: int
    phase: str = "measuring"


class WindowRecord:
    """What is known of a window at any moment: None, or nothing, until it has been measured.

    The idle connections alive at its begin and at its end are counted where there are any.
    """

    def __init__(self, profile: LoadProfile) -> None:
        self.load = LoadRecord(kinds_of(profile))
        self.server: LoadedServer | None = None
        self.usage: WindowUsage | None = None
        self.timeline: Timeline | None = None
        self.idle_at_start: int | None = None
        self.idle_at_end: int | None = None


def measure_window(rig: Rig, window: Window, record: WindowRecord, watch: Watch | None = None) -> None:
    """Measure one window on a rig that is idle, into `record`. Raises TrialFailed, or what the context's check raises.

    The rig is idle again when it returns, unless target or load has failed meanwhile, or the run is to end.
    """
    _Measurement(rig, window, record).measure(watch)


def interval_of(duration_ns: int) -> int:
    """Return how often the load workers report, in ns: often enough to show progress, and at most a thousand times."""
    wanted_ns = min(max(duration_ns // 8, _SHORTEST_INTERVAL_NS), _LONGEST_INTERVAL_NS)
    return max(wanted_ns, duration_ns // _MOST_INTERVALS)


class _Measurement:
    """A window under way."""

    def __init__(self, rig: Rig, window: Window, record: WindowRecord) -> None:
        self._rig = rig
        self._window = window
        self._record = record
        self._observer = rig.context.observer
        self._shared_cores = SharedCoresWatch(rig.ends, rig.resources)
        is_counted = rig.profile.load.request_count is not None
        self._interval_ns = _SHORTEST_INTERVAL_NS if is_counted else interval_of(window.duration_ns)
        self._finished = self._drained = 0

    def measure(self, watch: Watch | None) -> None:
        rig, ends, record = self._rig, self._rig.ends, self._record
        record.server = LoadedServer(
            address=format_address(ends.target.address), remote=_is_remote(ends.target.address)
        )
        record.idle_at_start = rig.idle.count(ends)
        timeline = record.timeline = Timeline(ends)
        timeline.read_memory()
        if watch is not None:
            watch.prepare(ends.target.pids(), ends.fleet.worker_pids())
        start_ns = self._plan()
        self._take_until(start_ns)
        start = self._read_edge()
        self._shared_cores.begin()
        if watch is not None:
            watch.begin()
        self._let_pass(start_ns + self._window.duration_ns, timeline)
        threads = self._shared_cores.end()
        end = self._read_edge(start)
        if watch is not None:
            watch.end()
        memory = timeline.read_memory()
        record.usage = usage_over(start, end).with_threads(threads).with_memory(memory.target, memory.client)
        for event in ends.listen_while(lambda: self._finished < rig.workers):
            self._take(event)
        record.idle_at_end = rig.idle.count(ends, self._take)  # workers may report what they have finished
        # What was measured stands, whatever ends the trial now.
        with suppress(TrialFailed, KeyboardInterrupt):
            self._finish_in_flight()

    def _finish_in_flight(self) -> None:
        """Wait for what became of the requests in flight; they are answered or overdue within their timeout."""
        rig = self._rig
        if in_flight := self._record.load.totals.outcomes[Outcome.CUT]:
            self._observer.phase(f"{in_flight:,} request{'' if in_flight == 1 else 's'} in flight", None)
        for event in rig.ends.listen_while(lambda: self._drained < rig.workers, rig.profile.load.timeout_ns / 1e9):
            self._take(event)

    def _plan(self) -> int:
        """Give the workers the window; return when it starts, on the monotonic clock."""
        window, until_start_ns = self._window, _LEAD_NS + self._window.warmup_ns
        start_unix_ns = time.time_ns() + until_start_ns
        start_ns = time.monotonic_ns() + until_start_ns
        planned = PlannedWindow(start_unix_ns, window.warmup_ns, window.duration_ns, self._interval_ns)
        self._rig.ends.measure(Plan([planned]))
        self._observer.phase("warming up", None)
        return start_ns

    def _let_pass(self, end_ns: int, timeline: Timeline) -> None:
        """Take what the workers report until the window ends; look at the processes meanwhile, if the profile asks."""
        self._observer.phase(self._window.phase, 0.0)
        looks_on = not {"procfs", "sockets"}.isdisjoint(self._rig.profile.probes)
        if looks_on:
            timeline.read()
        while (now_ns := time.monotonic_ns()) < end_ns and not self._is_finished():
            self._take_until(min(now_ns + self._interval_ns, end_ns))
            self._shared_cores.look()
            if looks_on:
                timeline.read(at_end=self._is_finished() or time.monotonic_ns() >= end_ns)

    def _take_until(self, deadline_ns: int) -> None:
        """Take what the workers report until then, or until the last of them says that the window is over."""
        for event in self._rig.ends.listen_until(deadline_ns, self._is_finished):
            self._take(event)

    def _is_finished(self) -> bool:
        return self._finished == self._rig.workers

    def _take(self, event: Event) -> None:
        load = self._record.load
        match event.message:
            case Recorded(encoded):
                snapshots = read_snapshots(event.sender, encoded)
                load.add(event.sender, snapshots)
                self._observer.phase(self._window.phase, self._fraction(snapshots[0].end_ns))
                self._observer.so_far(load.so_far())
            case Finished(cut, dropped, rest, carried_over, cut_ages, compared, tls):
                load.tls = load.tls or tls
                load.cut_ages.absorb(cut_ages)
                load.add_undone(cut, dropped)
                load.carried_over += carried_over
                load.compared += compared
                load.add_rest(read_snapshots(event.sender, rest))
                self._finished += 1
            case Drained(encoded):
                load.add_finished_later(read_snapshots(event.sender, encoded))
                self._drained += 1

    def _fraction(self, passed_ns: int) -> float:
        """Return which part of the window is over: of its length, or of its number of requests."""
        if (wanted := self._rig.profile.load.request_count) is None:
            return min(1.0, passed_ns / self._window.duration_ns)
        return min(1.0, sum(self._record.load.totals.outcomes.values()) / wanted)

    def _read_edge(self, start: WindowEdge | None = None) -> WindowEdge:
        ends = self._rig.ends
        beside = [*ends.fleet.holder_pids(), *(ends.upstream.pids() if ends.upstream else ())]
        return read_window_edge(ends.target.pids(), ends.fleet.worker_pids(), beside, ends.target.address, start)


def _is_remote(address: Address) -> bool:
    return isinstance(address, TcpAddress) and not is_of_this_machine(address.host)
