"""HdrHistogram's buckets as plain arrays: times to buckets, counts of several histograms at once, counts to bytes.

What a load worker fills in its measured window. Numpy costs 1 to 3 us a call, more than a hundred values do; so the
times of all metrics are counted by the same few calls, and what is empty is never looked at.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HIGHEST_NS: Final = 3_600_000_000_000
"""The largest value that is counted: an hour."""

# HdrHistogram with 3 digits: 2048 sub-buckets in the first bucket, 1024 in each further one (its paper calls the
# latter the half count). Indexes below follow from these two numbers.
SUB_BUCKET_BITS: Final = 11
HALF_BITS: Final = SUB_BUCKET_BITS - 1
BUCKETS: Final = 33_792
_HEAD: Final = struct.Struct("<HBB")
_NO_COUNTS: Final = b""


def buckets_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of the bucket of each value, all of which must be in range."""
    # The bit length of each value: frexp is exact here, as one hour of nanoseconds is below 2**53.
    bucket = np.maximum(np.frexp(values_ns)[1] - SUB_BUCKET_BITS, 0).astype(np.int64)
    indexes: NDArray[np.int64] = (bucket << HALF_BITS) + (values_ns >> bucket)
    return indexes


def pack(filled: NDArray[np.int64], counts: NDArray[np.int64]) -> bytes:
    """Return the buckets in use, in order, and their counts, as bytes; `unpack` reads them.

    First come the first bucket and the sizes of what follows: each further bucket as its distance from the one before,
    and the counts. Both are a byte each as a rule, so compressing them saves little and takes ten times as long.
    """
    if not len(filled):
        return _NO_COUNTS
    distances = np.diff(filled)
    distance_bytes, count_bytes = _item_bytes(distances), _item_bytes(counts)
    head = _HEAD.pack(int(filled[0]), distance_bytes, count_bytes)
    return head + distances.astype(f"<u{distance_bytes}").tobytes() + counts.astype(f"<u{count_bytes}").tobytes()


def unpack(packed: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the buckets in use and their counts."""
    if packed == _NO_COUNTS:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first, distance_bytes, count_bytes = _HEAD.unpack_from(packed)
    steps = (len(packed) - _HEAD.size - count_bytes) // (distance_bytes + count_bytes)
    distances = np.frombuffer(packed, f"<u{distance_bytes}", steps, _HEAD.size)
    counts = np.frombuffer(packed, f"<u{count_bytes}", steps + 1, _HEAD.size + steps * distance_bytes)
    filled = np.concatenate(([first], distances.astype(np.int64))).cumsum()
    return filled, counts.astype(np.int64)


class BucketRows:
    """The counts of several histograms, a row for each. Values out of range are counted in `out_of_range` only."""

    __slots__ = ("_counts", "_end", "_flat", "out_of_range", "totals")

    def __init__(self, rows: int) -> None:
        self._counts = np.zeros((rows, BUCKETS), np.int64)
        self._flat = self._counts.ravel()
        self._end = 0  # behind the last bucket that was ever in use
        self.totals = [0] * rows
        self.out_of_range = [0] * rows

    def fold(self, rows: Sequence[int], values_ns: NDArray[np.int64]) -> None:
        """Add values in nanoseconds: `values_ns` has a line for each of `rows`."""
        if not values_ns.size:
            return
        if values_ns.min() < 0 or values_ns.max() > HIGHEST_NS:
            for row, values in zip(rows, values_ns, strict=True):
                in_range = values[(values >= 0) & (values <= HIGHEST_NS)]
                self.out_of_range[row] += len(values) - len(in_range)
                self._add([row], in_range[None])
        else:
            self._add(rows, values_ns)

    def repeat(self, row: int, onto: Sequence[int], zeros: int) -> None:
        """Add the counts of a row to others, and as many values of 0 to another one; empty that row."""
        if self.totals[row]:
            filled, counts = self._take(row)
            for other in onto:
                self._counts[other][filled] += counts
                self.totals[other] += self.totals[row]
            self._counts[zeros][0] += self.totals[row]
            self.totals[zeros] += self.totals[row]
        for other in onto:
            self.out_of_range[other] += self.out_of_range[row]
        self.totals[row] = self.out_of_range[row] = 0

    def drain(self, row: int) -> bytes:
        """Empty a row and return what `pack` makes of it."""
        packed = pack(*self._take(row)) if self.totals[row] else _NO_COUNTS
        self.totals[row] = self.out_of_range[row] = 0
        return packed

    def _add(self, rows: Sequence[int], values_ns: NDArray[np.int64]) -> None:
        if not values_ns.size:
            return
        indexes = buckets_of(values_ns)
        self._end = max(self._end, int(indexes.max()) + 1)
        indexes += np.multiply(rows, BUCKETS)[:, None]
        np.add.at(self._flat, indexes.ravel(), 1)
        for row in rows:
            self.totals[row] += values_ns.shape[1]

    def _take(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the buckets in use and their counts, and set them to 0."""
        in_use = self._counts[row, : self._end]
        filled = np.flatnonzero(in_use != 0)  # a quarter of the time of flatnonzero on the counts themselves
        counts = in_use[filled]
        in_use[filled] = 0
        return filled, counts


def _item_bytes(numbers: NDArray[Any]) -> int:
    return int(np.min_scalar_type(numbers.max(initial=0)).itemsize)
