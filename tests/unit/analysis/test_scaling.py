"""Lines through points whose law is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.analysis.scaling import fit_exponent, fit_laws, fit_line
from loadlab.results.model import TrialResult, TrialState, Verdict


def trial(server: str, idle: int, cost_ns: float, state: TrialState = "done") -> TrialResult:
    return TrialResult(
        id="001",
        repeat=1,
        factors={"target.server": server, "load.idle": idle},
        state=state,
        verdict=Verdict(state="valid"),
        requests_per_second=cost_ns,
    )


def test_points_on_a_line_give_that_line() -> None:
    line = fit_line([(0, 10), (1000, 40), (2000, 70), (5000, 160)])
    assert line is not None
    assert line.intercept == pytest.approx(10)
    assert [line.slope, *line.slope_interval] == pytest.approx([0.03, 0.03, 0.03])


def test_the_interval_is_that_of_the_textbook() -> None:
    # Three degrees of freedom: t is 3.182. The squares of the distances from the mean of x add up to 10.
    line = fit_line([(1, 1), (2, 2), (3, 4), (4, 3), (5, 5)])
    assert line is not None
    residuals = sum((y - line.intercept - line.slope * x) ** 2 for x, y in [(1, 1), (2, 2), (3, 4), (4, 3), (5, 5)])
    margin = 3.182 * (residuals / 3 / 10) ** 0.5
    assert line.slope == pytest.approx(0.9)
    assert list(line.slope_interval) == pytest.approx([0.9 - margin, 0.9 + margin])


@pytest.mark.parametrize("points", [[], [(0, 1)], [(0, 1), (1, 2)], [(5, 1), (5, 2), (5, 3)]])
def test_too_little_gives_no_line(points: list[tuple[float, float]]) -> None:
    assert fit_line(points) is None


@given(
    slope=st.floats(-1e3, 1e3),
    intercept=st.floats(-1e6, 1e6),
    xs=st.lists(st.integers(0, 20_000), min_size=3, max_size=12, unique=True),
)
def test_any_line_is_found_again(slope: float, intercept: float, xs: list[int]) -> None:
    line = fit_line([(x, intercept + slope * x) for x in xs])
    assert line is not None
    assert line.slope == pytest.approx(slope, abs=1e-3 + 1e-9 * abs(intercept))
    low, high = line.slope_interval
    assert low <= line.slope <= high


def test_a_power_law_gives_its_exponent() -> None:
    assert fit_exponent([(x, 3 * x**1.5) for x in (0, 1, 10, 100)]) == pytest.approx(1.5)
    assert fit_exponent([(0, 1), (1, 1)]) is None


def test_each_series_has_its_law_in_words() -> None:
    idle = (0, 1000, 5000, 10_000)
    trials = [trial("select", n, 10_000 + 28 * n + (n % 3)) for n in idle]
    trials += [trial("epoll", n, 10_000 + n % 7) for n in idle]
    trials += [trial("select", 19_000, 0, state="failed"), trial("poll", 0, 1)]
    select, epoll = fit_laws(trials, "cpu", lambda each: each.requests_per_second, "load.idle", "dead connection")
    assert select.where == {"target.server": "select"}
    assert select.slope == pytest.approx(28, abs=0.1)
    assert select.text.startswith("select: 28 ns more for each dead connection (95 %: ")
    assert epoll.text == "epoll: does not depend on the number of dead connections"
