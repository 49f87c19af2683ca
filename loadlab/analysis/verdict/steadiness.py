"""Whether throughput stayed what it was through the window: no stretch of it apart from the rest, no trend.

The intervals of the window are merged until each holds ten typical response times and a hundred requests: in shorter
ones the waves of a closed loop, whose users all began together, look like steps. Then two things are looked for.

A shift: of all stretches of at most half the window, the one that differs most from the rest, in units of the scatter
of the intervals (a scan for an "epidemic" change; Levin and Kline, Statistics in Medicine 4, 1985). Scatter is
estimated from the median difference between neighbours, which neither a step nor a dip raises.

A drift: the median slope between all pairs of intervals (Theil and Sen), extrapolated from the first to the last, in
units of the error that the scatter gives such a line.

Significance alone would flag many changes that are of no consequence, and a shared machine scatters by several percent.
So either must also be a fifth of the throughput; and a shift must be worth a standstill of 0.35 s, or of a tenth of a
window shorter than 3.5 s, since pauses of a tenth of a second are common.

Rounds lie seconds apart, and how far they differ is in their intervals. But a server that becomes faster from round to
round (a compiler at work, caches that fill) was not warm when it was measured: a trend of their costs (Mann and
Kendall), at the machine's usual speed, by a quarter.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, pairwise
from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.results.requests import Interval
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import Vocabulary, vocabulary_of
from loadlab.units import format_duration_ns, format_rate

_FEWEST: Final = 6
_MOST: Final = 64
_RESPONSES_EACH: Final = 10
_REQUESTS_EACH: Final = 100
_CHANGE: Final = 0.2
# The more stretches are compared, the further one of them strays by chance; of a drift there is only one.
_SHIFT_ERRORS: Final = 5.0
_DRIFT_ERRORS: Final = 4.0
_LEAST_SCATTER: Final = 0.03
# Of ten rounds in any order one set in a hundred has such a trend; and few of those are as steep.
_TREND_ERRORS: Final = 2.5
_CHANGE_OVER_ROUNDS: Final = 0.25
_STANDSTILL_SECONDS: Final = 0.35
_STANDSTILL_OF_WINDOW: Final = 0.1
# Of the difference between two values of a normal distribution, the median is this many standard deviations.
_MEDIAN_DIFFERENCE: Final = 0.6745 * math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of the window (seconds from its start) whose throughput (requests/s) is apart from the rest's."""

    start: float
    end: float
    inside: float
    outside: float


@dataclass(frozen=True, slots=True)
class Drift:
    """A trend over the whole window, in requests/s; or over rounds, in the unit of what was compared."""

    at_start: float
    at_end: float


def unsteady(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that throughput did not change during the window, nor the cost of a request from round to round.

    Not where the schedule itself changes the rate.
    """
    if not window.steady_load:
        return None
    if result.rounds:
        return _unsteady_over_rounds(result.rounds, vocabulary_of([result]))
    # The waves of a scenario, whose users all began together, are as long as an iteration.
    typical_ns = max(result.response_ns.p50 or 0, result.scheduled.response_ns.p50 or 0)
    found = find_change(merge_intervals(result.intervals, typical_ns / 1e9))
    if found is None:
        return None
    return Finding(
        code="unsteady",
        severity="suspect",
        text="Throughput changed during the measurement, so its mean describes no part of it.",
        evidence=_describe(found, vocabulary_of([result]).many),
        advice="Look for what target or client did then; if it was the start, warm up for longer.",
    )


def merge_intervals(intervals: Sequence[Interval], response_seconds: float) -> list[Interval]:
    """Return intervals of equal length, long enough to be compared; a remainder that fills none is left out."""
    whole = [interval for interval in intervals if interval.end > interval.start]
    requests = sum(interval.requests for interval in whole)
    if not requests:
        return []
    each = statistics.median(interval.end - interval.start for interval in whole)
    wanted = max(_RESPONSES_EACH * response_seconds, _REQUESTS_EACH * each * len(whole) / requests)
    together = max(math.ceil(wanted / each), math.ceil(len(whole) / _MOST))
    groups = [whole[start : start + together] for start in range(0, len(whole), together)]
    return [
        Interval(start=group[0].start, end=group[-1].end, requests=sum(interval.requests for interval in group))
        for group in groups
        if group[-1].end - group[0].start > 0.9 * together * each
    ]


def find_change(intervals: Sequence[Interval]) -> Shift | Drift | None:
    """Return how throughput changed over the intervals; None if it did not, or if they are too few."""
    if len(intervals) < _FEWEST:
        return None
    rates = [interval.requests / (interval.end - interval.start) for interval in intervals]
    scatter = _scatter(rates, statistics.fmean(interval.requests for interval in intervals))
    return _find_shift(intervals, scatter) or _find_drift(rates, scatter)


def find_trend(values: Sequence[float]) -> Drift | None:
    """Return the trend of the values of several rounds; None if there is none, or it is of no consequence."""
    number = len(values)
    if number < _FEWEST:
        return None
    order = sum((after > before) - (after < before) for before, after in combinations(values, 2))
    if abs(order) < _TREND_ERRORS * math.sqrt(number * (number - 1) * (2 * number + 5) / 18):
        return None
    third = max(1, number // 3)
    before, after = statistics.median(values[:third]), statistics.median(values[-third:])
    return Drift(before, after) if abs(after - before) >= _CHANGE_OVER_ROUNDS * max(before, after) else None


def _unsteady_over_rounds(rounds: Sequence[Round], words: Vocabulary) -> Finding | None:
    costs = [
        each.cpu_ns_per_request * (each.speed.target or 1.0) for each in rounds if each.cpu_ns_per_request is not None
    ]
    found = find_trend(costs)
    if found is None:
        return None
    before, after = format_duration_ns(found.at_start), format_duration_ns(found.at_end)
    fell = found.at_end < found.at_start
    return Finding(
        code="unsteady",
        severity="suspect",
        text=f"The CPU time per {words.one} {'fell' if fell else 'rose'} from round to round, so the median describes "
        "none.",
        evidence=f"{before} per {words.one} in the first third of the rounds, {after} in the last",
        advice="Warm up for longer (warmup): the server was still getting faster."
        if fell
        else "Look for what grows in the server as it works: memory, a log, a cache.",
    )


def _find_shift(intervals: Sequence[Interval], scatter: float) -> Shift | None:
    number = len(intervals)
    seconds = [0.0, *accumulate(interval.end - interval.start for interval in intervals)]
    requests = [0, *accumulate(interval.requests for interval in intervals)]
    standstill = min(_STANDSTILL_SECONDS, _STANDSTILL_OF_WINDOW * seconds[-1])
    gravest, found = _SHIFT_ERRORS, None
    for length in range(1, number // 2 + 1):
        noise = scatter * math.sqrt(1 / length + 1 / (number - length))
        for first in range(number - length + 1):
            within_seconds = seconds[first + length] - seconds[first]
            within = requests[first + length] - requests[first]
            inside, outside = within / within_seconds, (requests[-1] - within) / (seconds[-1] - within_seconds)
            change = abs(inside - outside) / max(inside, outside)
            if change < _CHANGE or change * within_seconds < standstill:
                continue
            if (weight := abs(inside - outside) / noise) > gravest:
                gravest = weight
                found = Shift(intervals[first].start, intervals[first + length - 1].end, inside, outside)
    return found


def _find_drift(rates: Sequence[float], scatter: float) -> Drift | None:
    number, middle = len(rates), statistics.median(rates)
    slope = statistics.median(
        (rates[later] - rates[earlier]) / (later - earlier) for earlier, later in combinations(range(number), 2)
    )
    half = slope * (number - 1) / 2
    error = scatter * math.sqrt(12 / number)  # of a line by least squares, first point to last
    if 2 * abs(half) < max(_DRIFT_ERRORS * error, _CHANGE * (middle + abs(half))):
        return None
    return Drift(middle - half, middle + half)


def _scatter(rates: Sequence[float], requests: float) -> float:
    """Return the standard deviation of one interval's rate: at least that of a Poisson count of so many `requests`."""
    mean = statistics.fmean(rates)
    seen = statistics.median(abs(after - before) for before, after in pairwise(rates)) / _MEDIAN_DIFFERENCE
    return max(seen, mean / math.sqrt(requests), _LEAST_SCATTER * mean)


def _describe(found: Shift | Drift, many: str) -> str:
    match found:
        case Shift(start, end, inside, outside):
            stretch = f"from {start:.2f} s to {end:.2f} s"
            return f"{format_rate(inside)} {many}/s {stretch}, {format_rate(outside)} otherwise"
        case Drift(at_start, at_end):
            return f"from {format_rate(at_start)} {many}/s at the start to {format_rate(at_end)} at the end"
