"""When requests are to arrive: the schedule of the open model, as plain numbers. Nothing here knows a clock.

The rate over time, integrated, says how many requests should have arrived by then. An arrival process is a row of
points on that count: whole numbers if arrivals are constant, sums of exponentially distributed steps if they are a
Poisson process. Inverting the integral gives the time of each point. So a ramp needs no process of its own, and a
Poisson process with a changing rate is exact (time rescaling; Daley and Vere-Jones, An
Introduction to the Theory of Point Processes, section 7.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

_SECOND_NS: Final = 1_000_000_000
# Points computed at once: 0.05 us each, and so a pause of 0.05 ms.
_AT_ONCE: Final = 1024

Seed = int | np.random.SeedSequence
"""What fixes a stream of random numbers. Streams of one seed that must not go in step are spawned from it."""

ArrivalProcess = Literal["constant", "poisson"]
ThinkTimes = Literal["constant", "exponential"]


@dataclass(frozen=True, slots=True)
class Ramp:
    """A stretch of the schedule over which the rate (requests/s) goes evenly from one value to another, or the same."""

    duration_ns: int
    from_rate: float
    to_rate: float

    @property
    def arrivals(self) -> float:
        """How many requests it holds, on average."""
        return self.duration_ns / _SECOND_NS * (self.from_rate + self.to_rate) / 2


def arrival_times_ns(
    ramps: Sequence[Ramp], process: ArrivalProcess, seed: int, share: int = 0, shares: int = 1
) -> Iterator[int]:
    """Yield the arrivals of one of `shares` equal parts of a schedule, in ns from its start, without end.

    After the last ramp its last rate goes on; the arrivals end if that is 0. Of constant arrivals each part has every
    `shares`-th one, so nothing is lost or doubled between them; of a Poisson process each is one of its own at its part
    of the rate, and together they are one again.
    """
    schedule = _Schedule(ramps)
    for points in _points(process, np.random.default_rng([seed, share]), share, shares):
        times = schedule.times_ns(points)
        yield from times.tolist()
        if len(times) < len(points):
            return


def _points(
    process: ArrivalProcess, random: np.random.Generator, share: int, shares: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the points on the count of arrivals, in rows."""
    reached = 0.0
    while True:
        if process == "constant":
            yield reached + share + shares * np.arange(_AT_ONCE, dtype=np.float64)
            reached += shares * _AT_ONCE
        else:
            row = reached + shares * np.cumsum(random.exponential(size=_AT_ONCE))
            reached = row[-1]
            yield row


class _Schedule:
    """The ramps, and how many arrivals lie before each."""

    def __init__(self, ramps: Sequence[Ramp]) -> None:
        final = ramps[-1].to_rate
        endless = Ramp(365 * 24 * 3600 * _SECOND_NS, final, final)
        lasting = [ramp for ramp in (*ramps, endless) if ramp.duration_ns]
        self._before = np.concatenate(([0.0], np.cumsum([ramp.arrivals for ramp in lasting])))
        self._starts_ns = np.concatenate(([0], np.cumsum([ramp.duration_ns for ramp in lasting])))
        self._from_rate = np.array([ramp.from_rate for ramp in lasting], dtype=np.float64)
        self._slope = np.array([(ramp.to_rate - ramp.from_rate) * _SECOND_NS / ramp.duration_ns for ramp in lasting])

    def times_ns(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return when the count of arrivals passes each point; points beyond the last arrival are left out."""
        within = points[points < self._before[-1]]
        ramp = np.searchsorted(self._before, within, side="right") - 1
        count, rate, slope = within - self._before[ramp], self._from_rate[ramp], self._slope[ramp]
        # The positive root of rate t + slope t^2 / 2 = count, in the form that also holds for a slope of 0. Where the
        # rate falls to 0 at the end of a ramp, rounding may carry the last point a hair beyond it.
        root = rate + np.sqrt(np.maximum(rate * rate + 2 * slope * count, 0.0))
        seconds = np.divide(2 * count, root, out=np.zeros_like(count), where=root > 0)
        times_ns: NDArray[np.int64] = self._starts_ns[ramp] + np.rint(seconds * _SECOND_NS).astype(np.int64)
        return times_ns
