"""One trial: have the target listen, open the idle connections, connect the load, warm up, measure, count, stop.

What has been measured is in the `TrialRun` at any moment, so that a trial that fails or is interrupted half-way still
has a result.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Final, Protocol

from loadlab.analysis.expect import check_expectations
from loadlab.analysis.summary import per_request, summarise_latency
from loadlab.analysis.verdict import judge_trial
from loadlab.errors import LoadlabError
from loadlab.experiment.idle import IdleConnections
from loadlab.experiment.load_parts import format_request, interval_of, load_parts
from loadlab.experiment.observer import Observer
from loadlab.experiment.placement import Conditions, NotPossible
from loadlab.experiment.preflight import why_not_started
from loadlab.experiment.record import Kind, TrialRecord
from loadlab.experiment.serving import serving
from loadlab.experiment.stage import Stage
from loadlab.experiment.timeline import Timeline
from loadlab.experiment.usage import WindowEdge, WindowUsage, evidence_of, read_window_edge, usage_over
from loadlab.fleet.coordinator import Event, LocalFleet
from loadlab.fleet.division import Division, Share, divide
from loadlab.fleet.messages import Finished, Ready, Recorded
from loadlab.load.requests import STAMPED_EVERY
from loadlab.load.schedule import Ramp
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Snapshot
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.model import KindResult, TrialResult, TrialState, Verdict
from loadlab.results.probe_data import Probes

# From telling the load workers when to start until they do.
_LEAD_NS: Final = 50_000_000


class Watch(Protocol):
    """What looks at both sides during the measured window."""

    def prepare(self, target_pids: Collection[int], client_pids: Collection[int]) -> None:
        """Get ready to watch the processes of both sides."""

    def begin(self) -> None:
        """The window begins."""

    def end(self) -> None:
        """The window is over."""


class TrialRun:
    """One trial under way. `measure` makes it; `result` says at any moment what came of it."""

    def __init__(
        self,
        trial: Trial,
        conditions: Conditions,
        observer: Observer,
        check: Callable[[], None],
        stamped_every: int = STAMPED_EVERY,
        watch: Watch | None = None,
    ) -> None:
        """One answer of `stamped_every` is asked when it arrived, by the kernel's clock. `watch` sees the window."""
        assert isinstance(trial.profile, LoadProfile)
        self.trial = trial
        self._profile = trial.profile
        self._check = check
        self._load = self._profile.load
        self._conditions = conditions
        self._stamped_every = stamped_every
        self._watch = watch
        self._observer = observer
        self._record = TrialRecord(kinds_of(self._profile))
        self._idle = IdleConnections(self._load, observer)
        self._ready: set[str] = set()
        self._finished: set[str] = set()
        self._usage: WindowUsage | None = None
        self._timeline: Timeline | None = None

    def measure(self) -> None:
        """Run the trial from start to end.

        Raises NotPossible, TrialFailed when the target or a load process fails, or what `check` raises, which is called
        many times a second. Either way all its processes have ended then.
        """
        if lack := why_not_started(self._profile):
            raise NotPossible(lack)
        with ExitStack() as running:
            found = running.enter_context(serving(self._profile, self._conditions, self._observer, self._check))
            target, self._conditions = found.target, found.conditions
            _, load_cores = self._conditions.cores
            fleet = running.enter_context(LocalFleet(load_cores))
            stage = Stage(target, found.upstream, fleet, self._check)
            division = self._divide(target.address[0])
            if division.holders:
                request = format_request(target.address, self._profile.requests[0].path)
                self._idle.open(stage, division.holders, request)
            self._connect(stage, division.workers)
            self._measure_window(stage, len(division.workers))
            self._idle.count_at_end(stage)
            self._observer.phase("closing", None)

    def result(self, state: TrialState, reason: str | None) -> TrialResult:
        """Return what has been measured, and judged where there is something to judge."""
        record, usage = self._record, self._usage
        latency = {metric: summarise_latency(histogram) for metric, histogram in record.totals.histograms.items()}
        result = TrialResult(
            id=self.trial.id,
            repeat=self.trial.repeat,
            factors=self.trial.factors,
            state=state,
            reason=reason,
            verdict=Verdict(state="invalid"),
            window_ns=record.window_ns,
            requests=record.requests,
            requests_per_second=record.requests * 1e9 / record.window_ns if record.window_ns else None,
            load_model=self._load.model,
            offered_per_second=self._offered_per_second(),
            outcomes={str(outcome): count for outcome, count in record.totals.outcomes.items()},
            out_of_range=record.totals.out_of_range,
            response_ns=latency[Metric.RESPONSE],
            service_ns=latency[Metric.SERVICE],
            lateness_ns=latency[Metric.LATENESS],
            wire_ns=latency[Metric.WIRE],
            dispatch_ns=latency[Metric.DISPATCH],
            client_ns=latency[Metric.CLIENT],
            kinds=self._kind_results(),
            idle=self._idle.summary(),
            connection_memory=self._idle.memory,
            target=per_request(usage.target, record.requests) if usage else None,
            client=per_request(usage.client, record.requests) if usage else None,
            intervals=record.intervals(),
            placement=self._conditions.placement_used(),
            probes=self._probes(),
        )
        return self._judged(result) if state in ("done", "interrupted") else result

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval of the measured window."""
        return self._record.latency_intervals()

    def _offered_per_second(self) -> float | None:
        """Return what the schedule asks for within the window, on average; None in the closed model."""
        ramps = [Ramp(stage.for_ns, stage.from_rate, stage.to_rate) for stage in self._load.stages or ()]
        return sum(ramp.arrivals for ramp in ramps) * 1e9 / self._load.duration_ns if ramps else None

    def _probes(self) -> Probes:
        wanted, timeline = self._profile.probes, self._timeline
        if timeline is None:
            return Probes()
        return Probes(
            procfs=timeline.processes() if "procfs" in wanted else None,
            sockets=timeline.sockets() if "sockets" in wanted else None,
        )

    def _kind_results(self) -> list[KindResult]:
        record = self._record
        if len(record.kinds) == 1:
            return []
        return [
            KindResult(
                name=kind.name,
                requests=totals.outcomes[Outcome.OK],
                requests_per_second=totals.outcomes[Outcome.OK] * 1e9 / record.window_ns if record.window_ns else None,
                outcomes={str(outcome): count for outcome, count in totals.outcomes.items()},
                response_ns=summarise_latency(totals.histograms[Metric.RESPONSE]),
                service_ns=summarise_latency(totals.histograms[Metric.SERVICE]),
            )
            for kind, totals in zip(record.kinds, record.by_kind, strict=True)
        ]

    def _judged(self, result: TrialResult) -> TrialResult:
        evidence = evidence_of(self._usage, self._conditions, self._load)
        expectations = check_expectations(self.trial.profile.expect, result) if result.state == "done" else []
        return result.model_copy(update={"verdict": judge_trial(result, evidence), "expectations": expectations})

    def _divide(self, host: str) -> Division:
        load, workers = self._load, self._load.workers
        if workers == "auto":
            workers = len(self._conditions.placement.load)
        try:
            return divide(host, load.connections, workers, load.idle, self._conditions.open_files)
        except LoadlabError as error:
            raise NotPossible(str(error)) from None

    def _connect(self, stage: Stage, shares: Sequence[Share]) -> None:
        load = self._load
        self._observer.phase(f"connecting {load.connections:,}", None)
        stage.fleet.start_workers(
            load_parts(self._profile, stage.target.address, self.trial.seed, self._stamped_every, shares)
        )
        for event in stage.listen_while(lambda: len(self._ready) < len(shares), load.timeout_ns / 1e9):
            self._take(event)

    def _measure_window(self, stage: Stage, workers: int) -> None:
        load = self._load
        self._idle.count_at_start(stage)
        timeline = self._timeline = Timeline(stage)
        timeline.read_memory()
        if self._watch is not None:
            self._watch.prepare(stage.target.pids(), stage.fleet.worker_pids())
        stage.fleet.start_at(time.time_ns() + _LEAD_NS)
        window_start_ns = time.monotonic_ns() + _LEAD_NS + load.warmup_ns
        self._observer.phase("warming up", None)
        for event in stage.listen_until(window_start_ns):
            self._take(event)
        start = self._read_edge(stage)
        if self._watch is not None:
            self._watch.begin()
        self._observer.phase("measuring", 0.0)
        looks_on = not {"procfs", "sockets"}.isdisjoint(self._profile.probes)
        if looks_on:
            timeline.read()
        window_end_ns = window_start_ns + load.duration_ns
        while time.monotonic_ns() < window_end_ns:
            for event in stage.listen_until(min(time.monotonic_ns() + interval_of(load.duration_ns), window_end_ns)):
                self._take(event)
            if looks_on:
                timeline.read(at_end=time.monotonic_ns() >= window_end_ns)
        end = self._read_edge(stage)
        if self._watch is not None:
            self._watch.end()
        memory = timeline.read_memory()
        self._usage = usage_over(start, end).with_memory(memory.target, memory.client)
        stage.fleet.finish()
        for event in stage.listen_while(lambda: len(self._finished) < workers):
            self._take(event)

    def _take(self, event: Event) -> None:
        match event.message:
            case Ready():
                self._ready.add(event.sender)
            case Recorded(plain):
                snapshots = [Snapshot.from_plain(each) for each in plain]
                self._record.add(event.sender, snapshots)
                self._observer.phase("measuring", min(1.0, snapshots[0].end_ns / self._load.duration_ns))
                self._observer.rate(self._record.last_rate())
            case Finished(cut, dropped):
                self._record.add_undone(cut, dropped)
                self._finished.add(event.sender)

    def _read_edge(self, stage: Stage) -> WindowEdge:
        beside = [*stage.fleet.holder_pids(), *(stage.upstream.pids() if stage.upstream else ())]
        return read_window_edge(stage.target.pids(), stage.fleet.worker_pids(), beside, stage.target.address[1])


def kinds_of(profile: LoadProfile) -> list[Kind]:
    """Return the kinds of requests that the load workers will tell of, in their order."""
    kinds = [Kind(request.name) for request in profile.requests]
    return [*kinds, Kind(SLOW_SENDERS, apart=True)] if profile.load.slow_connections else kinds
