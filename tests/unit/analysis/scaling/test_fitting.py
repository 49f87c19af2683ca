"""Laws fitted to costs that follow one exactly, and to those that no law can be fitted to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.analysis.scaling.fitting import fit_line, fit_power
from loadlab.analysis.uncertainty import Estimate

IDLE = [0.0, 1000.0, 5000.0, 10_000.0, 19_000.0]


def test_costs_on_a_line_give_that_line() -> None:
    line = fit_line(IDLE, [10_000 + 28 * x for x in IDLE])
    assert line is not None
    assert [line.intercept.value, *line.intercept.interval] == pytest.approx([10_000] * 3)
    assert [line.slope.value, *line.slope.interval] == pytest.approx([28] * 3)
    assert line.scatter == pytest.approx(0, abs=1e-12)
    assert line.at(2000) == pytest.approx(66_000)


@given(
    slope=st.floats(0, 1e3),
    intercept=st.floats(1, 1e6),
    xs=st.lists(st.integers(0, 1_000_000), min_size=3, max_size=12, unique=True),
)
def test_any_line_is_found_again(slope: float, intercept: float, xs: list[int]) -> None:
    costs = [intercept + slope * x for x in xs]
    line = fit_line([float(x) for x in xs], costs)
    assert line is not None
    assert [line.at(x) for x in xs] == pytest.approx(costs, rel=1e-6)
    assert line.slope.low <= line.slope.value <= line.slope.high


def test_the_noise_is_taken_as_a_share_of_the_cost() -> None:
    # 10 % off at the dearest point, 28 us, is as likely as 10 % off at the cheapest, 1 us: the intercept stays.
    line = fit_line(IDLE, [10_000, 38_000, 150_000, 290_000, 542_000 * 1.1])
    assert line is not None
    assert line.intercept.value == pytest.approx(10_000, rel=0.02)


def test_a_power_law_gives_its_exponent() -> None:
    power = fit_power([0, 1, 10, 100], [5, 3, 3 * 10**1.5, 3000])
    assert power is not None
    assert (power.factor, power.exponent.value) == pytest.approx((3, 1.5))
    assert power.at(4) == pytest.approx(24)


def test_the_same_costs_give_the_same_interval() -> None:
    costs = [10.0, 12.0, 11.0, 14.0, 12.5]
    assert fit_line(IDLE, costs) == fit_line(IDLE, costs)


def test_three_points_have_the_interval_of_the_textbook() -> None:
    # y = 1, 2, 4 over x = 0, 1, 2 in shares of nearly equal costs; t of one degree of freedom is 12.706.
    costs = [1000.0, 1001.0, 1003.0]
    line = fit_line([0, 1, 2], costs)
    assert line is not None
    residuals = sum((cost - 1000 - 1.5 * x + 1 / 6) ** 2 for x, cost in enumerate(costs))
    margin = 12.706 * (residuals / 1 / 2) ** 0.5
    assert line.slope.interval == pytest.approx((1.5 - margin, 1.5 + margin), rel=0.01)


@pytest.mark.parametrize(
    ("xs", "costs"),
    [
        ([], []),
        ([0, 1], [1, 2]),
        ([5, 5, 5], [1, 2, 3]),
        ([0, 0, 1, 1], [1, 2, 3, 4]),
        ([0, 1, 2], [0, 1, 2]),
    ],
)
def test_too_little_gives_no_law(xs: list[float], costs: list[float]) -> None:
    assert fit_line(xs, costs) is None
    assert fit_power([x + 1 for x in xs], costs) is None


def test_a_curve_that_a_line_would_leave_below_zero_is_fitted_still() -> None:
    line = fit_line(IDLE, [1_000_000, 10_000, 100, 10, 1])
    assert line is not None
    assert line.scatter > 1


def test_one_point_alone_at_its_end_has_an_interval_still() -> None:
    line = fit_line([0, 0, 0, 1, 1, 1, 19_000], [10, 11, 9, 10, 11, 9, 30])
    assert line is not None
    assert line.slope.low < line.slope.value < line.slope.high


def test_an_estimate_knows_whether_it_may_be_nothing() -> None:
    assert Estimate(1, -1, 3).holds_zero
    assert not Estimate(2, 1, 3).holds_zero
    assert Estimate(2, 1, 3).scaled(0.5) == Estimate(1, 0.5, 1.5)


def test_what_weighs_little_moves_the_line_little() -> None:
    xs, costs = (0.0, 1000.0, 5000.0, 10_000.0, 19_000.0), (10.0, 20.0, 60.0, 110.0, 300.0)
    slopes = []
    for weight in (1.0, 0.3, 0.01):
        weights = (1, 1, 1, 1, weight)
        line, power = fit_line(xs, costs, weights), fit_power(xs, costs, weights)
        assert line is not None
        assert power is not None
        slopes.append((line.slope.value, power.exponent.value))
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[-1][0] == pytest.approx(0.01, rel=0.001)


def test_costs_that_are_uncertain_by_themselves_may_lie_on_a_line_by_chance() -> None:
    xs = (0.0, 1000.0, 5000.0, 10_000.0, 19_000.0)
    costs = [10_000 + 0.2 * x for x in xs]
    exact, doubtful = fit_line(xs, costs), fit_line(xs, costs, least_scatter=0.15)
    assert exact is not None
    assert doubtful is not None
    assert exact.slope.interval == pytest.approx((0.2, 0.2))
    assert doubtful.slope.value == pytest.approx(0.2)
    assert doubtful.slope.holds_zero
    power = fit_power(xs, costs, least_scatter=0.15)
    assert power is not None
    assert power.exponent.holds_zero
