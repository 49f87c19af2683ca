"""The law that points without noise follow, and what is kept where none fits."""

import math

import pytest

from loadlab.analysis.scaling.fitting import fit_line, fit_power
from loadlab.analysis.scaling.selection import Candidates, Observation, SelectedLaw, select_law
from loadlab.results.laws import LawShape


def follow(costs: dict[float, float], events_per_wait: dict[float, float] | None = None) -> SelectedLaw:
    waits = events_per_wait or {}
    points = [Observation(x, cost, waits.get(x)) for x, cost in costs.items()]
    line = fit_line([*costs], [*costs.values()])
    assert line is not None
    shared = [point.x_per_event for point in points]
    per_event = fit_line([x for x in shared if x is not None], [*costs.values()]) if None not in shared else None
    return select_law(points, Candidates(line, fit_power([*costs], [*costs.values()]), per_event))


@pytest.mark.parametrize(
    ("shape", "costs"),
    [
        ("linear", {0: 10, 1000: 20, 5000: 60, 19_000: 200}),
        ("linear", {1000: 1, 5000: 5, 19_000: 19}),  # a power too, of exponent 1: the plainer law stands
        ("constant", {0: 100, 1000: 101, 5000: 99, 19_000: 100.5}),
        ("constant", {0: 100, 1000: 100.2, 5000: 101, 19_000: 103.8}),  # sure to grow, by what an hour's drift does too
        ("power", {1: 3, 10: 3 * 10**1.5, 100: 3000, 1000: 3 * 1000**1.5}),
        ("unclear", {0: 10, 1000: 100, 5000: 10, 19_000: 100, 30_000: 8}),
    ],
)
def test_shape(shape: LawShape, costs: dict[float, float]) -> None:
    assert follow(costs).shape == shape


def test_a_cost_that_the_events_of_a_wait_share() -> None:
    waits = {0.0: 1.0, 1000.0: 2.0, 5000.0: 8.0, 10_000.0: 12.0, 19_000.0: 14.0}
    law = follow({x: 10_000 + 70 * x / k for x, k in waits.items()}, waits)
    assert law.shape == "per event"
    assert law.coefficient.value == pytest.approx(70)


def test_a_wait_that_returns_the_same_number_always_says_nothing_new() -> None:
    costs = {0.0: 10.0, 1000.0: 20.0, 5000.0: 60.0, 19_000.0: 200.0}
    assert follow(costs, dict.fromkeys(costs, 4.0)).shape == "linear"


def test_the_coefficient_is_that_of_the_law() -> None:
    assert follow({0: 10, 1000: 20, 5000: 60, 19_000: 200}).coefficient.value == pytest.approx(0.01)
    assert follow({x: math.sqrt(x) for x in (1, 10, 100, 1000)}).coefficient.value == pytest.approx(0.5)


def test_a_point_has_no_share_where_nobody_counted_events() -> None:
    assert Observation(100, 5, 4).x_per_event == 25
    assert Observation(100, 5, None).x_per_event is None
    assert Observation(100, 5, 0).x_per_event is None


def test_a_curve_that_follows_no_law_has_its_rises() -> None:
    convex = follow({0: 11_800, 1000: 23_300, 5000: 73_600, 10_000: 145_700, 19_000: 573_400})
    assert convex.shape == "unclear"
    assert convex.rises is not None
    assert convex.rises.overall == pytest.approx(29.6, abs=0.1)
    assert (convex.rises.least, convex.rises.greatest) == pytest.approx((11.5, 47.5), abs=0.1)
    assert follow({0: 10, 1000: 20, 5000: 60, 19_000: 200}).rises is None


def test_a_curve_with_a_knee_rises_though_it_wavers_before() -> None:
    knee = follow({0: 10_000, 1000: 10_200, 5000: 9_900, 10_000: 10_050, 19_000: 100_050})
    assert knee.shape == "unclear"
    assert knee.rises is not None
    assert (knee.rises.least, knee.rises.greatest) == pytest.approx((0, 10))


def test_a_cost_that_grows_a_lot_is_not_flat_however_uncertain_its_slope_is() -> None:
    measured = follow({0: 18_200, 1000: 35_700, 5000: 120_000, 10_000: 244_000})
    assert measured.coefficient.holds_zero
    assert measured.coefficient.value == pytest.approx(21, rel=0.1)
    assert (measured.shape, measured.rises) == ("unclear", None)
