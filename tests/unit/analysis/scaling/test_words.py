"""Laws in words."""

import pytest

from loadlab.analysis.scaling.fitting import Estimate
from loadlab.analysis.scaling.shape import Followed, Rises
from loadlab.analysis.scaling.words import describe
from loadlab.results.model import LawShape


@pytest.mark.parametrize(
    ("shape", "estimate", "told"),
    [
        ("linear", Estimate(71.3, 60, 82), "71.3 ns more for each dead connection (95 %: 60 ns to 82 ns)"),
        ("linear", Estimate(-5, -7, -3), "5 ns less for each dead connection (95 %: -7 ns to -3 ns)"),
        (
            "constant",
            Estimate(0.1, -0.05, 0.2),
            "does not depend on the number of dead connections (95 %: under 0.2 ns for each)",
        ),
        (
            "constant",
            Estimate(-0.1, -0.3, 0.2),
            "does not depend on the number of dead connections (95 %: under 0.3 ns for each)",
        ),
        (
            "power",
            Estimate(0.5, 0.481, 0.519),
            "proportional to the number of dead connections to the power of 0.50 (95 %: 0.48 to 0.52)",
        ),
        (
            "per event",
            Estimate(70, 60, 80),
            "70 ns more for each dead connection (95 %: 60 ns to 80 ns), shared by the events that one wait returns",
        ),
    ],
)
def test_describe(shape: LawShape, estimate: Estimate, told: str) -> None:
    assert describe(Followed(shape, estimate), "dead connection") == told


@pytest.mark.parametrize(
    ("rises", "told"),
    [
        (
            Rises(30, 12, 48),
            "30 ns more for each dead connection on average, but not on a straight line: 12 ns to 48 ns from place to "
            "place",
        ),
        (
            Rises(-30, -48, -12),
            "30 ns less for each dead connection on average, but not on a straight line: 12 ns to 48 ns from place to "
            "place",
        ),
        (Rises(30, -1, 48), "no straight line fits over the number of dead connections"),
        (None, "no straight line fits over the number of dead connections"),
    ],
)
def test_a_curve_without_a_law_says_how_it_rises(rises: Rises | None, told: str) -> None:
    assert describe(Followed("unclear", Estimate(1, -1, 3), rises), "dead connection") == told
