"""Intervals of medians and percentiles over rounds: exact where they can be, and as often right as they claim."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest

from loadlab.analysis.uncertainty import Estimate, confidence_of, median_over, percentiles_over, quantile_of_t
from loadlab.recording.histogram import Histogram
from loadlab.results.trial import Round


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 6.0]])
def test_too_few_rounds_have_no_interval(values: list[float]) -> None:
    assert median_over(values) is None


def test_an_interval_by_ranks_is_that_of_the_binomial_distribution() -> None:
    # Between the 2nd and the 9th of ten values lies the median in 97.9 %, between the 3rd and the 8th in 89.1 %.
    logs = (7, -3, 1, 9, -4, 10, -2, 8, -6, 5)
    estimate = median_over([math.exp(each) for each in logs])
    assert estimate is not None
    assert estimate.value == pytest.approx((math.exp(1) + math.exp(5)) / 2)
    assert -4 < math.log(estimate.low) < -3
    assert 8 < math.log(estimate.high) < 9


def test_rounds_that_are_like_their_neighbours_say_less() -> None:
    values = [float(value) for value in range(100, 120)]
    mixed = [values[index * 7 % 20] for index in range(20)]
    ascending, in_any_order = median_over(values), median_over(mixed)
    assert ascending is not None
    assert in_any_order is not None
    assert ascending.value == in_any_order.value
    assert ascending.high - ascending.low > 2 * (in_any_order.high - in_any_order.low)


def test_a_median_of_three_has_the_interval_of_student() -> None:
    estimate = median_over([math.exp(each) for each in (-1.0, 0.0, 1.0)])
    assert estimate is not None
    assert (estimate.value, math.log(estimate.high)) == pytest.approx((1, 4.303 / math.sqrt(3)), rel=0.002)
    assert math.log(estimate.low) == pytest.approx(-math.log(estimate.high))


def test_equal_rounds_leave_no_doubt() -> None:
    three = median_over([3.0] * 3)
    assert three is not None
    assert (three.value, *three.interval) == pytest.approx((3, 3, 3))
    assert median_over([0.0] * 8) == Estimate(0, 0, 0)


def test_one_stalled_round_of_ten_does_not_decide() -> None:
    estimate = median_over([100.0, 101, 99, 100, 102, 98, 100, 101, 99, 5])
    assert estimate is not None
    assert 97 < estimate.low < estimate.value == 100


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (7, 2.365), (30, 2.042)])
def test_quantiles_of_t(freedom: int, expected: float) -> None:
    assert quantile_of_t(freedom) == pytest.approx(expected, rel=0.002)


def folded(values: Sequence[float]) -> Histogram:
    histogram = Histogram()
    histogram.fold([int(value) for value in values])
    return histogram


def test_percentiles_are_those_of_the_merged_histogram() -> None:
    rounds = [folded(range(1, 1001)), folded(range(501, 1501)), folded(range(251, 1251))]
    merged = Histogram()
    for each in rounds:
        merged.merge(each)
    found = percentiles_over(rounds, (50, 99.9))
    assert {each: estimate.value for each, estimate in found.items()} == merged.values_at((50, 99.9))
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in found.values())
    assert found == percentiles_over(rounds, (50, 99.9))


def test_equal_histograms_leave_no_doubt_about_their_percentiles() -> None:
    found = percentiles_over([folded(range(1, 1001))] * 4, (50, 90))
    assert found[50].interval == pytest.approx((500, 500))
    assert found[90].interval == pytest.approx((900, 900))


def test_rounds_without_requests_do_not_count() -> None:
    assert percentiles_over([folded([1, 2]), folded([3]), Histogram()], (50,)) == {}


def test_the_interval_of_a_percentile_holds_the_truth_where_rounds_differ() -> None:
    draw, held, runs = np.random.default_rng(4), 0, 200
    truth = 1_000_000  # of the median of all: the rounds' logarithms scatter evenly around it
    for _ in range(runs):
        levels = truth * np.exp(draw.normal(0, 0.2, 8))
        found = percentiles_over([folded(list(level * np.exp(draw.normal(0, 0.3, 200)))) for level in levels], (50,))[
            50
        ]
        held += found.low <= truth <= found.high
    assert 0.9 <= held / runs <= 0.99


def test_two_hundred_rounds_take_a_fraction_of_a_second() -> None:
    draw = np.random.default_rng(5)
    rounds = [folded(list(1e6 * np.exp(draw.normal(0, 0.5, 3000)))) for _ in range(200)]
    began = time.process_time()
    percentiles_over(rounds, (50, 90, 99, 99.9))
    assert time.process_time() - began < 10  # 0.1 to 0.2 s; the limit catches a loop in Python over each count only


def a_round(rate: float | None, cpu: float | None = None) -> Round:
    return Round(at=0, window_ns=1, requests=10, requests_per_second=rate, cpu_ns_per_request=cpu)


def test_confidence_names_the_metrics_that_have_an_interval() -> None:
    rounds = [a_round(100, 5), a_round(110, None), a_round(90, 7)]
    times = {"response_ns": [folded([1, 2, 3])] * 3, "service_ns": [Histogram()] * 3}
    found = confidence_of(rounds, times.items())
    assert list(found) == [
        "requests_per_second", "response_ns.p50", "response_ns.p90", "response_ns.p99", "response_ns.p99.9",
    ]  # fmt: skip
    low, high = found["requests_per_second"]
    assert low < 100 < high


def test_a_single_window_has_no_intervals() -> None:
    assert confidence_of([a_round(100)], [("response_ns", [folded([1])])]) == {}
