"""Raw counts turned into figures: percentiles and which of them can be trusted, usage per request, repeats."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.recording.histogram import Histogram
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import Scalar, TrialResult

SAMPLES_BEYOND: Final = 10
"""A percentile with fewer values beyond it moves with single requests."""

Percentile = Literal["p50", "p90", "p99", "p99.9"]

# Per mille, so that the test is exact: 100,000 values have exactly 100 beyond p99.9.
BEYOND_PER_MILLE: Final[dict[Percentile, int]] = {"p50": 500, "p90": 100, "p99": 10, "p99.9": 1}


# A percentile is too low if requests that are not in the sample would add half as many to those beyond it. Even in a
# steady load some of those in flight are older than it: as a share of those beyond, the time by which these exceed it
# on average, divided by the window.
_UNSEEN_OF_BEYOND: Final = 0.5


def summarise_latency(histogram: Histogram, in_flight: Histogram | None = None) -> LatencySummary:
    """Return the percentiles of a histogram, in nanoseconds; all None if it holds no value.

    `in_flight` has how long those requests had already taken that had not ended, and are not in `histogram`.
    """
    if not histogram.count:
        return LatencySummary()
    at = histogram.values_at([50, 90, 99, 99.9])
    return LatencySummary(
        p50=at[50],
        p90=at[90],
        p99=at[99],
        p99_9=at[99.9],
        max=histogram.max_ns,
        mean=histogram.mean_ns,
        count=histogram.count,
        too_low=[] if in_flight is None else _too_low(at, histogram.count, in_flight),
    )


def _too_low(at: dict[float, int], count: int, in_flight: Histogram) -> list[str]:
    return [
        name
        for (name, per_mille), value_ns in zip(BEYOND_PER_MILLE.items(), at.values(), strict=True)
        if in_flight.count_above(value_ns) > _UNSEEN_OF_BEYOND * max(per_mille * count / 1000, SAMPLES_BEYOND)
    ]


def trustworthy_percentiles(count: int) -> frozenset[str]:
    """Return the names of the percentiles that have at least ten of `count` values beyond them."""
    return frozenset(name for name, per_mille in BEYOND_PER_MILLE.items() if count * per_mille >= SAMPLES_BEYOND * 1000)


def trusted_ns(summary: LatencySummary, percentile: Percentile) -> int | None:
    """Return a percentile, or None if it is not to be shown: too few values lie beyond it, or it is too low."""
    if percentile in summary.too_low or percentile not in trustworthy_percentiles(summary.count):
        return None
    value_ns: int | None = getattr(summary, percentile.replace(".", "_"))
    return value_ns


def median_of_known(values: Iterable[float | None]) -> float | None:
    """Return the median of those values that are known; None if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def per_request(usage: ProcessUsage, requests: int) -> ProcessUsage:
    """Return `usage` with its figures per request filled in; they stay None if there was no request.

    User and system time alone stay None also where there was too little CPU time to divide.
    """
    if not requests:
        return usage
    return usage.model_copy(
        update={
            "cpu_ns_per_request": usage.cpu_ns / requests,
            "cpu_user_ns_per_request": usage.cpu_user_ns / requests if usage.is_divisible else None,
            "cpu_system_ns_per_request": usage.cpu_system_ns / requests if usage.is_divisible else None,
            "context_switches_per_request": usage.context_switches / requests,
            "run_queue_wait_ns_per_request": usage.run_queue_wait_ns / requests,
        }
    )


@dataclass(frozen=True, slots=True)
class RepeatedMeasure:
    """A metric of one combination of the sweep, over its repeats, in the unit of the metric.

    `deviation` is the median absolute deviation from the median, which, unlike the standard deviation, is robust to one
    repeat that went wrong. For a single value it is 0, and says nothing.
    """

    factors: dict[str, Scalar]
    values: tuple[float, ...]
    median: float
    low: float
    high: float
    deviation: float


def over_repeats(trials: Iterable[TrialResult], metric: Callable[[TrialResult], float | None]) -> list[RepeatedMeasure]:
    """Return `metric` for each combination of factors, in the order in which they first ran.

    Only completed trials count, and of those only where the metric is not None; a combination without any is left out.
    """
    groups: dict[frozenset[tuple[str, Scalar]], tuple[dict[str, Scalar], list[float]]] = {}
    for trial in trials:
        value = metric(trial)
        if trial.state == "done" and value is not None:
            groups.setdefault(frozenset(trial.factors.items()), (trial.factors, []))[1].append(value)
    return [_measure(factors, values) for factors, values in groups.values()]


def _measure(factors: dict[str, Scalar], values: list[float]) -> RepeatedMeasure:
    median = statistics.median(values)
    return RepeatedMeasure(
        factors=factors,
        values=tuple(values),
        median=median,
        low=min(values),
        high=max(values),
        deviation=statistics.median(abs(value - median) for value in values),
    )
