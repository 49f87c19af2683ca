import math
from typing import Any

import numpy as np
import pytest

from loadlab.analysis.comparison.compared_metrics import CPU, RATE
from loadlab.analysis.comparison.figures import (
    DISTURBED,
    LOWER_BOUND,
    NO_INTERVAL,
    RUNS_DIFFER,
    TOO_FEW,
    ComparedFigure,
    Measured,
    compare_figure,
    compare_overall,
    student,
)
from loadlab.analysis.pairs import STARTS_DIFFER
from loadlab.profile.metrics import FAILED_REQUESTS
from loadlab.results.requests import LatencySummary
from loadlab.results.speed import Speed
from loadlab.results.verdict import Finding, Verdict
from tests.trials import make_usage
from tests.unit.analysis.comparison.runs import make_rate, make_rounds, make_speed

# Half the width of an interval of which only that is left what two starts of a program and two runs differ by.
ANOTHER_RUN = 1.96 * math.hypot(STARTS_DIFFER, RUNS_DIFFER)


def of_rates(*rates: float) -> Measured:
    return Measured([make_rate(rate, number) for number, rate in enumerate(rates, start=1)])


def compare_rates(base: Measured, other: Measured) -> ComparedFigure:
    return compare_figure(RATE, base, other)


def test_single_windows_have_a_change_and_no_interval() -> None:
    found = compare_rates(of_rates(50_000), of_rates(55_000))
    assert found.change == pytest.approx(0.1)
    assert (found.interval, found.visible, found.reason) == (None, None, NO_INTERVAL)


def test_repeats_give_the_interval() -> None:
    found = compare_rates(of_rates(50_000, 50_500, 49_500), of_rates(60_000, 60_500, 59_500))
    assert found.change == pytest.approx(0.2)
    assert found.interval is not None
    low, high = found.interval
    assert 0.05 < low < 0.2 < high < 0.35
    assert found.is_clear


def test_two_repeats_that_scatter_show_nothing() -> None:
    found = compare_rates(of_rates(50_000, 40_000), of_rates(55_000, 44_000))
    assert found.interval is not None
    assert not found.is_clear


def test_rounds_give_the_interval_of_a_single_trial() -> None:
    rates = [50_000.0 + 300 * step for step in (-3, -2, -1, 0, 1, 2, 3)]
    base = Measured([make_rate(50_000, rounds=make_rounds(rates))])
    other = Measured([make_rate(60_000, rounds=make_rounds([1.2 * rate for rate in rates]))])
    found = compare_rates(base, other)
    assert found.change == pytest.approx(0.2)
    assert found.is_clear
    assert not compare_rates(base, base).is_clear


def test_the_interval_of_a_trial_is_used_where_its_rounds_do_not_have_the_figure() -> None:
    def of(p99: int) -> Measured:
        trial = make_rate(
            50_000,
            response_ns=LatencySummary(p99=p99, count=100_000),
            confidence={"response_ns.p99": (0.98 * p99, 1.02 * p99)},
        )
        return Measured([trial])

    found = compare_figure("response_ns.p99", of(400_000), of(440_000))
    assert found.interval is not None
    # Both intervals are 2 % wide to each side, so the ratio's is wider by the root of two, and by another run.
    expected = math.hypot(0.02 * math.sqrt(2), ANOTHER_RUN)
    assert math.log1p(found.interval[1]) - math.log(1.1) == pytest.approx(expected, rel=0.01)


def test_what_scatters_between_repeats_is_not_hidden_by_quiet_rounds() -> None:
    def of(*rates: float) -> Measured:
        return Measured(
            [make_rate(rate, number, rounds=make_rounds([rate] * 7)) for number, rate in enumerate(rates, start=1)]
        )

    assert not compare_rates(of(50_000, 60_000, 40_000), of(52_000, 62_000, 42_000)).is_clear


@pytest.mark.parametrize("repeats", [2, 3, 5, 20])
def test_equal_servers_differ_in_at_most_a_twentieth_of_comparisons(repeats: int) -> None:
    rng = np.random.default_rng(repeats)
    claims = 0
    for _ in range(400):
        base, other = (of_rates(*(50_000 * rng.lognormal(0, 0.1, repeats))) for _ in range(2))
        claims += compare_rates(base, other).is_clear
    assert claims <= 0.07 * 400


def test_a_slower_machine_is_not_a_slower_server() -> None:
    base = Measured([make_rate(50_000)], make_speed(5_000_000), make_speed(5_000_000))
    other = Measured([make_rate(40_000)], make_speed(6_250_000), make_speed(5_000_000))
    found = compare_rates(base, other)
    assert (found.a, found.b, found.corrected) == (50_000, 40_000, True)
    assert found.change == pytest.approx(0.0, abs=1e-9)
    assert compare_figure(CPU, base, other).change == pytest.approx(0.0, abs=1e-9)
    assert compare_figure("response_ns.p50", base, other).change == pytest.approx(1 / 1.25 - 1)


def test_the_speed_of_each_round_is_its_own() -> None:
    """Half of the rounds met a machine at three quarters of its speed; without that they are all alike."""
    speeds = [1.0, 0.75] * 4
    base = Measured([make_rate(50_000, rounds=make_rounds([50_000] * 8))], make_speed(5_000), make_speed(5_000))
    rounds = make_rounds([50_000 * speed for speed in speeds], target=speeds)
    other = Measured([make_rate(43_750, rounds=rounds)], make_speed(5_000), make_speed(5_000))
    found = compare_rates(base, other)
    assert found.change == pytest.approx(0.0, abs=1e-9)
    assert found.visible == pytest.approx(math.expm1(ANOTHER_RUN), rel=0.01)


def test_the_speed_of_a_trial_is_relative_to_its_run() -> None:
    slow = make_rate(40_000, speed=Speed(target=0.8))
    other = Measured([slow], make_speed(5_000), make_speed(5_000))
    base = Measured([make_rate(50_000)], make_speed(5_000), make_speed(5_000))
    assert compare_rates(base, other).change == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"load_model": "open"},
        {"target": make_usage(cpu_user_ns=300_000_000, window_ns=2_000_000_000)},
        {"target": None},
    ],
    ids=["the schedule sets the rate", "the server waits", "nothing is known of the server"],
)
def test_throughput_that_the_server_does_not_limit_is_not_corrected(changes: dict[str, Any]) -> None:
    base = Measured([make_rate(50_000, **changes)], make_speed(5_000), make_speed(5_000))
    other = Measured([make_rate(50_000, **changes)], make_speed(6_000), make_speed(5_000))
    found = compare_rates(base, other)
    assert (found.change, found.corrected) == (0.0, False)


def test_lower_bounds_are_not_compared_as_if_they_were_figures() -> None:
    bound = Finding(code="client_bound", severity="suspect", text="", evidence="", advice="")
    limited = Measured([make_rate(50_000, verdict=Verdict(state="suspect", findings=[bound]))])
    found = compare_rates(of_rates(60_000), limited)
    assert (found.change, found.reason, found.b) == (None, LOWER_BOUND, 50_000)


def test_percentiles_of_too_few_requests_are_not_compared() -> None:
    few = Measured([make_rate(50_000, response_ns=LatencySummary(p50=100, p99=900, count=500))])
    assert compare_figure("response_ns.p99", few, few).reason == TOO_FEW
    assert compare_figure("response_ns.p50", few, few).change == 0.0


def test_a_conversion_is_not_exact() -> None:
    """A difference of a tenth is not claimed where the machine's speeds differ by much more than that."""

    def of(rate: float, loop_ns: int) -> Measured:
        rates = enumerate((0.999 * rate, rate, 1.001 * rate), start=1)
        return Measured([make_rate(each, number) for number, each in rates], make_speed(loop_ns), make_speed(5_000))

    assert compare_rates(of(50_000, 5_000), of(45_000, 5_000)).is_clear
    converted = compare_rates(of(50_000, 5_000), of(0.9 * 50_000 / 1.5, 7_500))
    assert converted.change == pytest.approx(-0.1)
    assert not converted.is_clear


def test_a_time_that_is_not_converted_may_depend_on_the_machine_all_the_same() -> None:
    def of(p50: int, loop_ns: int) -> Measured:
        times = LatencySummary(p50=p50, count=100_000)
        trials = [make_rate(2_000, number, load_model="open", response_ns=times) for number in (1, 2, 3)]
        return Measured(trials, make_speed(loop_ns), make_speed(5_000))

    p50 = "response_ns.p50"
    assert compare_figure(p50, of(200_000, 5_000), of(240_000, 5_000)).is_clear
    slower = compare_figure(p50, of(200_000, 5_000), of(240_000, 6_250))
    assert (slower.corrected, slower.is_clear) == (False, False)
    assert compare_figure(RATE, of(200_000, 5_000), of(240_000, 6_250)).visible == 0.0


def disturbed_by(*codes: str) -> Verdict:
    findings = [Finding(code=code, severity="suspect", text="", evidence="", advice="") for code in codes]
    return Verdict(state="suspect", findings=findings)


def test_throughput_that_others_disturbed_is_shown_and_not_judged() -> None:
    """They took a half of the server's core in one run: twice the throughput, and the same server."""
    rates = (25_000, 25_100, 24_900)
    disturbed = Measured(
        [make_rate(rate, number, verdict=disturbed_by("disturbed")) for number, rate in enumerate(rates, start=1)]
    )
    quiet = of_rates(50_000, 50_100, 49_900)
    found = compare_rates(disturbed, quiet)
    assert found.change == pytest.approx(1.0)
    assert (found.interval, found.reason) == (None, DISTURBED)
    of_cost = compare_figure(CPU, disturbed, quiet)
    assert of_cost.visible is not None
    assert of_cost.visible > 0.1  # what shares the caches makes requests dearer
    assert compare_overall(RATE, [(disturbed, quiet)] * 3) is None


def test_a_slow_machine_disturbs_only_what_is_not_corrected_for_it() -> None:
    def of(loop_ns: int, **fields: Any) -> Measured:  # noqa: ANN401 - any field
        trials = [
            make_rate(rate, number, verdict=disturbed_by("machine_speed"), **fields)
            for number, rate in enumerate((50_000, 50_100), start=1)
        ]
        return Measured(trials, make_speed(loop_ns), make_speed(5_000))

    assert compare_rates(of(5_000), of(5_500)).interval is not None
    assert compare_rates(of(5_000, load_model="open"), of(5_500, load_model="open")).reason == DISTURBED


def of_failures(*failed: int) -> Measured:
    trials = [
        make_rate(5_000, number, requests=10_000 - each, outcomes={"ok": 10_000 - each, "timeout": each})
        for number, each in enumerate(failed, start=1)
    ]
    return Measured(trials)


def test_failures_are_compared_as_shares() -> None:
    found = compare_figure(FAILED_REQUESTS, of_failures(10, 12, 11), of_failures(110, 112, 111))
    assert (found.a, found.b, found.change) == pytest.approx((0.0011, 0.0111, 0.01))
    assert found.interval is not None
    assert 0.008 < found.interval[0] < 0.01 < found.interval[1] < 0.012


def test_no_failures_are_no_difference_within_what_so_few_requests_can_show() -> None:
    found = compare_figure(FAILED_REQUESTS, of_failures(0, 0), of_failures(0, 0))
    assert found.change == 0.0
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1] < 0.001


def test_failures_of_single_windows_have_no_interval() -> None:
    assert compare_figure(FAILED_REQUESTS, of_failures(0), of_failures(5)).interval is None


def test_a_figure_of_zero_is_no_multiple() -> None:
    found = compare_rates(of_rates(0.0, 0.0), of_rates(50_000, 50_000))
    assert (found.change, found.reason) == (None, "zero in one of the runs")


def test_the_mean_over_settings_is_that_of_ratios() -> None:
    doubled = of_rates(100, 101, 99), of_rates(200, 202, 198)
    halved = of_rates(8_000, 8_080, 7_920), of_rates(4_000, 4_040, 3_960)
    found = compare_overall(RATE, [doubled, halved])
    assert found is not None
    assert found.change == pytest.approx(0.0, abs=1e-9)
    assert found.interval is not None
    assert found.visible is not None
    assert found.visible < (compare_rates(*doubled).visible or 0)
    assert compare_overall(RATE, [doubled]) is None


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (2, 4.303), (12, 2.179), (60, 2.000), (math.inf, 1.96)])
def test_students_t(freedom: float, expected: float) -> None:
    assert student(freedom) == pytest.approx(expected, rel=0.01)
