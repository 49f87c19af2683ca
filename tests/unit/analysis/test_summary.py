"""Summaries: percentiles as the histogram has them, and figures per request."""

from collections.abc import Iterable

import pytest

from loadlab.analysis.summary import RepeatedMeasure, over_repeats, per_request, summarise_latency
from loadlab.recording.histogram import Histogram
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult, TrialState

from ...trials import make_trial, make_usage


def test_percentiles_of_a_known_histogram() -> None:
    histogram = Histogram()
    histogram.fold(range(1, 1001))  # below 2048 the histogram is exact
    assert summarise_latency(histogram) == LatencySummary(
        p50=500, p90=900, p99=990, p99_9=999, max=1000, mean=500.5, count=1000
    )


def test_nothing_measured_is_null_and_not_zero() -> None:
    assert summarise_latency(Histogram()) == LatencySummary(count=0)
    assert summarise_latency(Histogram()).p50 is None


def folded(values: Iterable[int]) -> Histogram:
    histogram = Histogram()
    histogram.fold(list(values))
    return histogram


# Beyond the p90 of 1,000 lie 100, beyond their p99 10.
@pytest.mark.parametrize(
    ("in_flight", "too_low"),
    [
        ([], []),
        ([900] * 1_000, ["p50"]),  # older than the median, but not than p90
        ([901] * 50, []),
        ([901] * 51, ["p90"]),
        ([10**9] * 5, []),  # a few may always be
        ([10**9] * 6, ["p99", "p99.9"]),
    ],
)
def test_a_percentile_is_too_low_where_older_requests_are_in_flight(in_flight: list[int], too_low: list[str]) -> None:
    assert summarise_latency(folded(range(1, 1001)), folded(in_flight)).too_low == too_low


def usage(user_ns: int = 30_000_000, system_ns: int = 60_000_000) -> ProcessUsage:
    return make_usage(cpu_user_ns=user_ns, cpu_system_ns=system_ns, context_switches=5)


def test_usage_per_request() -> None:
    filled = per_request(usage(), 10)
    assert filled.cpu_user_ns_per_request == pytest.approx(3e6)
    assert filled.cpu_system_ns_per_request == pytest.approx(6e6)
    assert filled.cpu_ns_per_request == pytest.approx(9e6)
    assert filled.context_switches_per_request == pytest.approx(0.5)
    assert filled.cpu_user_ns == 30_000_000


def test_little_cpu_time_is_kept_per_request_but_not_divided_in_user_and_system() -> None:
    filled = per_request(usage(user_ns=10_000_000, system_ns=0), 100)
    assert filled.cpu_ns_per_request == pytest.approx(100_000)
    assert (filled.cpu_user_ns_per_request, filled.cpu_system_ns_per_request) == (None, None)


def test_without_requests_there_is_no_usage_per_request() -> None:
    assert per_request(usage(), 0) == usage()


def trial(server: str, repeat: int, rate: float | None, state: TrialState = "done") -> TrialResult:
    return make_trial(repeat=repeat, factors={"target.server": server}, state=state, requests_per_second=rate)


def test_median_range_and_deviation_of_each_combination() -> None:
    trials = [
        trial("epoll", 1, 100),
        trial("select", 1, 10),
        trial("select", 2, 30),
        trial("epoll", 2, 104),
        trial("epoll", 3, 500),
        trial("epoll", 4, None),
        trial("epoll", 5, 1, state="failed"),
        trial("poll", 1, None),
    ]
    assert over_repeats(trials, lambda result: result.requests_per_second) == [
        RepeatedMeasure({"target.server": "epoll"}, (100, 104, 500), median=104, low=100, high=500, deviation=4),
        RepeatedMeasure({"target.server": "select"}, (10, 30), median=20, low=10, high=30, deviation=10),
    ]


def test_a_single_value_has_no_spread() -> None:
    (measure,) = over_repeats([trial("epoll", 1, 7)], lambda result: result.requests_per_second)
    assert (measure.median, measure.low, measure.high, measure.deviation) == (7, 7, 7, 0)


def test_no_trials_no_measures() -> None:
    assert over_repeats([], lambda result: result.requests_per_second) == []
