"""Which trials do not belong to the law of all others, and that bends, ends and plain noise are none of them."""

from collections.abc import Callable

import numpy as np
import pytest

from loadlab.analysis.scaling.outliers import split_outliers
from loadlab.analysis.scaling.selection import Observation

IDLE = (0, 1000, 5000, 10_000, 19_000)


def observations(costs: dict[float, float | list[float]]) -> list[Observation]:
    return [
        Observation(x, cost, None)
        for x, found in costs.items()
        for cost in (found if isinstance(found, list) else [found])
    ]


def left_out(costs: dict[float, float | list[float]]) -> list[tuple[float, float]]:
    points = observations(costs)
    kept, out = split_outliers(points)
    assert sorted([*kept, *out], key=points.index) == points
    return [(each.x, each.cost) for each in out]


def test_one_bad_trial_of_a_flat_series_is_left_out() -> None:
    # epoll with idle connections: 30,900 requests/s at 10,000, 46,000 to 52,000 everywhere else.
    rates = dict(zip(IDLE, (52_000, 47_500, 49_000, 30_900, 46_000), strict=True))
    assert left_out({x: 1e9 / rate for x, rate in rates.items()}) == [(10_000, 1e9 / 30_900)]


def test_a_repeat_that_differs_from_all_others_is_left_out_at_the_end_too() -> None:
    costs: dict[float, float | list[float]] = {x: [10_000 + 28 * x, 10_300 + 28 * x, 9_900 + 28 * x] for x in IDLE}
    costs[19_000] = [542_000, 1_100_000, 535_000]
    assert left_out(costs) == [(19_000, 1_100_000)]


@pytest.mark.parametrize(
    "costs",
    [
        {0: 100, 1000: 101, 5000: 99, 10_000: 102, 19_000: 160},  # the end may be a bend
        {0: 160, 1000: 101, 5000: 99, 10_000: 102, 19_000: 100},
        {0: 10_000, 1000: 40_000, 5000: 225_000, 10_000: 590_000, 19_000: 1_600_000},  # a curve
        {0: 100, 1000: 100, 5000: 155, 10_000: 160, 19_000: 158},  # a step
        {0: 100, 1000: 101, 5000: 99, 10_000: 125, 19_000: 100},  # noise, as trials go
        {0: 10, 1000: 100, 5000: 10, 19_000: 100, 30_000: 8},  # the others follow no law either
        {0: 100, 5000: 160, 19_000: 100},  # two of three say nothing about the third
        {0: 100, 1000: 100, 5000: [160, 158], 10_000: 100, 19_000: 101},  # repeats agree: it is so there
    ],
)
def test_what_belongs_to_its_series_stays(costs: dict[float, float | list[float]]) -> None:
    assert left_out(costs) == []


def test_at_most_one_trial_in_five_is_left_out() -> None:
    costs: dict[float, float | list[float]] = dict.fromkeys(range(0, 10_000, 1000), 100.0)
    costs |= {2000: 180.0, 5000: 50.0, 7000: 170.0}
    assert len(left_out(costs)) <= 2


def test_a_trial_that_is_uncertain_by_itself_is_no_outlier() -> None:
    points = [Observation(float(x), 160.0 if x == 10_000 else 100.0, None) for x in IDLE]
    assert len(split_outliers(points)[1]) == 1
    doubtful = [Observation(each.x, each.cost, None, 0.3 if each.x == 10_000 else 1.0) for each in points]
    assert split_outliers(doubtful)[1] == []


@pytest.mark.parametrize(
    "law",
    [lambda _: 10_000, lambda x: 10_000 + 28 * x, lambda x: 100 * max(x, 1) ** 0.5, lambda x: 10_000 + 0.003 * x**2],
)
def test_noise_alone_has_next_to_no_outliers(law: Callable[[float], float]) -> None:
    draw = np.random.default_rng(3)
    found = [
        split_outliers([Observation(float(x), law(x) * (1 + draw.normal(0, 0.06)), None) for x in IDLE])[1]
        for _ in range(200)
    ]
    assert sum(map(bool, found)) <= 2
