import math

import pytest

from loadlab.report.panels import Value
from loadlab.report.ratios import Ratio, ratio_of

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def value(median: float, width: float | None = None, doubts: tuple[str, ...] = ()) -> Value:
    interval = None if width is None else (median * (1 - width), median * (1 + width))
    return Value(median, median, median, interval=interval, doubts=doubts)


def test_the_errors_of_both_values_add_up_as_squares() -> None:
    ratio = ratio_of(value(100, 0.03), value(200, 0.04), chance=0.2)
    assert ratio.value == 2
    assert (ratio.low, ratio.high) == pytest.approx((1.90, 2.10), abs=0.01)
    assert not ratio.is_guess


def test_rounds_of_one_batch_are_compared_pair_by_pair() -> None:
    speeds = (1.0, 0.6, 1.1, 0.7, 0.9, 1.2, 0.65, 1.0)
    before, after = (
        Value(rate, rate, rate, interval=(0.7 * rate, 1.2 * rate), batches=(1,), rounds=rounds)
        for rate, rounds in (
            (100.0, tuple(100 * speed for speed in speeds)),
            (90.0, tuple(90 * speed * noise for speed, noise in zip(speeds, (1.01, 0.99) * 4, strict=True))),
        )
    )
    ratio = ratio_of(before, after, chance=0.2)
    assert (ratio.low, ratio.high) == pytest.approx((0.9, 0.9), abs=0.02)
    assert ratio.is_clear
    elsewhere = Value(90.0, 90.0, 90.0, interval=(63.0, 108.0), batches=(2,), rounds=after.rounds)
    assert not ratio_of(before, elsewhere, chance=0.2).is_clear


def test_without_intervals_the_ratio_is_as_sure_as_chance_lets_it_be() -> None:
    ratio = ratio_of(value(100), value(130), chance=0.2)
    assert (ratio.low, ratio.high) == pytest.approx((1.04, 1.625))
    assert ratio.is_guess
    assert ratio.is_clear
    assert not ratio_of(value(100), value(120), chance=0.2).is_clear


def test_repeats_that_overlap_show_no_change_and_suspect_values_have_to_differ_much() -> None:
    assert not ratio_of(Value(100, 70, 150, repeats=2), Value(140, 130, 145, repeats=2), chance=0.2).is_clear
    assert not ratio_of(value(100), value(250, doubts=("disturbed",)), chance=0.2).is_clear
    assert ratio_of(value(100), value(400, doubts=("disturbed",)), chance=0.2).is_clear


def test_what_began_at_nothing_has_no_ratio() -> None:
    assert ratio_of(value(0), value(0), 0.2).value == 1
    assert ratio_of(value(0), value(5), 0.2).amount == "from nothing"
    assert math.isinf(ratio_of(value(0), value(5), 0.2).low)


@pytest.mark.parametrize(
    ("ratio", "clear", "immaterial", "undecided"),
    [
        (Ratio(0.90, 0.85, 0.95, is_guess=False), True, False, False),
        (Ratio(0.99, 0.97, 0.998, is_guess=False), False, True, False),
        (Ratio(0.95, 0.85, 1.05, is_guess=False), False, False, False),
        (Ratio(0.80, 0.60, 1.10, is_guess=False), False, False, True),
    ],
)
def test_an_interval_shows_a_change_or_none_or_decides_nothing(
    ratio: Ratio, clear: bool, immaterial: bool, undecided: bool
) -> None:
    assert (ratio.is_clear, ratio.is_immaterial, ratio.is_undecided) == (clear, immaterial, undecided)


@pytest.mark.parametrize(
    ("ratio", "amount", "signed"),
    [
        (
            Ratio(0.04, 0.03, 0.05, False),
            f"by 96{NBSP}% (95 to 97{NBSP}%)",
            f"{MINUS}96{NBSP}%, 95{NBSP}%: {MINUS}97 to {MINUS}95{NBSP}%",
        ),
        (Ratio(1.50, 1.20, 1.88, True), f"by 50{NBSP}%", f"+50{NBSP}%"),
        (Ratio(29.0, 27.0, 31.0, False), "29-fold (27 to 31)", f"29 times, 95{NBSP}%: 27 to 31"),
        (
            Ratio(1.02, 0.94, 1.10, False),
            f"by 2{NBSP}% (6 to 10{NBSP}%)",
            f"no clear change, 95{NBSP}%: {MINUS}6 to +10{NBSP}%",
        ),
        (Ratio(1.10, 0.88, 1.38, True), f"by 10{NBSP}%", "no clear change"),
    ],
)
def test_ratios_in_words(ratio: Ratio, amount: str, signed: str) -> None:
    assert (ratio.amount, ratio.signed) == (amount, signed)
