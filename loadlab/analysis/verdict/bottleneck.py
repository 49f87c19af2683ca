"""Whose limit the throughput is: the target's, which is what one wants to know, or the load's."""

from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.analysis.verdict.percentiles import trusted_ns
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import Finding, TrialResult, Verdict

# What is left of a full core are moments between two requests.
_FULL_CORE: Final = 0.95
# Less for the target, in doubt for it: with both sides close to full it is its limit as much as the load's.
_FULL_TARGET: Final = 0.85
# A load core may also be full of what runs beside the worker; then the worker has at least this much of it.
_MAINLY_WORKER: Final = 0.5
_BEHIND: Final = 0.5
_RATE_MISSED: Final = 0.001
_CODES: Final = frozenset({"client_bound", "shared_core"})


def throughput_is_lower_bound(verdict: Verdict) -> bool:
    """Return whether the target could have carried more: then "at least" belongs before the throughput."""
    return any(finding.code in _CODES for finding in verdict.findings)


def client_bound(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load was the limit: then throughput is the load's, whatever the server could do.

    In the closed model the load asks for as much as it can, so a full core of it beside a target that was not full says
    so. In the open model a worker watches the clock before each arrival, so its core looks full at any rate; there the
    load is the limit if it missed its rate while answers lay in its own sockets.
    """
    closed = result.load_model != "open"
    evidence = _full_beside_free_target(result, window) if closed else _behind_schedule(result)
    if evidence is None:
        return None
    return Finding(
        code="client_bound",
        severity="suspect",
        text="The load was the bottleneck, not the target: the target's throughput is at least this figure.",
        evidence=evidence,
        advice="Give the load more workers and cores, or the target fewer.",
    )


def shared_core(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when target and load took CPU time from each other."""
    if not window.shared_cores:
        return None
    cores = ", ".join(map(str, window.shared_cores))
    return Finding(
        code="shared_core",
        severity="suspect",
        text="Target and load shared a core: with cores of its own, the target's throughput is at least this figure.",
        evidence=f"both could run on {'core' if len(window.shared_cores) == 1 else 'cores'} {cores}",
        advice="Use a machine with two cores or more, and give each side its own (placement); "
        "bind a server that runs already to some of them: taskset -acp CORES PID.",
    )


def dropped_share(result: TrialResult) -> float:
    """Return the share of the schedule's requests that were never sent."""
    dropped = result.outcomes.get(Outcome.DROPPED, 0)
    total = sum(result.outcomes.values())
    return dropped / total if total else 0.0


def client_is_behind(result: TrialResult) -> bool:
    """Return whether answers waited for the load for most of their time.

    Then it takes longer over a request than the target: answers pile up in its sockets, not requests in the target's.
    """
    added, service = trusted_ns(result.client_ns, "p50"), trusted_ns(result.service_ns, "p50")
    return added is not None and service is not None and added > _BEHIND * service


def _behind_schedule(result: TrialResult) -> str | None:
    missed = dropped_share(result)
    if missed <= _RATE_MISSED or not client_is_behind(result):
        return None
    return f"{missed:.1%} of the schedule never sent, while answers waited for the load for most of their time"


def _full_beside_free_target(result: TrialResult, window: WindowEvidence) -> str | None:
    busiest = max(window.client_busy_by_worker, default=0.0)
    load, target = window.pool("load"), window.pool("target")
    fullest = max(busiest, load.busy_of_fullest(1) if load is not None and busiest >= _MAINLY_WORKER else 0.0)
    # A target cannot use more cores than it has threads, so a busy single-threaded one is full on many cores.
    usable = window.target_cores
    if result.target is not None:
        usable = max(1, min(usable, result.target.threads))
    used = window.target_busy
    if target is not None and used is not None:
        # Its network's work may be done in interrupts that no process is charged with: so look at its cores too.
        used = max(used, target.busy_of_fullest(usable) - target.others)
    target_full = used is not None and used > _FULL_TARGET * usable
    if fullest < _FULL_CORE or (target_full and not client_is_behind(result)):
        return None
    of_target = "of unknown use" if used is None else f"using {used:.2f} of {usable} cores"
    return f"a core of the load was {fullest:.0%} busy (a load worker {busiest:.0%}), with the target {of_target}"
