"""Latency histograms: HdrHistogram's counts, filled many values at a time with numpy.

The layout (3 significant digits, 1 ns to 1 hour) and the log format are HdrHistogram's own, so that any of its tools
reads what loadlab writes. Recording one value through the package costs 0.8 to 1.5 us; the same value costs 0.02 to
0.1 us when hundreds are folded in at once (benchmarks/recording.py).
"""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadlab.recording.buckets import HALF_BITS, HIGHEST_NS, SUB_BUCKET_BITS, buckets_of, pack, unpack

_SIGNIFICANT_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class PercentilePoint:
    """A step of the percentile curve: `percentile` of all values are at most `value_ns`; `count` is cumulative."""

    percentile: float
    value_ns: int
    count: int


class Histogram:
    """Counts of times in nanoseconds, exact to 3 significant digits, of fixed size.

    Values below 0 or above one hour are counted in `out_of_range`, and nowhere else. `hdr` is the package's own object
    over the same counts, for its log writer.
    """

    __slots__ = ("_counts", "hdr", "out_of_range")

    def __init__(self, hdr: HdrHistogram | None = None) -> None:
        self.hdr = hdr if hdr is not None else HdrHistogram(1, HIGHEST_NS, _SIGNIFICANT_DIGITS)
        # A view, not a copy: what is added here the package sees when it encodes or asks for a percentile. Signed, as
        # adding to unsigned counts goes through floating point: 47 ns a value instead of 3.
        self._counts = np.ctypeslib.as_array(self.hdr.counts).view(np.int64)
        self.out_of_range = 0

    @property
    def count(self) -> int:
        """Number of values in range."""
        return int(self.hdr.total_count)

    @property
    def max_ns(self) -> int:
        """Largest value, 0 if there is none."""
        return int(self.hdr.max_value) if self.count else 0

    @property
    def mean_ns(self) -> float:
        """Mean of the values as recorded (each at the middle of its bucket), 0 if there is none."""
        # The package's own way costs 40 ms, a step of Python for each bucket there is.
        filled = self._filled()
        bucket = np.maximum((filled >> HALF_BITS) - 1, 0)
        middle_ns = ((filled - (bucket << HALF_BITS)) << bucket) + (1 << bucket >> 1)
        return float(np.dot(self._counts[filled], middle_ns) / self.count) if self.count else 0.0

    def fold(self, values_ns: Sequence[int] | NDArray[np.int64]) -> None:
        """Add many values, in nanoseconds, in one go."""
        if not len(values_ns):
            return
        values = np.asarray(values_ns, dtype=np.int64)
        lowest, highest = int(values.min()), int(values.max())
        if lowest < 0 or highest > HIGHEST_NS:
            in_range = values[(values >= 0) & (values <= HIGHEST_NS)]
            self.out_of_range += len(values) - len(in_range)
            if not len(in_range):
                return
            values, lowest, highest = in_range, int(in_range.min()), int(in_range.max())
        np.add.at(self._counts, buckets_of(values), 1)
        self.hdr.total_count += len(values)
        self.hdr.min_value = min(self.hdr.min_value, lowest)
        self.hdr.max_value = max(self.hdr.max_value, highest)

    def add(self, value_ns: int, count: int) -> None:
        """Add one value `count` times."""
        if not 0 <= value_ns <= HIGHEST_NS:
            self.out_of_range += count
        elif count:
            self.hdr.record_value(value_ns, count)

    def merge(self, other: "Histogram") -> None:
        """Add the counts of `other`: exact, since both have the same layout."""
        self.out_of_range += other.out_of_range
        if other.count:
            self._counts[: len(other._counts)] += other._counts
            self.hdr.total_count += other.count
            self.hdr.min_value = min(self.hdr.min_value, other.hdr.min_value)
            self.hdr.max_value = max(self.hdr.max_value, other.hdr.max_value)

    def clear(self) -> None:
        """Forget all values."""
        self._counts[:] = 0
        self.hdr.set_internal_tacking_values(-1, -1, 0)
        self.hdr.min_value, self.hdr.max_value = sys.maxsize, 0
        self.out_of_range = 0

    def drain(self) -> bytes:
        """Empty the histogram and return its counts for `absorb`."""
        filled = self._filled()
        packed = pack(filled, self._counts[filled])
        self.clear()
        return packed

    def absorb(self, drained: bytes) -> None:
        """Add the counts that `drain` returned, if any. The smallest and largest value are known by their bucket."""
        indexes, counts = unpack(drained)
        if len(indexes):
            self._counts[indexes] += counts
            filled = self._filled()
            self.hdr.set_internal_tacking_values(int(filled[0]), int(filled[-1]), self.count + int(counts.sum()))

    def values_at(self, percentiles: Iterable[float]) -> dict[float, int]:
        """Return {percentile (0..100): value in ns} by nearest rank: p of n values is the one at rank ceil(p n / 100).

        The ranks are exact for the percentiles as they are written: 99.9 of 1,000 values is the 999th, whatever binary
        fraction stands for 99.9. HdrHistogram for Java reads them like this too; its Python package rounds to the
        nearer rank, so p90 of nine values is the eighth.
        """
        if not self.count:
            return {}
        ranked = _Ranked(self)
        return {each: ranked.value_ns(ranked.position(rank_of(each, self.count))) for each in percentiles}

    def count_above(self, value_ns: int) -> int:
        """Return how many values lie above `value_ns`, and not in the same bucket as it."""
        bucket = max(value_ns.bit_length() - SUB_BUCKET_BITS, 0)
        return int(self._counts[(bucket << HALF_BITS) + (value_ns >> bucket) + 1 :].sum())

    def filled_buckets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the highest value of each bucket in use, in ns and in their order, and how many values it holds."""
        filled = self._filled()
        bucket = np.maximum((filled >> HALF_BITS) - 1, 0)
        tops: NDArray[np.int64] = ((filled - (bucket << HALF_BITS) + 1) << bucket) - 1
        return tops, self._counts[filled]

    def percentile_curve(self, steps_per_halving: int = 5) -> Iterator[PercentilePoint]:
        """Yield the curve of HdrHistogram's own plots: `steps_per_halving` points each time the rest halves.

        It ends where all values have been counted, with a last point at 100.
        """
        if not self.count:
            return
        ranked, percentile = _Ranked(self), 0.0
        while True:
            position = ranked.position(rank_of(percentile, self.count))
            yield ranked.point(percentile, position)
            if position == ranked.last:
                break
            halvings = math.floor(math.log2(100 / (100 - percentile)))
            percentile += 100 / (steps_per_halving * 2 ** (halvings + 1))
        yield ranked.point(100.0, ranked.last)

    def encode(self) -> str:
        """Return the counts in HdrHistogram's V2 compressed form, base64. `out_of_range` is not part of it."""
        return str(self.hdr.encode(), "ascii")

    @classmethod
    def decode(cls, encoded: str) -> "Histogram":
        """Read what `encode` wrote, or any HdrHistogram tool with this layout. Raises ValueError for another one."""
        hdr = HdrHistogram.decode(encoded)
        if (hdr.highest_trackable_value, hdr.significant_figures) != (HIGHEST_NS, _SIGNIFICANT_DIGITS):
            raise ValueError("a histogram of another range or precision")
        return cls(hdr)

    def _filled(self) -> NDArray[np.int64]:
        """Return the indexes of the buckets in use."""
        return np.flatnonzero(self._counts != 0)  # a quarter of the time of flatnonzero on the counts themselves


def rank_of(percentile: float, count: int) -> int:
    """Return the rank (1..count) of a percentile (0..100) among `count` values, exactly; that of 0 is 1."""
    part, of = _share(percentile)
    return max(1, -(-count * part // of))


@lru_cache(maxsize=4096)
def _share(percentile: float) -> tuple[int, int]:
    """A percentile as a fraction, of what is written and not of what the binary fraction stands for."""
    return (Fraction(str(percentile)) / 100).as_integer_ratio()


class _Ranked:
    """The filled buckets of a histogram in the order of their values; a position is an index into them."""

    def __init__(self, histogram: Histogram) -> None:
        filled = histogram._filled()
        self._hdr = histogram.hdr
        self._max_ns = histogram.max_ns
        self._filled = filled
        self._up_to = np.cumsum(histogram._counts[filled])
        self.last = len(filled) - 1

    def position(self, rank: int) -> int:
        """Return where the value of a rank lies."""
        return int(np.searchsorted(self._up_to, rank))

    def value_ns(self, position: int) -> int:
        """Return the highest value there; no more than the largest seen, above which the top of a bucket may lie."""
        lowest = self._hdr.get_value_from_index(int(self._filled[position]))
        return min(int(self._hdr.get_highest_equivalent_value(lowest)), self._max_ns)

    def point(self, percentile: float, position: int) -> PercentilePoint:
        """Return the point of the percentile curve there."""
        return PercentilePoint(percentile, self.value_ns(position), int(self._up_to[position]))
