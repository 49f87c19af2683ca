"""How requests ended: failed, never sent, too few of them."""

from typing import Final

from loadlab.analysis.failures import advice_on, name_of_failure
from loadlab.analysis.summary import BEYOND_PER_MILLE, SAMPLES_BEYOND, trustworthy_percentiles
from loadlab.analysis.verdict.client import advice_on_users, client_is_behind, dropped_share
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.protocols.close_codes import is_close_code, name_of_status
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import vocabulary_of, vocabulary_of_schedule
from loadlab.units import format_duration_ns, format_share

_FAILED_SUSPECT: Final = 0.01
_FAILED_INVALID: Final = 0.5
_DROPPED_SUSPECT: Final = 0.001
_DROPPED_INVALID: Final = 0.01


_NOTHING_IN_TIME: Final = (
    "Check that the target answers this path at all (curl -v), or raise load.timeout if a response takes longer."
)


def no_requests(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that there is anything to judge."""
    if result.requests:
        return None
    failed = _failed(result)
    words = vocabulary_of([result])
    successful = "" if words.pushed else "successful "
    statuses = f", most often {_statuses(window)}" if window.unexpected_statuses else ""
    text = f"No {words.one} succeeded in the measured window."
    if words.pushed:
        text = "No event was received in the measured window."
    # One that exchanges messages of a WebSocket, or asks a database, may do without.
    is_needless = result.iterations is not None and result.iterations.requests > 0 and not sum(result.outcomes.values())
    if is_needless:
        text = "The scenario sent no request in the measured window: its figures are those of iterations and steps."
    return Finding(
        code="no_requests",
        severity="note" if is_needless else "invalid",
        text=text,
        evidence=f"0 {successful}{words.many} in {format_duration_ns(result.window_ns)}{statuses}",
        # What failed has a finding of its own, with advice.
        advice="" if failed else _why_unanswered(result),
    )


def _why_unanswered(result: TrialResult) -> str:
    if result.idle is not None and result.idle.opened:
        return (
            "Nothing failed, but the target answered nothing beside its idle connections. If it answers without them, "
            "each holds one of its workers or threads: use workers that wait for many connections at once, or put a "
            "proxy such as nginx in front. Otherwise use a longer window."
        )
    if result.iterations is not None and not sum(result.outcomes.values()):
        sent_none = "The scenario sent none; it sends them with user.http."
        return (
            sent_none if result.iterations.requests else f"{sent_none} If it paused all the time, use a longer window."
        )
    words = vocabulary_of([result])
    ended = "came" if words.pushed else "ended"
    return f"Use a longer window: nothing failed, but no {words.answer} {ended} within this one."


def failures(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that not so many requests failed that the others are a selection.

    Where only a sample of the answers was compared with what is expected of them, the share among these counts for all.
    """
    failed = _failed(result)
    total = sum(count for count, _ in failed)
    ok, unexpected = (result.outcomes.get(outcome, 0) for outcome in (Outcome.OK, Outcome.UNEXPECTED))
    attempts, answered = total + ok, ok + unexpected
    is_sample = 0 < unexpected <= result.compared < answered
    estimated = unexpected / result.compared * answered if is_sample else unexpected
    share = (total - unexpected + estimated) / attempts if attempts else 0.0
    if share <= _FAILED_SUSPECT:
        return None
    (_, commonest), *_ = failed
    reason = f"most often: {_reason(result, window, commonest)}"
    words = vocabulary_of([result])
    return Finding(
        code="failures",
        severity="invalid" if share > _FAILED_INVALID else "suspect",
        text=f"Many {words.many} failed ({reason}), so throughput and latency describe only those that succeeded."
        if ok
        else f"All {words.many} failed ({reason}).",
        evidence=f"{format_share(share)} of {attempts:,} {words.many} failed: "
        + ", ".join(f"{outcome} {count:,}" for count, outcome in failed)
        + (f" of {result.compared:,} answers that were compared with what is expected" if is_sample else ""),
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
    by_client, words = client_is_behind(result), vocabulary_of_schedule(result)
    number = result.scheduled.outcomes[Outcome.DROPPED]
    times = "response times" if result.iterations is None else words.times
    return Finding(
        code="dropped",
        severity="invalid" if by_client and share > _DROPPED_INVALID else "suspect",
        text=f"Scheduled {words.message}s were never {words.sent}: the offered rate was not reached, and {times} are "
        "too low.",
        evidence=f"{number:,} {words.message}{'' if number == 1 else 's'} never {words.sent}, {format_share(share)} of "
        "the schedule",
        advice="Give the client more load workers and cores."
        if by_client
        else advice_on_users(result)
        or "Lower the rate to what the target sustains, or raise load.connections if it has CPU time left.",
    )


def few_samples(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that there are enough samples for every percentile; name those that are not shown."""
    count = result.response_ns.count
    trusted = trustworthy_percentiles(count)
    weak = [name for name in BEYOND_PER_MILLE if name not in trusted]
    if not count or not weak:
        return None
    many = vocabulary_of([result]).many
    return Finding(
        code="few_samples",
        severity="note",
        text=f"There are too few {many} for the highest percentiles.",
        evidence=f"fewer than {SAMPLES_BEYOND} of {count:,} {many} lie beyond {', '.join(weak)}",
        advice="Measure for longer, or read the lower percentiles only.",
    )


def _failed(result: TrialResult) -> list[tuple[int, Outcome]]:
    """Return how many requests failed with which outcome, the commonest first; those never sent are apart."""
    counts = [(result.outcomes.get(outcome, 0), outcome) for outcome in FAILURES - {Outcome.DROPPED}]
    return sorted(((count, outcome) for count, outcome in counts if count), reverse=True)


def _advice(result: TrialResult, commonest: Outcome) -> str:
    """Return what to do about the commonest failure. A lower load helps against timeouts, if anything is answered."""
    if commonest is Outcome.TIMEOUT and not result.requests and result.protocol == "http":
        return _NOTHING_IN_TIME
    return advice_on(commonest, result.protocol)


def _reason(result: TrialResult, window: WindowEvidence, outcome: Outcome) -> str:
    """Return what the commonest failure is called: by its status, or the code that WebSockets were closed with."""
    if outcome is Outcome.STATUS:
        return _statuses(window)
    codes = {status: count for status, count in result.statuses.items() if is_close_code(status)}
    if outcome is Outcome.CLOSED_EARLY and codes:
        return f"WebSocket closed with {name_of_status(max(codes, key=lambda code: codes[code]))}"
    return name_of_failure(outcome, result.protocol)


def _statuses(window: WindowEvidence) -> str:
    """Return which status most of the answers had that did not have an expected one."""
    statuses = {status: count for status, count in window.unexpected_statuses.items() if not is_close_code(status)}
    if not statuses:
        return name_of_failure(Outcome.STATUS)
    most = max(statuses, key=lambda status: statuses[status])
    return f"status {most}" if len(statuses) == 1 else f"status {most}, and others"
