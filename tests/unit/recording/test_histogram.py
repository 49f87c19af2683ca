"""Histograms: the package's own counts, whichever way values come in, and nothing lost on the way out."""

import math
import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.recording.buckets import HIGHEST_NS
from loadlab.recording.histogram import Histogram

EDGES = [0, 1, 2, 1_023, 1_024, 2_047, 2_048, 2_049, 4_095, 4_096, 4_097, 2**32 - 1, 2**32, HIGHEST_NS - 1, HIGHEST_NS]

values_in_range = st.one_of(st.sampled_from(EDGES), st.integers(0, 5_000), st.integers(0, HIGHEST_NS))


def recorded_one_by_one(values: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(1, HIGHEST_NS, 3)
    for value in values:
        assert histogram.record_value(value)
    return histogram


def folded(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.fold(values)
    return histogram


def assert_same_counts(histogram: Histogram, expected: HdrHistogram) -> None:
    assert list(histogram.hdr.counts) == list(expected.counts)
    assert histogram.count == expected.total_count


def assert_same(histogram: Histogram, expected: HdrHistogram) -> None:
    assert_same_counts(histogram, expected)
    assert histogram.hdr.min_value == expected.min_value
    assert histogram.hdr.max_value == expected.max_value


@pytest.mark.parametrize("value", EDGES)
def test_one_value_is_counted_where_the_package_counts_it(value: int) -> None:
    assert_same(folded([value]), recorded_one_by_one([value]))


@pytest.mark.parametrize("seed", range(3))
def test_many_values_are_counted_where_the_package_counts_them(seed: int) -> None:
    generator = random.Random(seed)
    values = [int(2 ** generator.uniform(0, 41)) for _ in range(20_000)]
    histogram = Histogram()
    for first in range(0, len(values), 777):
        histogram.fold(values[first : first + 777])
    assert_same(histogram, recorded_one_by_one(values))


@given(values=st.lists(values_in_range, max_size=30))
def test_any_values_are_counted_where_the_package_counts_them(values: list[int]) -> None:
    assert_same(folded(values), recorded_one_by_one(values))


def test_an_empty_histogram_has_no_values() -> None:
    histogram = folded([])
    assert (histogram.count, histogram.max_ns, histogram.mean_ns, histogram.out_of_range) == (0, 0, 0, 0)
    assert histogram.values_at([50, 99]) == {}
    assert list(histogram.percentile_curve()) == []


@pytest.mark.parametrize("outside", [-1, -(10**18), HIGHEST_NS + 1, 10**18])
def test_a_value_out_of_range_is_counted_apart(outside: int) -> None:
    histogram = folded([1_000, outside, 2_000])
    assert histogram.out_of_range == 1
    assert_same(histogram, recorded_one_by_one([1_000, 2_000]))


def test_values_that_are_all_out_of_range_leave_the_rest_empty() -> None:
    histogram = folded([-1, HIGHEST_NS + 1])
    assert (histogram.count, histogram.out_of_range, histogram.max_ns) == (0, 2, 0)


@given(value=values_in_range, count=st.integers(1, 10**9))
def test_add_counts_one_value_many_times(value: int, count: int) -> None:
    histogram, expected = Histogram(), HdrHistogram(1, HIGHEST_NS, 3)
    histogram.add(value, count)
    expected.record_value(value, count)
    assert_same(histogram, expected)


@pytest.mark.parametrize("outside", [-1, HIGHEST_NS + 1, 10**18])
def test_add_counts_what_is_out_of_range_apart_like_fold(outside: int) -> None:
    histogram = Histogram()
    histogram.add(outside, 7)
    assert (histogram.count, histogram.out_of_range) == (0, 7)


def test_the_largest_value_is_not_exceeded_by_what_is_shown_of_it() -> None:
    histogram = folded([10_000_001])
    assert histogram.max_ns == 10_000_001
    assert histogram.values_at([100]) == {100: 10_000_001}


def test_the_mean_is_that_of_the_values_to_three_digits() -> None:
    values = [1_000_000, 2_000_000, 6_000_000]
    assert folded(values).mean_ns == pytest.approx(3_000_000, rel=1e-3)


@given(first=st.lists(values_in_range, max_size=20), second=st.lists(values_in_range, max_size=20))
def test_merging_is_the_same_as_recording_all_in_one(first: list[int], second: list[int]) -> None:
    merged = folded(first)
    merged.merge(folded(second))
    assert_same(merged, recorded_one_by_one(first + second))


def test_merging_adds_what_was_out_of_range_and_leaves_the_other_as_it_was() -> None:
    merged, other = folded([1, -1]), folded([2, -1, -1])
    merged.merge(other)
    assert (merged.count, merged.out_of_range) == (2, 3)
    assert (other.count, other.out_of_range) == (1, 2)


@given(first=st.lists(values_in_range, max_size=20), second=st.lists(values_in_range, max_size=20))
def test_what_is_drained_can_be_absorbed_elsewhere(first: list[int], second: list[int]) -> None:
    absorbing = Histogram()
    for values in (first, second):
        absorbing.absorb(folded(values).drain())
    expected = recorded_one_by_one(first + second)
    assert_same_counts(absorbing, expected)
    assert absorbing.max_ns == expected.get_max_value()
    assert absorbing.hdr.get_min_value() == expected.get_min_value()


def test_nothing_can_be_absorbed() -> None:
    histogram = folded([7])
    histogram.absorb(b"")
    histogram.absorb(Histogram().drain())
    assert_same(histogram, recorded_one_by_one([7]))


def test_a_drained_histogram_is_as_good_as_new() -> None:
    histogram = folded([5, 10**9, -1])
    histogram.drain()
    assert (histogram.count, histogram.out_of_range) == (0, 0)
    assert_same(histogram, HdrHistogram(1, HIGHEST_NS, 3))
    histogram.fold([7])
    assert_same(histogram, recorded_one_by_one([7]))


def test_percentiles_and_mean_survive_draining_and_absorbing() -> None:
    values = [number * 1_000 for number in range(1, 1_001)]
    absorbing = Histogram()
    absorbing.absorb(folded(values[:500]).drain())
    absorbing.absorb(folded(values[500:]).drain())
    whole = folded(values)
    assert absorbing.values_at([1, 50, 99]) == whole.values_at([1, 50, 99])
    assert absorbing.mean_ns == whole.mean_ns


@given(values=st.lists(values_in_range, min_size=1, max_size=30))
def test_encoding_keeps_every_count(values: list[int]) -> None:
    decoded = Histogram.decode(folded(values).encode())
    expected = recorded_one_by_one(values)
    assert decoded.count == expected.total_count
    assert decoded.max_ns == expected.get_max_value()
    again = Histogram()
    again.merge(decoded)
    assert_same_counts(again, expected)


def test_the_package_reads_what_is_encoded_and_the_other_way_round() -> None:
    values = [1, 2_048, 10**6, 10**9, HIGHEST_NS]
    theirs = recorded_one_by_one(values)
    assert HdrHistogram.decode(folded(values).encode()).get_total_count() == 5
    assert Histogram.decode(theirs.encode()).values_at([100]) == {100: theirs.get_max_value()}


def test_decoded_histograms_can_be_merged_into_each_other() -> None:
    small, large = Histogram.decode(folded([1]).encode()), Histogram.decode(folded([HIGHEST_NS]).encode())
    small.merge(large)
    assert_same_counts(small, recorded_one_by_one([1, HIGHEST_NS]))


@given(values=st.lists(values_in_range, min_size=1, max_size=200), percentile=st.floats(0.001, 100))
def test_a_percentile_is_that_of_the_sorted_values_to_three_digits(values: list[int], percentile: float) -> None:
    rank = max(1, math.ceil(Decimal(str(percentile)) * len(values) / 100))
    exact = sorted(values)[rank - 1]
    found = folded(values).values_at([percentile])[percentile]
    assert exact <= found <= exact * 1.001 + 1


# Each of the first 1,000 whole numbers has a bucket of its own, so that the value at a rank is the rank.
@pytest.mark.parametrize(("percentile", "per_mille"), [(50, 500), (90, 900), (99, 990), (99.9, 999)])
def test_a_percentile_is_the_nearest_rank_for_every_number_of_values(percentile: float, per_mille: int) -> None:
    histogram = Histogram()
    for count in range(1, 1_001):
        histogram.add(count, 1)
        rank = -(-per_mille * count // 1_000)
        assert histogram.values_at([percentile]) == {percentile: rank}, count


@pytest.mark.parametrize(("first", "second"), [(1, 8), (500, 500), (33, 966)])
def test_a_percentile_is_the_nearest_rank_after_merging_absorbing_and_decoding(first: int, second: int) -> None:
    low, high = range(1, first + 1), range(first + 1, first + second + 1)
    merged, absorbing = folded(list(high)), Histogram()
    merged.merge(folded(list(low)))
    for part in (low, high):
        absorbing.absorb(folded(list(part)).drain())
    count = first + second
    ranks = {50: (count + 1) // 2, 90: -(-9 * count // 10), 99: -(-99 * count // 100), 99.9: -(-999 * count // 1_000)}
    for histogram in (merged, absorbing, Histogram.decode(merged.encode())):
        assert histogram.values_at(ranks) == ranks


@given(values=st.lists(values_in_range, max_size=60), limit=values_in_range)
def test_values_above_a_limit_are_counted_but_for_those_in_its_bucket(values: list[int], limit: int) -> None:
    bucket_top = HdrHistogram(1, HIGHEST_NS, 3).get_highest_equivalent_value(limit)
    assert folded(values).count_above(limit) == sum(value > bucket_top for value in values)


def test_the_ninetieth_percentile_of_nine_is_the_largest() -> None:
    assert folded([10_000_000] * 8 + [300_000_000]).values_at([90]) == {90: 300_000_000}


@given(values=st.lists(values_in_range, min_size=1, max_size=60))
def test_each_point_of_the_curve_is_a_nearest_rank(values: list[int]) -> None:
    ordered = sorted(values)
    for point in folded(values).percentile_curve():
        exact = ordered[max(1, math.ceil(Fraction(point.percentile) * len(values) / 100)) - 1]
        assert exact <= point.value_ns <= exact * 1.001 + 1
        assert point.value_ns <= ordered[-1]


def test_the_curve_has_as_many_points_for_each_halving_of_the_rest() -> None:
    levels = [point.percentile for point in folded(list(range(1, 2_001))).percentile_curve(5)]
    assert levels[:16] == [0, 10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 77.5, 80, 82.5, 85, 87.5]
    assert levels[-1] == 100


def test_several_percentiles_at_once_in_any_order() -> None:
    histogram = folded(list(range(1, 1_001)))
    assert histogram.values_at([99, 50, 99, 100, 0]) == {99: 990, 50: 500, 100: 1_000, 0: 1}


@given(values=st.lists(values_in_range, min_size=1, max_size=100), steps=st.integers(1, 20))
@settings(max_examples=25)
def test_the_percentile_curve_climbs_to_the_largest_value(values: list[int], steps: int) -> None:
    histogram = folded(values)
    curve = list(histogram.percentile_curve(steps))
    for lower, upper in pairwise(curve):
        assert lower.percentile <= upper.percentile
        assert lower.value_ns <= upper.value_ns
        assert lower.count <= upper.count
    assert curve[-1].count == len(values)
    assert curve[-1].percentile == 100
    assert max(values) <= curve[-1].value_ns <= max(values) * 1.001 + 1


def test_more_steps_make_a_finer_curve() -> None:
    histogram = folded(list(range(1, 2_000)))
    assert len(list(histogram.percentile_curve(10))) > len(list(histogram.percentile_curve(2))) > 2
