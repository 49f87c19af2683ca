"""All rules in their order, and how their findings add up."""

from collections.abc import Callable, Iterable
from typing import Final

from loadlab.analysis.verdict import (
    client,
    connections,
    delayed_ack,
    duration,
    host,
    machine_speed,
    requests,
    scenario,
    shared_cores,
    steadiness,
    streams,
)
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Judgement, Severity, Verdict

# From the least grave to the gravest.
_JUDGEMENTS: Final[tuple[Judgement, ...]] = ("valid", "suspect", "invalid")

_RULES: Final[tuple[Callable[[TrialResult, WindowEvidence], Finding | None], ...]] = (
    requests.no_requests,
    requests.failures,
    requests.dropped,
    scenario.script_errors,
    scenario.blocking_code,
    scenario.iterations_cut,
    scenario.too_many_names,
    duration.window_too_short,
    connections.idle_not_opened,
    connections.idle_died,
    connections.each_request_connects,
    streams.streams_ended,
    streams.streams_late,
    streams.unasked_messages,
    streams.two_clocks,
    connections.connects_failed,
    connections.listen_queue_full,
    connections.client_out_of_files,
    connections.client_out_of_ports,
    connections.target_out_of_files,
    connections.target_process_ended,
    client.client_bound,
    shared_cores.shared_core,
    client.late,
    client.client_added,
    delayed_ack.delayed_ack,
    host.stolen,
    host.throttled,
    host.short_of_memory,
    host.disturbed,
    host.target_unseen,
    host.clock_jumped,
    steadiness.unsteady,
    requests.few_samples,
    duration.short_window,
    machine_speed.machine_speed,  # last, as it alone is judged again
)


def judge_trial(result: TrialResult, window: WindowEvidence) -> Verdict:
    """Return the verdict on a trial that was measured: every finding, and the state of the gravest."""
    findings = [finding for rule in _RULES if (finding := rule(result, window)) is not None]
    return _verdict(findings)


def judge_speed_again(result: TrialResult, machine: MachineSpeed) -> TrialResult:
    """Return a trial that was judged, with its speed against all of the run, and the verdict that follows from that."""
    known = machine_speed.at_final_speed(result, machine)
    if known.state not in ("done", "interrupted"):
        return known
    others = [finding for finding in known.verdict.findings if finding.code != machine_speed.CODE]
    finding = machine_speed.machine_speed(known, WindowEvidence())
    findings = others if finding is None else [*others, finding]
    if findings == known.verdict.findings:
        return known
    return known.model_copy(update={"verdict": _verdict(findings)})


def judge_failure(reason: str, target_died: bool) -> Verdict:
    """Return the verdict on a trial that failed for `reason`, which is a sentence: invalid, whatever it measured."""
    return Verdict(state="invalid", findings=[connections.target_died(reason)] if target_died else [])


def judge_run(trials: Iterable[TrialResult]) -> Judgement:
    """Return the gravest verdict of the trials that were attempted; a failed one is invalid, and so is none at all.

    What is not possible on this machine says nothing against the rest.
    """
    attempted = [trial for trial in trials if trial.state != "not possible"]
    if not any(trial.state == "done" for trial in attempted):
        return "invalid"
    return _gravest("invalid" if trial.state == "failed" else trial.verdict.state for trial in attempted)


def _verdict(findings: list[Finding]) -> Verdict:
    return Verdict(state=_gravest(_judgement_of(finding.severity) for finding in findings), findings=findings)


def _gravest(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=_JUDGEMENTS.index, default="valid")


def _judgement_of(severity: Severity) -> Judgement:
    return "valid" if severity == "note" else severity
