"""One metric over the repeats of the same trial: its median, and how far the repeats lie apart."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadlab.results.model import Scalar, TrialResult


@dataclass(frozen=True, slots=True)
class RepeatedMeasure:
    """A metric of one combination of the sweep, over its repeats, in the unit of the metric.

    `deviation` is the median absolute deviation from the median: unlike the standard deviation, one repeat that went
    wrong does not carry it away. It is 0 for a single value, of which it says nothing.
    """

    factors: dict[str, Scalar]
    values: tuple[float, ...]
    median: float
    low: float
    high: float
    deviation: float


def over_repeats(trials: Iterable[TrialResult], metric: Callable[[TrialResult], float | None]) -> list[RepeatedMeasure]:
    """Return `metric` for each combination of factors, in the order in which they first ran.

    Only trials that are done count, and of those only where the metric is not None; a combination without any is
    left out.
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
