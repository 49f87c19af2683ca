"""Changes of throughput are found, and the noise of a shared machine is not: on synthetic series with fixed seeds."""

import random
from collections.abc import Callable, Sequence

import pytest

from loadlab.analysis.verdict import WindowEvidence, judge_trial
from loadlab.analysis.verdict.steadiness import Drift, Shift, find_change, find_trend, merge_intervals
from loadlab.results.requests import Interval, LatencySummary
from loadlab.results.trial import Round

from ....trials import make_trial

Noise = Callable[[random.Random, int], list[float]]


def series(rates: Sequence[float], seconds: float = 1.0, per_second: int = 10_000) -> list[Interval]:
    """Intervals of so many seconds; a rate of 1 is `per_second` requests/s."""
    return [
        Interval(start=i * seconds, end=(i + 1) * seconds, requests=round(rate * per_second * seconds))
        for i, rate in enumerate(rates)
    ]


def wobble(rng: random.Random, number: int) -> list[float]:
    """Scatter of 6 %, as a busy machine shows from second to second."""
    return [rng.gauss(1, 0.06) for _ in range(number)]


def swell(rng: random.Random, number: int) -> list[float]:
    """Scatter of 6 % that lasts: each interval keeps most of the deviation of the one before."""
    deviation, rates = 0.0, []
    for _ in range(number):
        deviation = 0.6 * deviation + 0.8 * rng.gauss(0, 0.06)
        rates.append(1 + deviation)
    return rates


def hiccups(rng: random.Random, number: int) -> list[float]:
    """A pause of up to a fifth of the interval in every tenth of them."""
    return [rng.gauss(1, 0.03) - 0.2 * rng.random() * (rng.random() < 0.1) for _ in range(number)]


@pytest.mark.parametrize("noise", [wobble, swell, hiccups])
@pytest.mark.parametrize(("number", "seconds"), [(8, 0.25), (10, 1.0), (60, 1.0)])
def test_noise_is_not_taken_for_a_change(noise: Noise, number: int, seconds: float) -> None:
    rng = random.Random(f"{noise.__name__} {number}")
    alarms = sum(find_change(series(noise(rng, number), seconds)) is not None for _ in range(400))
    assert alarms <= 400 * 0.01


@pytest.mark.parametrize(
    "shape",
    [
        [1.0] * 10 + [0.75] * 10,
        [0.6] * 3 + [1.0] * 17,
        [1.0] * 9 + [0.5] + [1.0] * 10,
        [1.0] * 9 + [0.0] * 2 + [1.0] * 9,
        [1.2 - 0.4 * i / 19 for i in range(20)],
    ],
    ids=["step", "slow start", "pause of half a second", "standstill", "trend"],
)
def test_a_change_is_found_in_noise(shape: list[float]) -> None:
    rng = random.Random(7)
    found = sum(find_change(series([level * rng.gauss(1, 0.03) for level in shape])) is not None for _ in range(200))
    assert found >= 200 * 0.95


def test_a_shift_says_where_and_how_much() -> None:
    assert find_change(series([1, 1, 1, 0.5, 0.5, 1, 1, 1])) == Shift(3.0, 5.0, 5_000, 10_000)


def test_a_drift_says_from_where_to_where() -> None:
    found = find_change(series([1.15 - 0.03 * i for i in range(11)]))
    assert isinstance(found, Drift)
    assert found.at_start == pytest.approx(11_500)
    assert found.at_end == pytest.approx(8_500)


@pytest.mark.parametrize(("level", "found"), [(0.85, False), (0.79, True)])
def test_less_than_a_fifth_is_of_no_consequence(level: float, found: bool) -> None:
    assert (find_change(series([1.0] * 5 + [level] * 5)) is not None) is found


@pytest.mark.parametrize(("pause_seconds", "found"), [(0.3, False), (0.4, True)])
def test_a_short_pause_is_of_no_consequence(pause_seconds: float, found: bool) -> None:
    assert (find_change(series([1.0] * 5 + [1 - pause_seconds] + [1.0] * 14)) is not None) is found


def test_a_worker_that_stood_still_reports_late_and_the_stretch_is_weighed_by_its_length() -> None:
    late = Interval(start=2.0, end=2.875, requests=3_500)
    assert find_change([*series([1, 1]), late, *series([1] * 8)[3:]]) == Shift(2.0, 2.875, 4_000, 10_000)


def test_five_intervals_are_too_few_to_tell() -> None:
    assert find_change(series([1, 1, 0, 0, 0])) is None
    assert find_change(series([1, 1, 1, 0, 0, 0])) is not None


def test_waves_of_a_closed_loop_are_merged_away() -> None:
    """Of 64 users that are answered after a second each, all answers come in one interval of four."""
    waves = series([4, 0, 0, 0] * 40, seconds=0.25, per_second=64)
    merged = merge_intervals(waves, response_seconds=1.0)
    assert len(merged) == 4
    assert {interval.requests for interval in merged} == {640}


def test_intervals_are_merged_until_counting_tells_something() -> None:
    assert [each.requests for each in merge_intervals(series([1] * 20, per_second=20), 0.001)] == [100] * 4


def test_the_rest_that_fills_no_interval_is_left_out() -> None:
    assert [each.end for each in merge_intervals(series([1] * 7, per_second=50), 0.001)] == [2, 4, 6]
    cut_short = [*series([1] * 8), Interval(start=8.0, end=8.1, requests=0)]
    assert merge_intervals(cut_short, 0.001) == cut_short[:8]


def test_many_intervals_become_few() -> None:
    assert len(merge_intervals(series([1] * 1000), 0.001)) == 62


def test_nothing_answered_is_nothing_to_merge() -> None:
    assert merge_intervals(series([0] * 8), 0.0) == []
    assert merge_intervals([], 0.0) == []


@pytest.mark.parametrize(("steady_load", "codes"), [(True, ["unsteady"]), (False, [])])
def test_a_schedule_that_changes_the_rate_is_not_judged(steady_load: bool, codes: list[str]) -> None:
    result = make_trial(
        window_ns=10_000_000_000,
        requests=80_000,
        response_ns=LatencySummary(p50=1_000_000, count=80_000),
        intervals=series([1] * 4 + [0.6] * 6),
    )
    verdict = judge_trial(result, WindowEvidence(steady_load=steady_load))
    assert [finding.code for finding in verdict.findings] == codes
    if codes:
        assert verdict.findings[0].evidence == "10,000 requests/s from 0.00 s to 4.00 s, 6,000 otherwise"


def over_rounds(costs: Sequence[float]) -> list[Round]:
    return [
        Round(at=10.0 * index, window_ns=100_000_000, requests=1000, requests_per_second=1e4, cpu_ns_per_request=cost)
        for index, cost in enumerate(costs)
    ]


# node with 1,000 idle connections, whose compiler was at work; in ns.
WARMING = [104_489, 77_903, 45_678, 33_036, 28_733, 26_948, 28_965, 27_974, 24_483, 30_228]


def test_a_server_that_was_not_warm_is_found() -> None:
    verdict = judge_trial(make_trial(rounds=over_rounds(WARMING)), WindowEvidence(steady_load=True))
    [finding] = [each for each in verdict.findings if each.code == "unsteady"]
    assert finding.severity == "suspect"
    assert finding.text.startswith("The CPU time per request fell from round to round")
    assert finding.evidence == ("77.9 µs per request in the first third of the rounds, 28 µs in the last")
    assert "Warm up for longer" in finding.advice
    rising = judge_trial(make_trial(rounds=over_rounds(WARMING[::-1])), WindowEvidence(steady_load=True))
    assert "rose from round to round" in rising.findings[-1].text


@pytest.mark.parametrize(
    "costs",
    [
        WARMING[:5],  # too few
        [value / 1000 for value in (20_000, 30_000) * 5],
        [100 + index for index in range(20)],  # a trend of no consequence
        [30, 20, 20, 20, 20, 20, 20, 20, 20, 20],  # one round that was disturbed
        [20, 20, 20, 30, 30, 30, 20, 20, 30, 20],  # a machine of two speeds
    ],
)
def test_rounds_that_differ_have_no_trend(costs: Sequence[float]) -> None:
    assert find_trend(costs) is None
    verdict = judge_trial(make_trial(rounds=over_rounds(costs)), WindowEvidence(steady_load=True))
    assert not [each for each in verdict.findings if each.code == "unsteady"]


def test_rounds_in_any_order_seldom_have_a_trend() -> None:
    rng = random.Random(2)
    found = [find_trend([rng.choice((20.0, 30.0)) * rng.gauss(1, 0.06) for _ in range(10)]) for _ in range(2000)]
    assert sum(each is not None for each in found) <= 25
