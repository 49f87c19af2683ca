"""Whether the target lived through the window."""

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import Finding, TrialResult


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
