"""From what was recorded of a trial to its `TrialResult`, judged where there is something to judge. Pure."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, Protocol, get_args

from loadlab.analysis.expect import check_expectations
from loadlab.analysis.summary import median_of_known, per_request, summarise_latency
from loadlab.analysis.uncertainty import Estimate, confidence_of, median_over
from loadlab.analysis.verdict import WindowEvidence, at_final_speed, judge_machine, judge_trial
from loadlab.experiment.context import Resources
from loadlab.experiment.evidence import evidence_by_machine, evidence_of
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.experiment.recorded_kinds import RecordedKind
from loadlab.experiment.usage import WindowUsage
from loadlab.experiment.window import MeasuredRound
from loadlab.load.schedule import Ramp
from loadlab.profile.load import Load
from loadlab.profile.metrics import ITERATION_METRICS
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import OF_STREAMS, Metric, Totals
from loadlab.results.machine import MachineResult
from loadlab.results.probe_data import Probes, ProcessUsage
from loadlab.results.requests import ConnectCounts, FailureSample, KindLevel, KindResult, LatencySummary
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import LoadedServer, Round, TlsSession, TrialResult, TrialState
from loadlab.results.verdict import Verdict

_LEVELS: Final = get_args(KindLevel)
# Whole numbers below that make a median that is far from the mean.
_FEWEST_IN_A_ROUND: Final = 10
# The times that contain the whole time since a request was sent: those of requests in flight are at least as long.
_FROM_SENDING_ON: Final = (Metric.RESPONSE, Metric.SERVICE, Metric.WIRE)
# Those that a machine is judged by.
_OF_MACHINES: Final = (
    *(Metric.RESPONSE, Metric.SERVICE, Metric.LATENESS),
    *(Metric.DISPATCH, Metric.CLIENT, Metric.DELAY),
)


class Measured(Protocol):
    """What was measured of a trial, in one window or in several rounds."""

    load: LoadRecord
    rounds: list[MeasuredRound]
    server: LoadedServer | None
    idle_at_start: int | None
    idle_at_end: int | None

    @property
    def at(self) -> float | None:
        """When the first window began, in seconds after the run began."""

    @property
    def usage(self) -> WindowUsage | None:
        """What was used, None if the trial did not come to its end."""

    def probes(self) -> Probes:
        """What was seen by the probes that look on."""


def trial_result(
    trial: Trial,
    state: TrialState,
    reason: str | None,
    resources: Resources,
    idle: HeldConnections,
    window: Measured,
    machine: MachineSpeed | None = None,
    machines: Sequence[LoadMachine] = (),
) -> TrialResult:
    """Return what was measured of a trial, in whatever state it ended and `reason` for it.

    `resources` and `idle` are those of the rig that it was measured on, `machine` is the speed over the run so far.
    `machines` are those that generated the load, where there were several.
    """
    profile = trial.profile
    assert isinstance(profile, LoadProfile)
    record, usage = window.load, window.usage
    served = record.served if window.rounds else record.requests
    latency = {
        metric: summarise_latency(
            record.totals.histograms[metric], record.cut_ages if metric in _FROM_SENDING_ON else None
        )
        for metric in Metric
    }
    result = TrialResult(
        id=trial.id,
        repeat=trial.repeat,
        factors=trial.factors,
        state=state,
        reason=reason,
        verdict=Verdict(state="invalid"),
        window_ns=record.window_ns,
        requests=record.requests,
        requests_per_second=_per_second(record.requests, record),
        load_model=profile.load.model,
        protocol=profile.load.protocol,
        offered_per_second=_offered_per_second(profile.load),
        outcomes={str(outcome): count for outcome, count in record.totals.outcomes.items()},
        statuses=dict(record.totals.statuses),
        retried=record.totals.retried,
        surplus=record.totals.surplus,
        compared=record.compared,
        connects=_connect_counts(record),
        failure_samples=_failure_samples(record),
        carried_over=record.carried_over,
        cut_age_ns=summarise_latency(record.cut_ages),
        cut_outcomes={outcome: count for outcome, count in record.finished_later.outcomes.items() if count},
        cut_response_ns=summarise_latency(record.finished_later.histograms[Metric.RESPONSE]),
        out_of_range=record.totals.out_of_range,
        response_ns=latency[Metric.RESPONSE],
        service_ns=latency[Metric.SERVICE],
        lateness_ns=latency[Metric.LATENESS],
        wire_ns=latency[Metric.WIRE],
        dispatch_ns=latency[Metric.DISPATCH],
        client_ns=latency[Metric.CLIENT],
        connect_ns=latency[Metric.CONNECT],
        handshake_ns=latency[Metric.HANDSHAKE],
        upgrade_ns=latency[Metric.UPGRADE],
        first_ns=latency[Metric.FIRST],
        gap_ns=latency[Metric.GAP],
        delay_ns=latency[Metric.DELAY],
        received_bytes=record.totals.received_bytes,
        ended=record.totals.ended,
        unasked=record.totals.unasked,
        pings=record.totals.pings,
        kinds=_kind_results(record),
        checks=record.checks,
        blocking=record.blocking,
        machines=[_of_machine(each.result, record, usage) for each in machines],
        server=window.server,
        tls=TlsSession(version=record.tls.version, cipher=record.tls.cipher) if record.tls else None,
        idle=idle.summary(window.idle_at_start, window.idle_at_end),
        connection_memory=idle.memory,
        target=per_request(usage.target, served) if usage and usage.target.processes else None,
        client=per_request(usage.client, served) if usage else None,
        intervals=record.intervals(),
        placement=resources.cores_by_side(),
        control_groups=list(usage.control_groups) if usage else [],
        pressure=usage.pressure if usage else None,
        probes=window.probes(),
        at=window.at,
    )
    if window.rounds:
        result = _with_rounds(result, window.rounds, record)
    if machine is not None:
        result = at_final_speed(result, machine)
    if state not in ("done", "interrupted"):
        return result
    evidence = evidence_of(usage, resources, profile, record, max(1, len(window.rounds)), machines)
    judged = _with_machines_judged(result, evidence, evidence_by_machine(evidence, usage, resources, machines))
    verdict = judge_trial(judged, evidence)
    expectations = check_expectations(profile.expect, judged) if state == "done" else []
    return judged.model_copy(update={"verdict": verdict, "expectations": expectations})


def _of_machine(machine: MachineResult, record: LoadRecord, usage: WindowUsage | None) -> MachineResult:
    """Return the figures of one of several machines: what its workers recorded, and what they used.

    It is invalid until it has been judged, as its trial is.
    """
    totals, use = record.by_machine.get(machine.name, Totals()), usage.machines.get(machine.name) if usage else None
    requests = totals.outcomes[Outcome.OK]
    return machine.model_copy(
        update={
            "requests": requests,
            "requests_per_second": _per_second(requests, record),
            "outcomes": {str(outcome): count for outcome, count in totals.outcomes.items()},
            **{f"{metric}_ns": summarise_latency(totals.histograms[metric]) for metric in _OF_MACHINES},
            "iterations": _iterations_of(machine, record),
            "client": per_request(use.client, requests) if use else None,
            "verdict": Verdict(state="invalid"),
        }
    )


def _iterations_of(machine: MachineResult, record: LoadRecord) -> KindResult | None:
    kind = next((kind for kind in record.kinds if kind.level == "iteration"), None)
    if kind is None or machine.name not in record.iterations_by_machine:
        return None
    return _kind_result(kind, record.iterations_by_machine[machine.name], record, [])


def _with_machines_judged(
    result: TrialResult, evidence: WindowEvidence, by_machine: Mapping[str, WindowEvidence]
) -> TrialResult:
    """Return the result with the verdict on each machine, by what is known of it, or else of the window only."""
    judged = [
        each.model_copy(update={"verdict": judge_machine(each, result, by_machine.get(each.name, WindowEvidence()))})
        for each in result.machines
    ]
    return result.model_copy(update={"machines": judged})


def _with_rounds(result: TrialResult, rounds: Sequence[MeasuredRound], record: LoadRecord) -> TrialResult:
    """Return the result of a trial that was measured in rounds: figures are medians over them, with intervals."""
    figures = [each.figures for each in rounds]
    times = {
        "response_ns": record.times(Metric.RESPONSE),
        "service_ns": record.times(Metric.SERVICE),
        **{f"{metric}_ns": record.times(metric) for metric in OF_STREAMS if record.totals.histograms[metric].count},
    }
    by_kind = (
        (kind.metric_section._replace(figure="response_ns").full, of_rounds)
        for kind, of_rounds in record.response_times_by_kind()
    )
    rate = _iteration_rate(figures, record.iterations())
    of_iterations = {f"{ITERATION_METRICS}requests_per_second": rate.interval} if rate else {}
    return result.model_copy(
        update={
            "rounds": figures,
            "confidence": confidence_of(figures, chain(times.items(), by_kind)) | of_iterations,
            "kinds": [_with_rate(kind, rate) if kind.level == "iteration" else kind for kind in result.kinds],
            "requests_per_second": median_of_known(each.requests_per_second for each in figures),
            "target": _with_cost(result.target, median_of_known(each.cpu_ns_per_request for each in figures)),
            "client": _with_cost(result.client, median_of_known(each.client_cpu_ns_per_request for each in figures)),
        }
    )


def _iteration_rate(rounds: Sequence[Round], iterations: Sequence[int]) -> Estimate | None:
    """Return the median rate of iterations over rounds; None where too few ended in each for that to say anything."""
    if sum(iterations) < _FEWEST_IN_A_ROUND * len(rounds):
        return None
    return median_over(
        [count * 1e9 / each.window_ns for each, count in zip(rounds, iterations, strict=False) if each.window_ns]
    )


def _with_rate(kind: KindResult, rate: Estimate | None) -> KindResult:
    return kind if rate is None else kind.model_copy(update={"requests_per_second": rate.value})


def _with_cost(usage: ProcessUsage | None, cpu_ns_per_request: float | None) -> ProcessUsage | None:
    return None if usage is None else usage.model_copy(update={"cpu_ns_per_request": cpu_ns_per_request})


def _per_second(requests: int, record: LoadRecord) -> float | None:
    return requests * 1e9 / record.window_ns if record.window_ns else None


def _offered_per_second(load: Load) -> float | None:
    """Return what the schedule asks for within the window, on average; None in the closed model."""
    ramps = [Ramp(stage.for_ns, stage.from_rate, stage.to_rate) for stage in load.stages or ()]
    return sum(ramp.arrivals for ramp in ramps) * 1e9 / load.duration_ns if ramps else None


def _connect_counts(record: LoadRecord) -> ConnectCounts:
    connects = record.totals.connects
    failed = {outcome: count for outcome, count in connects.items() if outcome != Outcome.OK}
    return ConnectCounts(opened=connects[Outcome.OK], failed=failed)


def _failure_samples(record: LoadRecord) -> list[FailureSample]:
    return [
        FailureSample(
            outcome=sample.outcome,
            kind=kind.name,
            reason=sample.reason,
            errno=sample.errno,
            received=_escaped(sample.received),
            after_ns=sample.after_ns,
            reused=sample.reused,
            traceback=sample.traceback,
        )
        for kind, totals in zip(record.kinds, record.by_kind, strict=True)
        for sample in totals.samples
    ]


def _escaped(received: bytes) -> str:
    """Return bytes as printable ASCII, the others as Python writes them in a bytes literal."""
    return received.decode("latin-1").encode("unicode_escape").decode("ascii")


def _kind_results(record: LoadRecord) -> list[KindResult]:
    """Return the figures of each kind: requests first, then steps, and iterations last."""
    if not record.kinds.are_listed:
        return []
    # Of which kind the requests in flight are is not known: what they say of all is taken to hold for each.
    too_low = summarise_latency(record.totals.histograms[Metric.RESPONSE], record.cut_ages).too_low
    ordered = sorted(zip(record.kinds, record.by_kind, strict=True), key=lambda each: _LEVELS.index(each[0].level))
    return [_kind_result(kind, totals, record, too_low) for kind, totals in ordered]


def _kind_result(kind: RecordedKind, totals: Totals, record: LoadRecord, too_low: list[str]) -> KindResult:
    return KindResult(
        name=kind.name,
        level=kind.level,
        requests=totals.outcomes[Outcome.OK],
        requests_per_second=_per_second(totals.outcomes[Outcome.OK], record),
        outcomes={str(outcome): count for outcome, count in totals.outcomes.items()},
        statuses=dict(totals.statuses),
        response_ns=_of_kind(kind, totals.histograms[Metric.RESPONSE], too_low),
        service_ns=_of_kind(kind, totals.histograms[Metric.SERVICE], too_low),
        lateness_ns=summarise_latency(totals.histograms[Metric.LATENESS])
        if kind.level == "iteration"
        else LatencySummary(),
    )


def _of_kind(kind: RecordedKind, histogram: Histogram, too_low: list[str]) -> LatencySummary:
    summary = summarise_latency(histogram)
    return summary if kind.apart else summary.model_copy(update={"too_low": too_low})
