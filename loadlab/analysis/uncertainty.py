"""Figures over several rounds with their 95 % intervals: medians, and percentiles of merged histograms.

docs/uncertainty.md has the methods, their sources, and how often the intervals hold in simulations
(benchmarks/coverage.py). All of them are deterministic: what is drawn at random is seeded.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loadlab.recording.histogram import Histogram
from loadlab.results.trial import Round

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]

FEWEST_ROUNDS: Final = 3
"""Two rounds say next to nothing about a third: Student's t with one degree of freedom is 12.7."""

# The order statistics of five values are 93.75 % apart at most; from six on there is an interval of 95 %.
_FEWEST_FOR_RANKS: Final = 6
_FEWEST_FOR_DRAWS: Final = 8
_MOST_ALIKE: Final = 0.9
_LEVEL: Final = 0.95
_Z: Final = 1.959964
_RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return self.low, self.high

    @property
    def holds_zero(self) -> bool:
        """Whether it cannot be distinguished from 0."""
        return self.low <= 0 <= self.high

    def scaled(self, factor: float) -> "Estimate":
        """Return it in another unit; `factor` is positive."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def confidence_of(
    rounds: Sequence[Round], histograms: Iterable[tuple[str, Sequence[Histogram]]] = ()
) -> dict[str, tuple[float, float]]:
    """Return `TrialResult.confidence`: the interval of each figure by metric; empty for fewer than three rounds.

    `histograms` are sections such as `response_ns`, with the times of each round; one with no values is left out.
    """
    figures: dict[str, Sequence[float | None]] = {
        "requests_per_second": [each.requests_per_second for each in rounds],
        "target.cpu_ns_per_request": [each.cpu_ns_per_request for each in rounds],
        "client.cpu_ns_per_request": [each.client_cpu_ns_per_request for each in rounds],
    }
    confidence = {}
    for metric, values in figures.items():
        estimate = median_over([value for value in values if value is not None])
        if estimate is not None:
            confidence[metric] = estimate.interval
    for section, of_rounds in histograms:
        for percentile, estimate in percentiles_over(of_rounds, (50, 90, 99, 99.9)).items():
            confidence[f"{section}.p{percentile:g}"] = estimate.interval
    return confidence


def median_over(values: Sequence[float]) -> Estimate | None:
    """Return the median of the values of several rounds, in their order; None for fewer than three.

    From six values on the interval lies between two of them, as far from the median as the binomial distribution says,
    whatever they are distributed like (Hettmansperger and Sheather, Statistics & Probability Letters 4, 1986, pp. 75 to
    79, for the place between two ranks). Below that it is Student's, and covers all values. Where neighbouring rounds
    are alike it is wider by what that costs.
    """
    if len(values) < FEWEST_ROUNDS:
        return None
    median = statistics.median(values)
    if min(values) > 0:
        # Speeds scatter by a share of themselves.
        low, high = _ends_around(math.log(median), [math.log(value) for value in values])
        return Estimate(median, math.exp(low), math.exp(high))
    return Estimate(median, *_ends_around(median, values))


def percentiles_over(rounds: Sequence[Histogram], percentiles: Iterable[float], seed: int = 0) -> dict[float, Estimate]:
    """Return percentiles (0..100) of all values of several rounds, in ns; empty for fewer than three rounds.

    Rounds are resampled as a whole, as the values within one are alike. The interval is the bootstrap's percentile
    interval, widened as Student's t is against the normal distribution: with few rounds it is too narrow otherwise
    (Hesterberg, The American Statistician 69, 2015, pp. 371 to 386). With fewer than eight it covers the percentiles of
    all rounds, too. 200 rounds take 0.1 s.
    """
    measured = [each for each in rounds if each.count]
    wanted = list(percentiles)
    if len(measured) < FEWEST_ROUNDS:
        return {}
    merged = Histogram()
    for each in measured:
        merged.merge(each)
    values = {each: float(ns) for each, ns in merged.values_at(wanted).items()}
    counts = CumulativeCounts(measured)
    drawn = np.log(np.maximum(counts.resampled(_weights_of_rounds(len(measured), seed), wanted), 1.0))
    single = np.log(np.maximum(counts.resampled(np.eye(len(measured)), wanted), 1.0))
    widening = widening_of(len(measured))
    estimates = {}
    for column, percentile in enumerate(wanted):
        centre = math.log(max(values[percentile], 1.0))
        low, high = interval_of_draws(drawn[:, column], centre, widening)
        if len(measured) < _FEWEST_FOR_DRAWS:
            low, high = min(low, float(single[:, column].min())), max(high, float(single[:, column].max()))
        estimates[percentile] = Estimate(values[percentile], math.exp(low), math.exp(high))
    return estimates


def interval_of_draws(drawn: FloatArray, centre: float, widening: float) -> tuple[float, float]:
    """Return the ends of the 95 % interval of what a bootstrap drew, `widening` times as far from the centre."""
    low, high = (float(end) for end in np.quantile(drawn, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2)))
    return centre - widening * max(centre - low, 0.0), centre + widening * max(high - centre, 0.0)


def quantile_of_t(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t, to 0.1 % (Abramowitz and Stegun, 26.7.5; exact below 3)."""
    if freedom < 2:
        return 12.706
    if freedom < 3:
        return 4.303
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def widening_of(resampled: float) -> float:
    """Return by what a percentile interval of a bootstrap over so many independent parts is too narrow."""
    return quantile_of_t(resampled - 1) / _Z * math.sqrt(resampled / (resampled - 1))


class CumulativeCounts:
    """The cumulative counts of several histograms over the buckets that any of them has in use, a row for each."""

    def __init__(self, histograms: Sequence[Histogram]) -> None:
        filled = [each.filled_buckets() for each in histograms]
        self._tops = np.unique(np.concatenate([tops for tops, _ in filled]))
        counts = np.zeros((len(filled), len(self._tops)))
        for row, (tops, count) in zip(counts, filled, strict=True):
            row[np.searchsorted(self._tops, tops)] = count
        self._up_to = counts.cumsum(axis=1)

    def resampled(self, weights: FloatArray, percentiles: Sequence[float]) -> FloatArray:
        """Return the percentiles, in ns, of the histograms merged with each row of whole-numbered `weights`."""
        drawn = weights @ self._up_to
        ranks = np.column_stack([_ranks_of(each, drawn[:, -1]) for each in percentiles])
        values = np.zeros(ranks.shape)
        for row, up_to, wanted in zip(values, drawn, ranks, strict=True):
            row[:] = self._tops[np.minimum(np.searchsorted(up_to, wanted), len(self._tops) - 1)]
        return values


def _ranks_of(percentile: float, counts: FloatArray) -> npt.NDArray[np.int64]:
    """Return what `rank_of` returns for each count, all at once."""
    part = Fraction(str(percentile)) / 100
    ranks: npt.NDArray[np.int64] = np.maximum(
        -(-np.rint(counts).astype(np.int64) * part.numerator // part.denominator), 1
    )
    return ranks


def _weights_of_rounds(rounds: int, seed: int) -> FloatArray:
    draw = np.random.default_rng(seed)
    return draw.multinomial(rounds, np.full(rounds, 1 / rounds), _RESAMPLES).astype(float)


def _ends_around(median: float, values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    low, high = _by_ranks(ordered) if len(values) >= _FEWEST_FOR_RANKS else _by_student(ordered)
    wider = math.sqrt(_cost_of_alikeness(values))
    return median - wider * (median - low), median + wider * (high - median)


def _by_ranks(ordered: Sequence[float]) -> tuple[float, float]:
    count, rank, coverage = len(ordered), 1, 1 - 2 * 0.5 ** len(ordered)
    # `coverage` is that of the interval from the value of this rank to the one as far from the other end.
    while (narrower := coverage - 2 * math.comb(count, rank) * 0.5**count) >= _LEVEL:
        rank, coverage = rank + 1, narrower
    excess = (coverage - _LEVEL) / (coverage - narrower)
    inwards = (count - rank) * excess / (rank + (count - 2 * rank) * excess)
    low = (1 - inwards) * ordered[rank - 1] + inwards * ordered[rank]
    high = (1 - inwards) * ordered[count - rank] + inwards * ordered[count - rank - 1]
    return low, high


def _by_student(ordered: Sequence[float]) -> tuple[float, float]:
    mean = statistics.fmean(ordered)
    reach = quantile_of_t(len(ordered) - 1) * statistics.stdev(ordered) / math.sqrt(len(ordered))
    return min(mean - reach, ordered[0]), max(mean + reach, ordered[-1])


def _cost_of_alikeness(values: Sequence[float]) -> float:
    """Return how many rounds that are alike say as much as one, by an autoregressive process of the first order.

    The autocorrelation of a few values is estimated too low by one over their number (Kendall, Biometrika 41, 1954).
    """
    centred = np.array(values) - statistics.fmean(values)
    scatter = float(centred @ centred)
    if scatter <= 0 or len(values) < _FEWEST_FOR_RANKS:
        return 1.0
    alike = float(centred[1:] @ centred[:-1]) / scatter + 1 / len(values)
    alike = min(max(alike, 0.0), _MOST_ALIKE)
    return (1 + alike) / (1 - alike)
