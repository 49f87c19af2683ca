"""Counts of several histograms at once, and as bytes, against the package's own."""

from collections.abc import Sequence

import numpy as np
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.buckets import BUCKETS, HIGHEST_NS, BucketRows, pack, unpack

values_in_range = st.integers(0, 10**6) | st.integers(0, HIGHEST_NS)


def counts_of(packed: bytes) -> dict[int, int]:
    filled, counts = unpack(packed)
    return dict(zip(filled.tolist(), counts.tolist(), strict=True))


def counted_one_by_one(values: Sequence[int]) -> dict[int, int]:
    hdr = HdrHistogram(1, HIGHEST_NS, 3)
    for value in values:
        hdr.record_value(value)
    return {index: count for index, count in enumerate(hdr.counts) if count}


def test_there_are_as_many_buckets_as_in_the_package() -> None:
    assert len(HdrHistogram(1, HIGHEST_NS, 3).counts) == BUCKETS


@given(counts=st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 10**12)))
def test_packed_counts_are_the_same_when_unpacked(counts: dict[int, int]) -> None:
    filled = sorted(counts)
    packed = pack(np.array(filled, np.int64), np.array([counts[index] for index in filled], np.int64))
    assert counts_of(packed) == counts


def test_neighbours_with_small_counts_take_two_bytes_each() -> None:
    assert len(pack(np.arange(20_000, 20_100), np.full(100, 255))) < 210


@given(pairs=st.lists(st.tuples(values_in_range, values_in_range), max_size=30), times=st.integers(1, 3))
def test_rows_are_counted_apart(pairs: list[tuple[int, int]], times: int) -> None:
    rows = BucketRows(3)
    for _ in range(times):
        rows.fold([2, 0], np.array(pairs, np.int64).reshape(-1, 2).T)
    first, second = ([pair[line] for pair in pairs] * times for line in (0, 1))
    assert counts_of(rows.drain(2)) == counted_one_by_one(first)
    assert counts_of(rows.drain(0)) == counted_one_by_one(second)
    assert rows.drain(1) == rows.drain(2) == b""  # nothing came, and nothing is left


def test_what_is_out_of_range_is_counted_in_its_row_only() -> None:
    rows = BucketRows(2)
    rows.fold([0, 1], np.array([[-1, HIGHEST_NS + 1, 7], [5, 5, 5]]))
    assert rows.out_of_range == [2, 0]
    assert counts_of(rows.drain(0)) == {7: 1}
    assert counts_of(rows.drain(1)) == {5: 3}


def test_a_row_is_repeated_onto_others_and_emptied() -> None:
    rows = BucketRows(4)
    rows.fold([0], np.array([[7, 8]]))
    rows.fold([3], np.array([[8, 8, -1]]))
    rows.repeat(3, onto=(0, 1), zeros=2)
    assert rows.out_of_range == [1, 1, 0, 0]
    assert [counts_of(rows.drain(row)) for row in range(4)] == [{7: 1, 8: 3}, {8: 2}, {0: 2}, {}]
