"""A slice: a short window on one of several rigs that stand at the same time and are measured in turn.

The machine's speed changes by a third within seconds. Rigs that are measured in turn, each for a tenth of a second, all
have their share of whatever it does.

A slice begins with a run-in that is not recorded: the first wave of a closed load, which all users send at once, and
the caches that the others have filled meanwhile. What is in flight at its end is finished before the next rig has its
turn. Counters are read while the rig is silent, before the run-in and after the last answer, and divided by all
requests that were answered in between: so a cost is exact, however late a reading is.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from loadlab.errors import LatePlan
from loadlab.experiment.context import Unobserved
from loadlab.experiment.load_record import LoadRecord, RecordedRound
from loadlab.experiment.recorded_kinds import kinds_of
from loadlab.experiment.rig import Rig
from loadlab.experiment.shared_cores import SharedCoresWatch
from loadlab.experiment.usage import WindowUsage, total_usage, usage_over
from loadlab.experiment.window import MeasuredRound, PlannedLoad, Window, loaded_server, read_edge
from loadlab.probes.memory import read_pss
from loadlab.probes.tcp import total_counters
from loadlab.results.probe_data import Probes, ProcfsProbe, SocketsProbe, SocketsReading
from loadlab.results.trial import LoadedServer, Round

# With 64 users and slices of 50 ms, which of two equal servers came first made no difference that could be seen: second
# against first in 80 pairs +0.5 % without any run-in, -0.4 % with 2 ms, +0.5 % with 5 ms, each +-1 %.
_SHORTEST_RUN_IN_NS: Final = 5_000_000
# And as long as so many answers take.
_RUN_IN_ANSWERS: Final = 2
# From sending the plan until the run-in begins: a worker that is late for it has a shorter run-in.
_LEAD_NS: Final = 2_000_000
# What is measured behind a warm-up, and forgotten.
_FORGOTTEN_NS: Final = 1_000_000
_MOST_LATE_PLANS: Final = 3


class SlicesRecord:
    """What is known of the slices of one rig at any moment; `load` has all of them together.

    The idle connections alive before the first and after the last are counted where there are any.
    """

    def __init__(self, rig: Rig) -> None:
        self._probes = rig.profile.probes
        self.load = LoadRecord(kinds_of(rig.profile))
        self.server: LoadedServer | None = None
        self.rounds: list[MeasuredRound] = []
        self.sockets: list[tuple[SocketsReading, SocketsReading]] = []  # at both edges of each slice
        self.idle_at_start: int | None = None
        self.idle_at_end: int | None = None

    @property
    def at(self) -> float | None:
        """When the first slice began, in seconds after the run began."""
        return self.rounds[0].figures.at if self.rounds else None

    @property
    def usage(self) -> WindowUsage | None:
        """What was used in all slices together."""
        return total_usage([each.usage for each in self.rounds]) if self.rounds else None

    def probes(self) -> Probes:
        """Return what was seen by those probes of the profile that look on: slice by slice."""
        procfs = ProcfsProbe(
            target=[each.usage.target for each in self.rounds], client=[each.usage.client for each in self.rounds]
        )
        return Probes(
            procfs=procfs if "procfs" in self._probes and self.rounds else None,
            sockets=self._seen_of_sockets() if self.sockets else None,
        )

    def _seen_of_sockets(self) -> SocketsProbe:
        counted = [after.counters.since(before.counters) for before, after in self.sockets]
        return SocketsProbe(
            readings=[self.sockets[0][0], *(after for _, after in self.sockets)], counted=total_counters(counted)
        )


def warm_up(rig: Rig) -> None:
    """Let the load of a rig run for its warm-up, unless that has to come before each slice (`request_count`)."""
    load = rig.profile.load
    if load.warmup_ns and load.request_count is None:
        window, forgotten = Window(load.warmup_ns, _FORGOTTEN_NS), LoadRecord(kinds_of(rig.profile))
        planned = PlannedLoad(rig, window, forgotten, Unobserved())
        with suppress(LatePlan):  # it has its warm-up all the same, if a shorter one
            planned.plan(_LEAD_NS)
        planned.take_rest()
        planned.take_what_is_in_flight()


def measure_slice(rig: Rig, duration_ns: int, record: SlicesRecord) -> None:
    """Measure one more slice on a rig that is silent, and silent again when this returns.

    One for which a machine of a cluster got its plan too late is measured again. Raises TrialFailed, or what the
    context's check raises; the slice does not count then.
    """
    for _ in range(_MOST_LATE_PLANS):
        try:
            return _measure_slice(rig, duration_ns, record)
        except LatePlan:  # all carry it out, those that were late a shorter one
            forgotten = PlannedLoad(rig, Window(0, duration_ns), LoadRecord(kinds_of(rig.profile)), Unobserved())
            forgotten.take_rest()
            forgotten.take_what_is_in_flight()
    _measure_slice(rig, duration_ns, record)


def end_slices(rig: Rig, record: SlicesRecord) -> None:
    """Count what stands after the last slice of a rig, and read the memory of both sides."""
    record.idle_at_end = rig.idle.count(rig.ends)
    if record.rounds:
        last = record.rounds[-1]
        target, client = rig.ends.side.read_pss(), read_pss(rig.ends.fleet.worker_pids())
        record.rounds[-1] = replace(last, usage=last.usage.with_memory(target, client))


def _measure_slice(rig: Rig, duration_ns: int, record: SlicesRecord) -> None:
    load, speed = record.load, rig.context.speed
    at = speed.at
    if record.server is None:
        record.server = loaded_server(rig)
        record.idle_at_start = rig.idle.count(rig.ends)
    run_in_ns = _run_in_ns(rig, record, duration_ns)
    load.begin_round()
    served, failed = load.served, load.failed
    sockets = _read_sockets(rig, at) if "sockets" in rig.profile.probes else None
    shared_cores = SharedCoresWatch(rig.ends, rig.resources)
    shared_cores.begin()
    start = read_edge(rig)
    planned = PlannedLoad(rig, Window(run_in_ns, duration_ns), load, Unobserved())
    planned.plan(_LEAD_NS)
    planned.take_rest()
    planned.take_what_is_in_flight()
    end = read_edge(rig, start)
    usage = usage_over(start, end, load.active_ns).with_threads(shared_cores.end())
    if sockets is not None and (after := _read_sockets(rig, speed.at)) is not None:
        record.sockets.append((sockets, after))
    figures = _figures(at, load.last_round(), load.failed - failed, usage, load.served - served)
    record.rounds.append(MeasuredRound(figures, usage))


def _read_sockets(rig: Rig, at: float) -> SocketsReading | None:
    """Read TCP on the target's machine, `at` seconds after the run began."""
    reading = rig.ends.side.look((), None).sockets
    return None if reading is None else reading.model_copy(update={"at_ns": round(at * 1e9)})


def _run_in_ns(rig: Rig, record: SlicesRecord, duration_ns: int) -> int:
    load = rig.profile.load
    if load.request_count is not None:
        return load.warmup_ns
    answer_ns = (record.rounds[-1].figures.p50_ns or 0) if record.rounds else 0
    return min(max(_SHORTEST_RUN_IN_NS, _RUN_IN_ANSWERS * answer_ns), duration_ns)


def _figures(at: float, recorded: RecordedRound, failures: int, usage: WindowUsage, served: int) -> Round:
    requests, percentiles = recorded.requests, recorded.response.values_at([50, 90, 99])
    return Round(
        at=at,
        window_ns=recorded.window_ns,
        requests=requests,
        requests_per_second=requests * 1e9 / recorded.window_ns if recorded.window_ns else None,
        failures=failures,
        cpu_ns_per_request=usage.target.cpu_ns / served if served and usage.target.processes else None,
        client_cpu_ns_per_request=usage.client.cpu_ns / served if served else None,
        p50_ns=percentiles.get(50),
        p90_ns=percentiles.get(90),
        p99_ns=percentiles.get(99),
    )
