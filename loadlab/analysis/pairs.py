"""Two servers measured in turn: by how much B differs from A, and when that is known well enough.

The machine's speed changes by a third within seconds, for both alike; so the slices of a pair are compared with each
other, by the logarithm of their ratio, and never with those of another time. docs/uncertainty.md has the method and
its sources, benchmarks/coverage.py how often its intervals hold.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from loadlab.analysis.uncertainty import FloatArray, quantile_of_t
from loadlab.profile.metrics import full_name
from loadlab.results.model import Difference, Round

FAILURES: Final = "failures"
"""The metric whose difference is one of shares: 0.01 is one request in a hundred more that failed."""

PAIRED_METRICS: Final[Mapping[str, Callable[[Round], float | None]]] = MappingProxyType(
    {
        "requests_per_second": lambda each: each.requests_per_second,
        "target.cpu_ns_per_request": lambda each: each.cpu_ns_per_request,
        "response_ns.p50": lambda each: each.p50_ns,
        "response_ns.p90": lambda each: each.p90_ns,
        "response_ns.p99": lambda each: each.p99_ns,
    }
)
"""The figures that are compared by their ratio, in the order of a table."""

_FEWEST_PAIRS: Final = 5
# Beyond so many standard deviations a deviation counts as if it were there. Huber, Robust Statistics (1981), ch. 4: it
# costs 5 % of the precision where the noise is normal; where a slice in fifty met another process, it doubles it.
_HUBER: Final = 1.345
_MAD_OF_NORMAL: Final = 1.4826
_ITERATIONS: Final = 50
_SETTLED: Final = 1e-9


@dataclass(frozen=True, slots=True)
class PairedChange:
    """By which part B differs from A, 0.03 for 3 % more, with the ends of its 95 % interval.

    `visible` is the smallest difference that would have been recognised: the interval's half-width.
    """

    change: float
    low: float
    high: float
    visible: float


class StoppingRule:
    """Ends a comparison when the interval of one metric is narrower than `within` on both sides.

    Asking again and again would end it when the scatter happens to look small, and the interval would then hold less
    often than it says (Chow and Robbins, Annals of Mathematical Statistics 36, 1965, pp. 457 to 462). So it asks for a
    number of pairs first, and for an interval that is a little narrower than is wanted as long as these are few.
    """

    fewest_pairs: Final = 20

    def __init__(self, on: str, within: float) -> None:
        """`on` is a metric's name, short or full; `within` is 0.02 for 2 %. Raises ValueError for an unknown metric."""
        self.on = full_name(on)
        self.within = within
        if self.on != FAILURES and self.on not in PAIRED_METRICS:
            raise ValueError(f"{on} is not compared; choose from {', '.join((*PAIRED_METRICS, FAILURES))}")

    def is_met(self, a: Sequence[Round], b: Sequence[Round]) -> bool:
        """Return whether the pairs so far suffice; takes well below a millisecond for hundreds."""
        if min(len(a), len(b)) < self.fewest_pairs:
            return False
        found = _compare_shares(a, b) if self.on == FAILURES else _compare_metric(PAIRED_METRICS[self.on], a, b)
        if found is None:
            return False
        return max(found.high - found.change, found.change - found.low) <= self.within


def differences(a: Sequence[Round], b: Sequence[Round]) -> list[Difference]:
    """Return the difference of B against A in each metric; round n of both is a pair.

    `a` and `b` of each are medians over the slices (of `failures` the shares of all requests), `change` is that of the
    pairs. Those need not have the same ratio, as each median may come from another moment.
    """
    found = []
    for metric, read in PAIRED_METRICS.items():
        found.append(_difference(metric, _median(map(read, a)), _median(map(read, b)), _compare_metric(read, a, b)))
    return [*found, _difference(FAILURES, _share_of_failures(a), _share_of_failures(b), _compare_shares(a, b))]


def compare_pairs(a: Sequence[float | None], b: Sequence[float | None]) -> PairedChange | None:
    """Return the relative change from A to B over pairs of figures; None for fewer than five pairs.

    A pair without both figures, or where one is not positive, has no ratio and does not count. A slice that met a stall
    does not decide: the logarithms of the ratios are averaged by Huber's M-estimator.
    """
    ratios = [after / before for before, after in zip(a, b, strict=False) if before and after]
    if len(ratios) < _FEWEST_PAIRS:
        return None
    centre, influences = _robust_mean(np.log(ratios))
    reach = _reach(influences)
    return PairedChange(math.expm1(centre), math.expm1(centre - reach), math.expm1(centre + reach), math.expm1(reach))


def block_length(series: FloatArray) -> int:
    """Return how many neighbours of a series belong together, by its autocorrelation.

    Politis and White, Econometric Reviews 23, 2004, pp. 53 to 70, with the correction of Patton, Politis and White
    (28, 2009), for circular blocks. Their estimate misses what is only a little alike, so it is the cube root of the
    length at least; and a quarter at most, or there would be too few blocks to compare.
    """
    count = len(series)
    most = max(1, count // 4)
    least = min(round(math.cbrt(count)), most)
    centred = series - series.mean()
    run = max(5, math.ceil(math.sqrt(math.log10(count))))
    furthest = min(math.ceil(math.sqrt(count)) + run, count - 1)
    covariances = np.array([centred[: count - lag] @ centred[lag:] for lag in range(furthest + 1)]) / count
    if covariances[0] <= 0:
        return least
    negligible = np.abs(covariances / covariances[0]) < 2 * math.sqrt(math.log10(count) / count)
    silent = (lag for lag in range(1, furthest - run + 2) if negligible[lag : lag + run].all())
    window = min(2 * max(next(silent, furthest) - 1, 1), furthest)
    lags = np.abs(np.arange(-window, window + 1))
    flat_top = np.minimum(1.0, 2 * (1 - lags / window))
    slope = float((flat_top * lags * covariances[lags]).sum())
    spectrum = float((flat_top * covariances[lags]).sum())
    if spectrum <= 0:
        return least
    length = (1.5 * slope**2 / spectrum**2 * count) ** (1 / 3)
    return min(max(round(float(length)), least), most)


def _compare_metric(
    read: Callable[[Round], float | None], a: Sequence[Round], b: Sequence[Round]
) -> PairedChange | None:
    return compare_pairs([read(each) for each in a], [read(each) for each in b])


def _difference(metric: str, a: float | None, b: float | None, found: PairedChange | None) -> Difference:
    if found is None:
        return Difference(metric=metric, a=a, b=b)
    return Difference(
        metric=metric, a=a, b=b, change=found.change, interval=(found.low, found.high), visible=found.visible
    )


def _median(values: Iterable[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def _robust_mean(values: FloatArray) -> tuple[float, FloatArray]:
    """Return Huber's M-estimate, and how far each value moves it: their mean is 0, their scatter that of the mean."""
    centre = float(np.median(values))
    limit = _HUBER * _MAD_OF_NORMAL * float(np.median(np.abs(values - centre)))
    if limit == 0:
        return float(values.mean()), values - values.mean()
    for _ in range(_ITERATIONS):
        weights = np.minimum(1.0, limit / np.maximum(np.abs(values - centre), limit))
        before, centre = centre, float((weights * values).sum() / weights.sum())
        if abs(centre - before) < _SETTLED * limit:
            break
    deviations = values - centre
    return centre, np.clip(deviations, -limit, limit) / np.mean(np.abs(deviations) < limit)


def _reach(influences: FloatArray) -> float:
    """Return the half-width of the 95 % interval of a mean over neighbours that are alike.

    The scatter of the means of all circular blocks, which is what a circular block bootstrap (Politis and Romano, 1992)
    would find with endless draws; with Student's t by the number of blocks, as few of them say little.
    """
    count, length = len(influences), block_length(influences)
    around = np.cumsum(np.concatenate(([0.0], influences, influences[:length])))
    means = (around[length : length + count] - around[:count]) / length
    blocks = count / length
    return quantile_of_t(blocks - 1) * float(means.std()) / math.sqrt(blocks - 1)


def _share_of_failures(rounds: Sequence[Round]) -> float | None:
    ended = sum(each.requests + each.failures for each in rounds)
    return sum(each.failures for each in rounds) / ended if ended else None


def _compare_shares(a: Sequence[Round], b: Sequence[Round]) -> PairedChange | None:
    """Return the difference of the shares of failures.

    They are rare and come together, so nothing is clipped. Where next to none were seen the scatter between pairs says
    less than their number does: one more of each is assumed then (Agresti and Caffo, The American Statistician 54,
    2000, pp. 280 to 288).
    """
    pairs = min(len(a), len(b))
    failed = np.array([[float(each.failures) for each in side[:pairs]] for side in (a, b)])
    ended = failed + np.array([[float(each.requests) for each in side[:pairs]] for side in (a, b)])
    total = ended.sum(axis=1)
    if pairs < _FEWEST_PAIRS or not total.all():
        return None
    share = failed.sum(axis=1) / total
    influences = (failed - share[:, None] * ended) * (pairs / total[:, None])
    assumed = (failed.sum(axis=1) + 1) / (total + 2)
    least = quantile_of_t(math.inf) * math.sqrt((assumed * (1 - assumed) / (total + 2)).sum())
    change, reach = float(share[1] - share[0]), max(_reach(influences[1] - influences[0]), least)
    return PairedChange(change, change - reach, change + reach, reach)
