"""All rules in their order, and how their findings add up."""

from collections.abc import Callable, Iterable
from typing import Final

from loadlab.analysis.verdict import answers, client, connections, host, steadiness
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import Finding, Judgement, Severity, TrialResult, Verdict


def died(reason: str) -> Finding:
    """Return the finding on a target that ended; `reason` is the sentence on how."""
    return Finding(
        code="target_died",
        severity="invalid",
        text="The target ended before the trial did.",
        evidence=reason,
        advice="Look into its log for why; a bundled server can be run alone: loadlab serve NAME.",
    )


def target_process_ended(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when processes of the target ended in the window, and connections broke.

    A process that ends is nothing by itself: with a process for each connection, one ends with each connection that the
    client closes or gives up. But such a connection is not broken for the client. So a process counts where the client
    lost connections that it had not ended itself: those are what a crash, or a restart by the target's own master
    process, leaves behind.
    """
    idle = result.idle
    lost = max(0, idle.alive_at_start - idle.alive) if idle is not None else 0
    broken = lost + result.outcomes.get(Outcome.RESET, 0) + result.outcomes.get(Outcome.CLOSED_EARLY, 0)
    if not window.target_processes_ended or not broken:
        return None
    return Finding(
        code="target_process_ended",
        severity="suspect",
        text="Processes of the target ended in the middle of the measurement, and connections broke.",
        evidence=f"{window.target_processes_ended:,} of {window.target_processes:,} processes ended; "
        f"connections broken: {broken:,}",
        advice="Look into the target's log for why they ended.",
    )


# From the least grave to the gravest.
_JUDGEMENTS: Final[tuple[Judgement, ...]] = ("valid", "suspect", "invalid")

_RULES: Final[tuple[Callable[[TrialResult, WindowEvidence], Finding | None], ...]] = (
    answers.no_requests,
    answers.failures,
    answers.dropped,
    connections.idle_not_opened,
    connections.idle_died,
    connections.listen_queue_full,
    connections.client_out_of_files,
    connections.client_out_of_ports,
    connections.target_out_of_files,
    target_process_ended,
    client.client_bound,
    client.shared_core,
    client.late,
    client.client_added,
    host.stolen,
    host.disturbed,
    host.clock_jumped,
    steadiness.unsteady,
    answers.few_samples,
    answers.short_window,
)


def judge_trial(result: TrialResult, window: WindowEvidence) -> Verdict:
    """Return the verdict on a trial that was measured: every finding, and the state of the gravest."""
    findings = [finding for rule in _RULES if (finding := rule(result, window)) is not None]
    return Verdict(state=_gravest(_judgement_of(finding.severity) for finding in findings), findings=findings)


def judge_failure(reason: str, target_died: bool) -> Verdict:
    """Return the verdict on a trial that failed for `reason`, which is a sentence: invalid, whatever it measured."""
    return Verdict(state="invalid", findings=[died(reason)] if target_died else [])


def judge_run(trials: Iterable[TrialResult]) -> Judgement:
    """Return the gravest verdict of the trials that were attempted; a failed one is invalid, and so is none at all.

    What is not possible on this machine says nothing against the rest.
    """
    attempted = [trial for trial in trials if trial.state != "not possible"]
    if not any(trial.state == "done" for trial in attempted):
        return "invalid"
    return _gravest("invalid" if trial.state == "failed" else trial.verdict.state for trial in attempted)


def _gravest(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=_JUDGEMENTS.index, default="valid")


def _judgement_of(severity: Severity) -> Judgement:
    return "valid" if severity == "note" else severity
