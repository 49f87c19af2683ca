"""A difference in words: what the interval shows, in percent or as a multiple, and nothing that it does not show."""

import pytest

from loadlab.report.differences import describe_difference, format_change, format_interval, merit_of
from loadlab.results.paired import Difference

THROUGHPUT, CPU, P99 = "requests_per_second", "target.cpu_ns_per_request", "response_ns.p99"


def plain(text: str) -> str:
    """Return a text with what a keyboard has in place of its signs."""
    for sign, key in (("\N{NO-BREAK SPACE}", " "), ("\N{MINUS SIGN}", "-"), ("\N{MULTIPLICATION SIGN}", "x")):
        text = text.replace(sign, key)
    return text


def difference(metric: str, change: float, low: float, high: float, a: float = 1.0, b: float = 1.0) -> Difference:
    return Difference(metric=metric, a=a, b=b, change=change, interval=(low, high), visible=(high - low) / 2)


@pytest.mark.parametrize(
    ("found", "sentence", "merit"),
    [
        (
            difference(THROUGHPUT, -0.031, -0.038, -0.024),
            "B answers 3.1 % fewer requests/s than A (95 %: 2.4 % to 3.8 %)",
            "worse",
        ),
        (difference(P99, 0.12, 0.08, 0.15), "B's p99 is 12.0 % higher than A's (95 %: 8.0 % to 15.0 %)", "worse"),
        (
            difference("iterations.requests_per_second", -0.031, -0.038, -0.024),
            "B's throughput of iterations is 3.1 % lower than A's (95 %: 2.4 % to 3.8 %)",
            "worse",
        ),
        (
            difference("steps.log in.response_ns.p99", 0.12, 0.08, 0.15),
            "B's p99 of log in is 12.0 % higher than A's (95 %: 8.0 % to 15.0 %)",
            "worse",
        ),
        (
            difference(CPU, -0.2, -0.22, -0.18),
            "B uses 20.0 % less CPU time per request than A (95 %: 18.0 % to 22.0 %)",
            "better",
        ),
        (
            difference(THROUGHPUT, 1.34, 1.2, 1.5),
            "B answers 2.3 times as many requests/s as A (95 %: 2.2 to 2.5 times)",
            "better",
        ),
        # The one that is more is the subject: 99 % fewer to 99 % fewer would say nothing.
        (
            difference(THROUGHPUT, -0.99, -0.992, -0.988),
            "A answers 100 times as many requests/s as B (95 %: 83 to 125 times)",
            "worse",
        ),
        (difference(P99, -0.75, -0.8, -0.6), "A's p99 is 4.0 times B's (95 %: 2.5 to 5.0 times)", "better"),
        (
            difference(THROUGHPUT, 0.006, -0.006, 0.018),
            "no difference in throughput: A and B are within 1.8 % of each other",
            "",
        ),
        (
            difference("failures", 0.02, 0.018, 0.022, a=0.0, b=0.02),
            "2 % of B's requests fail, 0 % of A's (95 %: 1.80 to 2.20 points apart)",
            "worse",
        ),
        (
            difference("failures", 0.0, -0.0001, 0.0001),
            "no difference in errors: A and B are within 0.01 points of each other",
            "",
        ),
        (
            difference(THROUGHPUT, -0.99, -1.0, -0.95),
            "B answers 99 % fewer requests/s than A (95 %: 95 % to 100 %)",
            "worse",
        ),
        (Difference(metric=P99, a=1.0, b=None), "", ""),
    ],
)
def test_says_what_the_interval_shows(found: Difference, sentence: str, merit: str) -> None:
    assert plain(describe_difference(found)) == sentence
    assert merit_of(found) == merit


def test_both_sides_can_have_names_of_their_own() -> None:
    found = difference(THROUGHPUT, 0.05, 0.04, 0.06)
    assert describe_difference(found, "old", "new").startswith("new answers 5")


@pytest.mark.parametrize(
    ("change", "metric", "text"),
    [
        (0.031, THROUGHPUT, "+3.1 %"),
        (-0.031, THROUGHPUT, "-3.1 %"),
        (1.3, P99, "x2.3"),
        (-0.99, THROUGHPUT, "x0.01"),
        (-1.0, THROUGHPUT, "-100 %"),
        (0.0, P99, "0 %"),
        (0.02, "failures", "+2 points"),
    ],
)
def test_in_a_table_a_change_has_its_sign(change: float, metric: str, text: str) -> None:
    assert plain(format_change(change, metric)) == text


def test_an_interval_has_both_signs() -> None:
    assert plain(format_interval(difference(P99, 0.0, -0.01, 0.02))) == "-1.0 % to +2.0 %"
    assert plain(format_interval(difference(P99, 0.0059, 0.000066, 0.012))) == "0.0 % to +1.2 %"
    assert plain(format_interval(difference(P99, -0.15, -0.55, 0.59))) == "-55 % to +59 %"
    assert plain(format_interval(difference(P99, 1.5, 1.2, 1.9))) == "x2.2 to x2.9"
    assert plain(format_interval(difference(P99, 0.0, -0.001, 0.2))) == "0 % to +20 %"
    assert plain(format_interval(difference("failures", 1.0, 0.99994, 1.00006))) == "+100 to +100 points"
    assert plain(format_interval(difference("failures", 0.0, -0.0001, 0.0001))) == "-0.010 to +0.010 points"
    assert format_interval(Difference(metric=P99)) == "\N{EN DASH}"
