"""Two servers measured in turn: by how much B differs from A, and when that is known well enough.

The machine's speed changes by a third within seconds, for both alike; so the slices of a pair are compared with each
other, by the logarithm of their ratio, and never with those of another time.

A slice that met a stall from outside must not decide, so these logarithms are averaged by a robust mean. But such a
mean also leaves out what one of the two does to itself now and then (a garbage collection, a checkpoint). Stalls from
outside hit both alike, as the order is drawn: where the whole differs from the typical slice beyond chance, they are
not from outside, and the whole counts (a specification test: Hausman, Econometrica 46, 1978, pp. 1251 to 1271).

Two starts of one program are not equally fast either: where its memory lies decides how it shares the caches (Mytkowicz
and others, Producing wrong data without doing anything obviously wrong, ASPLOS 2009). No number of pairs shows that, as
each side is started once. So every interval has room for it.

docs/uncertainty.md has the method, benchmarks/coverage.py how often its intervals hold.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from loadlab.analysis.series import block_length, block_weights, reach_of_mean, robust_mean
from loadlab.analysis.summary import median_of_known
from loadlab.analysis.uncertainty import CumulativeCounts, FloatArray, interval_of_draws, quantile_of_t, widening_of
from loadlab.profile.metrics import FAILED_REQUESTS, full_name
from loadlab.recording.histogram import Histogram
from loadlab.results.paired import Difference
from loadlab.results.trial import Round

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
COMPARED_METRICS: Final = (*PAIRED_METRICS, FAILED_REQUESTS)
"""All figures that are compared. That of failures by its share: 0.01 is one request in a hundred more that failed."""

_PERCENTILES: Final[Mapping[str, float]] = MappingProxyType(
    {"response_ns.p50": 50, "response_ns.p90": 90, "response_ns.p99": 99}
)
_FEWEST_PAIRS: Final = 5
_RESAMPLES: Final = 500
_SEED: Final = 13
# What stands for a figure of 0, against the usual one, where a logarithm is needed: far out, whatever it is.
_FAR_OUT: Final = 1e-3
_ROUNDING: Final = 1e-9
# By how much two starts of one program differ, as the standard deviation of the logarithm: what 26 comparisons of
# identical servers, undisturbed, scattered more than their slices account for (benchmarks/a_a.py).
STARTS_DIFFER: Final = 0.006


@dataclass(frozen=True, slots=True)
class PairedChange:
    """By which part B differs from A, 0.03 for 3 % more, with the ends of its 95 % interval.

    `visible` is the smallest difference that would have been recognised: the interval's half-width. `a` and `b` are
    figures that stand in this ratio. The medians over all slices need not, as each is of another moment of the machine;
    so these are moved towards or away from each other, by as much.
    """

    a: float
    b: float
    change: float
    low: float
    high: float
    visible: float


class StoppingRule:
    """Ends a comparison when the interval of one metric is narrower than `within` on both sides.

    Asking again and again ends it when the scatter happens to look small, and the interval then holds less often than
    it claims (Chow and Robbins, Annals of Mathematical Statistics 36, 1965, pp. 457 to 462). So a number of pairs is
    required first, and an interval that is narrower than `within` by a share that falls with their number.
    """

    fewest_pairs: Final = 30
    _margin_in_pairs: Final = 4

    def __init__(self, on: str, within: float) -> None:
        """`on` is a metric's name, short or full; `within` is 0.02 for 2 %. Raises ValueError for an unknown metric."""
        self.on = full_name(on)
        self.within = within
        if self.on not in COMPARED_METRICS:
            raise ValueError(f"{on} is not compared; choose from {', '.join(COMPARED_METRICS)}")

    def is_met(self, a: Sequence[Round], b: Sequence[Round]) -> bool:
        """Return whether the pairs so far suffice; takes a millisecond for hundreds of them."""
        pairs = min(len(a), len(b))
        if pairs < self.fewest_pairs:
            return False
        found = compare_rounds(self.on, a, b)
        if found is None:
            return False
        reach = max(found.high - found.change, found.change - found.low)
        return reach * (1 + self._margin_in_pairs / pairs) <= self.within


def differences(
    a: Sequence[Round],
    b: Sequence[Round],
    response_ns: tuple[Sequence[Histogram], Sequence[Histogram]] | None = None,
) -> list[Difference]:
    """Return the difference of B against A in each metric; round n of both is a pair.

    `response_ns` has the response times of each round of A and B; with them percentiles are held against those of all
    requests together. The difference of `failures` is one of shares.
    """
    return [difference_in(metric, a, b, response_ns) for metric in COMPARED_METRICS]


def difference_in(
    metric: str,
    a: Sequence[Round],
    b: Sequence[Round],
    response_ns: tuple[Sequence[Histogram], Sequence[Histogram]] | None = None,
) -> Difference:
    """Return the difference in one metric, by its full name, as in `differences`."""
    found = compare_rounds(metric, a, b, response_ns)
    if found is None:
        return Difference(metric=metric, a=_figure_of(metric, a), b=_figure_of(metric, b))
    interval = (found.low, found.high)
    return Difference(
        metric=metric, a=found.a, b=found.b, change=found.change, interval=interval, visible=found.visible
    )


def compare_rounds(
    metric: str,
    a: Sequence[Round],
    b: Sequence[Round],
    response_ns: tuple[Sequence[Histogram], Sequence[Histogram]] | None = None,
) -> PairedChange | None:
    """Return the change of a metric from A to B; None for fewer than five pairs of rounds with it."""
    if metric == FAILED_REQUESTS:
        return _compare_shares(a, b)
    read = PAIRED_METRICS[metric]
    figures = [read(each) for each in a], [read(each) for each in b]
    percentile = _PERCENTILES.get(metric)
    if percentile is None:
        return compare_pairs(*figures)
    of_all = _compare_all_requests(percentile, *figures, *response_ns) if response_ns else None
    return of_all or compare_pairs(*figures, of_whole=False)


def compare_pairs(
    a: Sequence[float | None], b: Sequence[float | None], *, of_whole: bool = True
) -> PairedChange | None:
    """Return the relative change from A to B over pairs of figures; None for fewer than five pairs.

    A pair without both figures, or with two of 0, does not count. `of_whole` is whether the sums of the figures may
    speak for the whole; a sum of percentiles is no percentile. The interval is that of programs, not of these two
    processes: it has room for another start.
    """
    found = _compare_slices(a, b, of_whole)
    return None if found is None else _for_other_starts(found)


def _compare_slices(a: Sequence[float | None], b: Sequence[float | None], of_whole: bool) -> PairedChange | None:
    known = [(x, y) for x, y in zip(a, b, strict=False) if x is not None and y is not None and (x > 0 or y > 0)]
    if len(known) < _FEWEST_PAIRS:
        return None
    before, after = np.array(known, float).T
    typical = _Typical.of(before, after)
    if of_whole and before.any():
        ratio = float(after.sum() / before.sum())
        influences = (after - ratio * before) / before.mean()
        chance = reach_of_mean(influences - typical.ratio * typical.influences)
        if abs(ratio - typical.ratio) > chance + _ROUNDING:
            change, reach = ratio - 1, reach_of_mean(influences)
            means = float(before.mean()), float(after.mean())
            return PairedChange(*means, change, max(change - reach, -1.0), change + reach, reach)
    return typical.change(float(np.median(before)), float(np.median(after)))


def _for_other_starts(found: PairedChange) -> PairedChange:
    """Return a change whose interval has room for what two starts of one program differ by."""
    chance = quantile_of_t(math.inf) * STARTS_DIFFER
    ratio = 1 + found.change
    low, high = found.low, found.high
    if 1 + low > 0:
        low = ratio * math.exp(-math.hypot(math.log(ratio / (1 + low)), chance)) - 1
    if ratio > 0:
        high = ratio * math.exp(math.hypot(math.log((1 + high) / ratio), chance)) - 1
    return replace(found, low=low, high=high, visible=math.expm1(math.hypot(math.log1p(found.visible), chance)))


@dataclass(frozen=True, slots=True)
class _Typical:
    """The typical logarithm of the ratio of a pair, and how far each pair moves it."""

    log: float
    influences: FloatArray

    @classmethod
    def of(cls, before: FloatArray, after: FloatArray) -> "_Typical":
        least = _FAR_OUT * float(np.median(np.maximum(before, after)))
        return cls(*robust_mean(np.log(np.maximum(after, least) / np.maximum(before, least))))

    @property
    def ratio(self) -> float:
        return math.exp(self.log)

    def change(self, a: float, b: float) -> PairedChange:
        """Return it as a change between the medians `a` and `b`."""
        reach = reach_of_mean(self.influences)
        low, high = math.expm1(self.log - reach), math.expm1(self.log + reach)
        middle, root = math.sqrt(a * b), math.exp(self.log / 2)
        between = (middle / root, middle * root) if middle > 0 else (a, b)
        return PairedChange(*between, math.expm1(self.log), low, high, math.expm1(reach))


def _compare_all_requests(
    percentile: float,
    a: Sequence[float | None],
    b: Sequence[float | None],
    times_a: Sequence[Histogram],
    times_b: Sequence[Histogram],
) -> PairedChange | None:
    """Return the change of a percentile of all requests, where it differs from that of the typical slice beyond chance.

    Pairs are resampled in blocks, and the histograms of those that were drawn are merged.
    """
    known = [
        (x, y, of_a, of_b)
        for x, y, of_a, of_b in zip(a, b, times_a, times_b, strict=False)
        if x and y and of_a.count and of_b.count
    ]
    if len(known) < _FEWEST_PAIRS:
        return None
    before, after, all_a, all_b = zip(*known, strict=True)
    typical = _Typical.of(np.array(before, float), np.array(after, float))
    length = block_length(typical.influences)
    weights = np.vstack((np.ones(len(known)), block_weights(len(known), length, _RESAMPLES, _SEED)))
    of_a, of_b = (CumulativeCounts(times).resampled(weights, [percentile])[:, 0] for times in (all_a, all_b))
    logs = np.log(np.maximum(of_b, 1.0) / np.maximum(of_a, 1.0))
    log, drawn = float(logs[0]), logs[1:]
    blocks = len(known) / length
    widening = widening_of(blocks)
    apart = interval_of_draws(drawn - weights[1:] @ typical.influences / len(known), log, widening)
    if apart[0] <= typical.log <= apart[1]:
        return None
    low, high = interval_of_draws(drawn, log, widening)
    percentiles = float(of_a[0]), float(of_b[0])
    reach = math.expm1((high - low) / 2)
    found = PairedChange(*percentiles, math.expm1(log), math.expm1(low), math.expm1(high), reach)
    return _for_other_starts(found)


def _figure_of(metric: str, rounds: Sequence[Round]) -> float | None:
    """Return what stands for a side that cannot be compared."""
    if metric == FAILED_REQUESTS:
        return _share_of_failures(rounds)
    return median_of_known(map(PAIRED_METRICS[metric], rounds))


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
    change, reach = float(share[1] - share[0]), max(reach_of_mean(influences[1] - influences[0]), least)
    return PairedChange(float(share[0]), float(share[1]), change, change - reach, change + reach, reach)
