"""How requests ended: failed, never sent, too few of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from loadlab.analysis.summary import BEYOND_PER_MILLE, SAMPLES_BEYOND, trustworthy_percentiles
from loadlab.analysis.verdict.client import client_is_behind, dropped_share
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import Finding, TrialResult
from loadlab.units import format_duration_ns, format_share

_FAILED_SUSPECT: Final = 0.01
_FAILED_INVALID: Final = 0.5
_DROPPED_SUSPECT: Final = 0.001
_DROPPED_INVALID: Final = 0.01


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a failure is called, and what to do about it."""

    reason: str
    advice: str


_FAILURES: Final[Mapping[Outcome, _Failure]] = MappingProxyType(
    {
        Outcome.STATUS: _Failure(
            "unexpected status",
            "Look at what the target answers (curl -i) and correct the path, or set expect_status if that is right.",
        ),
        Outcome.UNEXPECTED: _Failure(
            "unexpected answer",
            "Compare what came (the sample of the failure) with the header or body that the request expects.",
        ),
        Outcome.REFUSED: _Failure(
            "connection refused",
            "Check that the target listens at this address, and in its log whether it stopped or restarted.",
        ),
        Outcome.CONNECT_TIMEOUT: _Failure(
            "connect timeout",
            "Let the target accept faster or lengthen its listen queue (its backlog and net.core.somaxconn); "
            "a firewall that drops packets looks the same.",
        ),
        Outcome.TIMEOUT: _Failure(
            "timeout",
            "Lower the load until the target answers in time, or raise load.timeout if responses may take longer.",
        ),
        Outcome.RESET: _Failure(
            "connection reset",
            "Look in the target's log for why it ended connections: a crash, or a limit on connections or requests.",
        ),
        Outcome.CLOSED_EARLY: _Failure(
            "connection closed before the response was complete",
            "Look in the target's log for why it closed connections: a crash, a timeout of its own, "
            "or a limit on requests per connection.",
        ),
        Outcome.MALFORMED: _Failure(
            "malformed response",
            "Check that this is an HTTP/1.1 server without TLS, and look at what it sends (curl -v).",
        ),
        Outcome.TOO_LARGE: _Failure("response too large", "Request something smaller."),
        Outcome.NO_FILE_DESCRIPTOR: _Failure(
            "no file descriptor left", "Raise the client's limit of open files, or open fewer connections."
        ),
        Outcome.NO_LOCAL_PORT: _Failure(
            "no local port left", "Widen net.ipv4.ip_local_port_range, or open fewer connections."
        ),
        Outcome.NO_MEMORY: _Failure(
            "kernel out of socket memory", "Raise net.ipv4.tcp_mem, or open fewer connections."
        ),
        Outcome.UNREACHABLE: _Failure(
            "network unreachable", "Check the route to the target (ip route get ADDRESS) and the firewalls on it."
        ),
    }
)
_NOTHING_IN_TIME: Final = (
    "Check that the target answers this path at all (curl -v), or raise load.timeout if a response takes longer."
)


def no_requests(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that there is anything to judge."""
    if result.requests:
        return None
    failed = _failed(result)
    statuses = f", most often {_statuses(result)}" if result.statuses else ""
    return Finding(
        code="no_requests",
        severity="invalid",
        text="No request succeeded in the measured window.",
        evidence=f"0 successful requests in {format_duration_ns(result.window_ns)}{statuses}",
        # What failed has a finding of its own, with advice.
        advice="" if failed else "Use a longer window: nothing failed, but no response ended within this one.",
    )


def failures(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that not so many requests failed that the others are a selection."""
    failed = _failed(result)
    total = sum(count for count, _ in failed)
    attempts = total + result.outcomes.get(Outcome.OK, 0)
    share = total / attempts if attempts else 0.0
    if share <= _FAILED_SUSPECT:
        return None
    (_, commonest), *_ = failed
    reason = f"most often: {_statuses(result) if commonest is Outcome.STATUS else _FAILURES[commonest].reason}"
    return Finding(
        code="failures",
        severity="invalid" if share > _FAILED_INVALID else "suspect",
        text=f"Many requests failed ({reason}), so throughput and latency describe only those that succeeded.",
        evidence=f"{format_share(share)} of {attempts:,} requests failed: "
        + ", ".join(f"{outcome} {count:,}" for count, outcome in failed),
        advice=_advice(result, commonest),
    )


def dropped(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the requests of the schedule had been sent when the window ended.

    Those that had not waited longest of all and have no response time, so every percentile is too low. A thousandth of
    them moves a p99 by a tenth of its own tail, and may be a burst of random arrivals that met the end: more than that
    is suspect. From a hundredth on the schedule's p99 is not known at all. Still, where the target could not keep up,
    throughput is what it carried, which is a result. Only where the client could not, nothing is left that describes
    the target: then more than a hundredth is invalid.
    """
    share = dropped_share(result)
    if share <= _DROPPED_SUSPECT:
        return None
    by_client = client_is_behind(result)
    number = result.outcomes[Outcome.DROPPED]
    return Finding(
        code="dropped",
        severity="invalid" if by_client and share > _DROPPED_INVALID else "suspect",
        text="Scheduled requests were never sent: the offered rate was not reached, and response times are too low.",
        evidence=f"{number:,} request{'' if number == 1 else 's'} never sent, {format_share(share)} of the schedule",
        advice="Give the client more load workers and cores."
        if by_client
        else "Lower the rate to what the target sustains, or raise load.connections if it has CPU time left.",
    )


def few_samples(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that there are enough samples for every percentile; name those that are not shown."""
    count = result.response_ns.count
    trusted = trustworthy_percentiles(count)
    weak = [name for name in BEYOND_PER_MILLE if name not in trusted]
    if not count or not weak:
        return None
    return Finding(
        code="few_samples",
        severity="note",
        text="There are too few requests for the highest percentiles.",
        evidence=f"fewer than {SAMPLES_BEYOND} of {count:,} requests lie beyond {', '.join(weak)}",
        advice="Measure for longer, or read the lower percentiles only.",
    )


def _failed(result: TrialResult) -> list[tuple[int, Outcome]]:
    """Return how many requests failed with which outcome, the commonest first; those never sent are apart."""
    counts = [(result.outcomes.get(outcome, 0), outcome) for outcome in FAILURES - {Outcome.DROPPED}]
    return sorted(((count, outcome) for count, outcome in counts if count), reverse=True)


def _advice(result: TrialResult, commonest: Outcome) -> str:
    """Return what to do about the commonest failure. A lower load helps against timeouts, if anything is answered."""
    if commonest is Outcome.TIMEOUT and not result.requests:
        return _NOTHING_IN_TIME
    return _FAILURES[commonest].advice


def _statuses(result: TrialResult) -> str:
    """Return which status most of the answers had that did not have the expected one."""
    if not result.statuses:  # of a run from before they were counted
        return _FAILURES[Outcome.STATUS].reason
    most = max(result.statuses, key=lambda status: result.statuses[status])
    return f"status {most}" if len(result.statuses) == 1 else f"status {most}, and others"
