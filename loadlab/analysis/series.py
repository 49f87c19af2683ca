"""The mean of a series in which neighbours are alike, as slices of one machine are, and how certain it is."""

import math
from typing import Final

import numpy as np

from loadlab.analysis.uncertainty import FloatArray, quantile_of_t

# Beyond so many standard deviations a deviation counts as if it were there. Huber, Robust Statistics (1981), ch. 4: it
# costs 5 % of the precision where the noise is normal; where a few slices meet another process it doubles it.
_HUBER: Final = 1.345
_MAD_OF_NORMAL: Final = 1.4826
_ITERATIONS: Final = 50
_SETTLED: Final = 1e-9


def robust_mean(values: FloatArray) -> tuple[float, FloatArray]:
    """Return Huber's M-estimate, and how far each value moves it: the mean of these has the estimate's scatter."""
    centre = float(np.median(values))
    limit = _HUBER * _MAD_OF_NORMAL * float(np.median(np.abs(values - centre)))
    if limit == 0:
        return centre, values - centre
    for _ in range(_ITERATIONS):
        weights = limit / np.maximum(np.abs(values - centre), limit)
        before, centre = centre, float((weights * values).sum() / weights.sum())
        if abs(centre - before) < _SETTLED * limit:
            break
    deviations = values - centre
    return centre, np.clip(deviations, -limit, limit) / np.mean(np.abs(deviations) < limit)


def reach_of_mean(influences: FloatArray) -> float:
    """Return the half-width of the 95 % interval of a mean, from how far each value of the series moves it.

    It comes from the scatter of the means of all circular blocks, which is what the circular block bootstrap (Politis
    and Romano, in Exploring the Limits of Bootstrap, 1992) would find with endless draws; with Student's t by the
    number of blocks, as few of them say little.
    """
    count, length = len(influences), block_length(influences)
    up_to = np.cumsum(np.concatenate(([0.0], influences, influences[:length])))
    means = (up_to[length : length + count] - up_to[:count]) / length
    blocks = count / length
    return quantile_of_t(blocks - 1) * float(means.std()) / math.sqrt(blocks - 1)


def block_weights(count: int, length: int, draws: int, seed: int) -> FloatArray:
    """Return how often each of `count` neighbours is drawn, in circular blocks, a row for each draw."""
    generator = np.random.default_rng(seed)
    firsts = generator.integers(0, count, (draws, math.ceil(count / length)))
    drawn = (firsts[:, :, None] + np.arange(length)) % count
    weights = np.zeros((draws, count))
    np.add.at(weights, (np.arange(draws)[:, None], drawn.reshape(draws, -1)[:, :count]), 1)
    return weights


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
