"""Delays of known distribution, without sampling error: every cycle holds the same values, in another order.

A sample drawn at random has percentiles near those of its distribution; how near is chance. Here each cycle of n delays
is made of the quantiles at (i + 1/2) / n, and only their order is drawn. So over whole cycles every percentile is known
beforehand, to within one step of the cycle (of 1,000, say: a tenth of a percentage point).
"""

import math
import random
from collections.abc import Callable, Iterator

QUANTILES: dict[str, Callable[[float], float]] = {
    "exponential": lambda probability: -math.log1p(-probability),
    "uniform": lambda probability: 2 * probability,
}
"""Name -> quantile function of the distribution of that name with mean 1; the uniform one begins at 0."""


def delays_ns(distribution: str, mean_ns: int, cycle: int, seed: int) -> Iterator[int]:
    """Yield delays without end: in each `cycle` of them all its quantiles, in an order drawn with `seed`."""
    quantile = QUANTILES[distribution]
    delays = [round(mean_ns * quantile((i + 0.5) / cycle)) for i in range(cycle)]
    order = random.Random(seed)
    while True:
        order.shuffle(delays)
        yield from delays
