"""Whether the window was long enough for what it measured, and was measured to its end.

A request that takes longer than warm-up and window together cannot be seen at all, and the slower requests are, the
fewer of them end in the window. Two things show that those which ended are a selection. Requests still in flight had
been so for longer than a percentile of those that ended (in statistics: they are right-censored). And by Little's law
users / throughput is the mean time from one request of a user to its next one, whatever the distribution. Over a window
this holds to within one request of each user: where it holds five response times, to within a quarter even if all users
move in step.
"""

import math
from typing import Final

from loadlab.analysis.summary import trustworthy_percentiles
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import FAILURES
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_duration_ns, format_rate

_SHORTEST_OF_ASKED: Final = 0.8
_CONTRADICTED_FROM: Final = 1.25
_RESPONSES_IN_WINDOW: Final = 5
# Advice is rounded, so that trials which need about the same are reported together.
_FINE_SECONDS: Final = 10
_COARSE_SECONDS: Final = 5
_SECOND_NS: Final = 1_000_000_000


def window_too_short(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the requests which ended in the window are no selection of the faster ones.

    Invalid if, when the window ended, more requests had been in flight for longer than the median shown than were
    measured at all.
    """
    if not result.requests:
        return None
    words = vocabulary_of([result])
    response = result.response_ns
    too_low = [name for name in response.too_low if name in trustworthy_percentiles(response.count)]
    older = window.in_flight.count_above(response.p50 or 0) if window.in_flight is not None else 0
    little_ns, mean_ns = _little_ns(result, window), response.mean or 0.0
    contradicted = little_ns is not None and mean_ns > 0 and little_ns > _CONTRADICTED_FROM * mean_ns
    if not too_low and older <= result.requests and not contradicted:
        return None
    evidence = [f"{result.requests:,} {words.many} were {words.answered} within {format_duration_ns(result.window_ns)}"]
    if window.in_flight is not None and window.in_flight.count:
        oldest = format_duration_ns(window.in_flight.max_ns)
        evidence.append(f"{window.in_flight.count:,} were still in flight, for up to {oldest}")
    if (later := result.cut_response_ns).count:
        took = f"{format_duration_ns(later.p50 or 0)} in the median and at most {format_duration_ns(later.max or 0)}"
        evidence.append(f"{later.count:,} of these were answered afterwards, and took {took}")
    if little_ns is not None:
        evidence.append(
            f"{window.users:,} {words.user if words.pushed else 'user'}s at "
            f"{format_rate(result.requests_per_second or 0.0)} {words.many}/s mean "
            f"{format_duration_ns(little_ns)} for each (Little's law), not {format_duration_ns(mean_ns)}"
        )
    if too_low:
        evidence.append(f"{', '.join(too_low)} {'is' if len(too_low) == 1 else 'are'} too low and not shown")
    return Finding(
        code="window_too_short",
        severity="invalid" if older > result.requests else "suspect",
        text="The window is too short for the pace of the events, or not all streams were open when it began."
        if words.pushed
        else f"The window is shorter than what it measures: slow {words.many} had not ended when it did.",
        evidence="; ".join(evidence),
        advice=_longer(result, window),
    )


def short_window(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the trial ran to its end."""
    if window.asked_ns is None or result.window_ns >= _SHORTEST_OF_ASKED * window.asked_ns:
        return None
    return Finding(
        code="short_window",
        severity="suspect",
        text="The measurement was stopped early.",
        evidence=f"measured {format_duration_ns(result.window_ns)} of {format_duration_ns(window.asked_ns)}",
        advice="Let the trial run to its end.",
    )


def _little_ns(result: TrialResult, window: WindowEvidence) -> float | None:
    """Return the mean response time by Little's law; None where users pause, or failed requests took unknown time."""
    if window.users is None or any(result.outcomes.get(outcome, 0) for outcome in FAILURES):
        return None
    if result.ended:  # streams pause before they are opened again
        return None
    return window.users * result.window_ns / result.requests


def _longer(result: TrialResult, window: WindowEvidence) -> str:
    seconds = _sufficient_seconds(result, window)
    if result.rounds:
        return f"Make each of the windows longer, {seconds} s or so (load.duration; with ab, --slice)."
    warmup = (
        "in which all streams open (load.warmup)" if result.protocol == "events" else "of at least one response time"
    )
    return f"Measure for at least {seconds} s (load.duration), after a warm-up {warmup}."


def _sufficient_seconds(result: TrialResult, window: WindowEvidence) -> int:
    """Return how long a window holds several of the slow response times, as far as these are known, in seconds."""
    oldest_ns = window.in_flight.max_ns if window.in_flight is not None else 0
    slowest_ns = max(
        result.response_ns.max or 0, result.cut_response_ns.max or 0, oldest_ns, _little_ns(result, window) or 0.0
    )
    seconds = math.ceil(_RESPONSES_IN_WINDOW * slowest_ns / _SECOND_NS)
    return seconds if seconds <= _FINE_SECONDS else math.ceil(seconds / _COARSE_SECONDS) * _COARSE_SECONDS
