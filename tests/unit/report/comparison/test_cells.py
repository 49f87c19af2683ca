import pytest

from loadlab.analysis.comparison import ComparedFigure
from loadlab.report.comparison.cells import (
    Effect,
    change_cell,
    effect_of,
    interval_cell,
    margin_cell,
    visible_cell,
)

RATE = "requests_per_second"


def figure(
    change: float | None, interval: tuple[float, float] | None = None, metric: str = RATE, **fields: object
) -> ComparedFigure:
    visible = (interval[1] - interval[0]) / 2 if interval else None
    given = {"metric": metric, "change": change, "interval": interval, "visible": visible} | fields
    return ComparedFigure.model_validate(given)


def plain(text: str) -> str:
    for sign, key in (("\N{NO-BREAK SPACE}", " "), ("\N{MINUS SIGN}", "-"), ("\N{MULTIPLICATION SIGN}", "x")):
        text = text.replace(sign, key)
    return text


@pytest.mark.parametrize(
    ("interval", "metric", "effect"),
    [
        ((0.01, 0.02), RATE, "better"),
        ((0.01, 0.02), "response_ns.p99", "worse"),
        ((-0.01, 0.02), RATE, "none"),
        (None, RATE, "unknown"),
    ],
)
def test_only_an_interval_shows_an_effect(interval: tuple[float, float] | None, metric: str, effect: Effect) -> None:
    assert effect_of(figure(0.015, interval, metric)) == effect


def test_a_change_with_its_interval() -> None:
    given = figure(-0.031, (-0.038, -0.024))
    assert [plain(cell(given)) for cell in (change_cell, interval_cell, margin_cell, visible_cell)] == [
        "-3.1 %",
        "-3.8 % to -2.4 %",
        "-3.1 % ± 0.7 %",
        "0.7 %",
    ]


def test_a_wide_interval_is_written_by_its_ends_and_both_in_the_same_way() -> None:
    assert plain(margin_cell(figure(0.1, (-0.4, 0.9)))) == "-40 % to +90 %"
    assert plain(margin_cell(figure(0.1, (-0.4, 1.9)))) == "x0.6 to x2.9"


def test_marks() -> None:
    assert plain(change_cell(figure(0.1))) == "+10 % ?"
    assert plain(margin_cell(figure(0.1, (0.09, 0.11), corrected=True))) == "+10 % ± 1 %*"


def test_what_could_not_be_compared_says_why() -> None:
    given = figure(None, reason="the client was the limit")
    assert (change_cell(given), interval_cell(given), margin_cell(given)) == ("", given.reason, given.reason)
