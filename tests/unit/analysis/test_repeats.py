"""Repeats: grouped by factors, and summed up by median, range and median absolute deviation."""

from loadlab.analysis.repeats import RepeatedMeasure, over_repeats
from loadlab.results.model import TrialResult, TrialState, Verdict


def trial(server: str, repeat: int, rate: float | None, state: TrialState = "done") -> TrialResult:
    return TrialResult(
        id="001",
        repeat=repeat,
        factors={"target.server": server},
        state=state,
        verdict=Verdict(state="valid"),
        requests_per_second=rate,
    )


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
