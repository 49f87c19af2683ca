import pytest

from loadlab.report.layout import Arrangement, arrange
from loadlab.report.measures import MEMORY_RSS, RATE, TIME, Quantity
from loadlab.report.panels import Line, Panel, Point, Value
from loadlab.report.sentences import (
    describe_answered,
    describe_growth,
    describe_lines,
    join_names,
)
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import Scalar


def measured(*values: float) -> Value:
    return Value(sorted(values)[len(values) // 2], low=min(values), high=max(values), repeats=len(values))


def line(name: str, points: dict[Scalar, float | None]) -> Line:
    return Line(0, name, tuple(Point(x, None if value is None else measured(value)) for x, value in points.items()))


def over(*x_values: Scalar) -> Arrangement:
    return Arrangement("load.idle", x_values, (), ())


NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("points", "quantity", "text"),
    [
        ({0: 21_300.0, 9: 21_050.0}, RATE, "21,300 → 21,050 requests/s (no clear change)"),
        ({0: 100.0, 9: 150.0}, RATE, f"100 → 150 requests/s (+50{NBSP}%)"),
        ({0: 1_200_000.0, 9: 60_000_000.0}, TIME, "1.2 ms → 60 ms (50 times)"),
        ({0: 1_000_000.0, 9: 2_500_000.0}, TIME, "1 ms → 2.5 ms (2.5 times)"),
        ({0: 1_210_000.0, 9: 1_211_000.0}, TIME, "stays at 1.21 ms"),
        ({0: 0.0, 9: 5.0}, RATE, "0 → 5 requests/s"),
        ({0: 6.0, 9: 1_180_000.0}, TIME, "6 ns → 1.18 ms"),
    ],
)
def test_a_change_from_first_to_last(points: dict[Scalar, float | None], quantity: Quantity, text: str) -> None:
    sentence = describe_lines(over(0, 9), [line("epoll", points)], quantity)
    assert sentence == f"From 0 to 9 idle connections: epoll {text}."


def test_lines_that_end_early_are_described_with_their_own_range() -> None:
    lines = [
        line("select", {0: 100.0, 5: 50.0, 9: None}),
        line("poll", {0: 100.0, 5: None, 9: None}),
        line("epoll", {0: 100.0, 5: 100.0, 9: 90.0}),
        line("gone", {0: None, 5: None, 9: None}),
    ]
    assert describe_lines(over(0, 5, 9), lines, RATE) == (
        f"From 0 to 9 idle connections: epoll 100 → 90 requests/s (no clear change). "
        f"From 0 to 5 idle connections: select 100 → 50 requests/s (\N{MINUS SIGN}50{NBSP}%). "
        "At 0 idle connections: poll 100 requests/s."
    )


def test_names_on_x_are_listed() -> None:
    arrangement = Arrangement("target.server", ("select", "epoll"), ("",), ())
    assert describe_lines(arrangement, [line("", {"select": 640.0, "epoll": 21_000.0})], RATE) == (
        "select 640 requests/s, epoll 21,000 requests/s."
    )


def test_many_values_on_an_axis_of_names_are_described_by_the_ends_at_each_place() -> None:
    rates = {"a": 10.0, "b": 30.0, "c": 20.0}
    lines = [line(name, {f"h{x}": rate * x for x in range(1, 6)}) for name, rate in rates.items()]
    sentence = describe_lines(Arrangement("target.handler", ("h1",), ("a", "b", "c"), ()), lines, RATE)
    assert sentence.startswith("h1 10 (a) to 30 requests/s (b); h2 20 (a) to 60 requests/s (b); ")


def test_a_run_without_a_sweep_has_one_value() -> None:
    assert describe_lines(Arrangement(None, (None,), ("",), ()), [line("", {None: 42.0})], RATE) == "42 requests/s."


def test_of_many_lines_those_at_both_ends_stand_for_all() -> None:
    lines = [line(f"server-{number}", {0: 100.0, 9: float(number)}) for number in range(1, 8)]
    sentence = describe_lines(over(0, 9), lines, RATE)
    assert [name for name in (each.name for each in lines) if name in sentence] == [
        "server-1", "server-2", "server-6", "server-7",
    ]  # fmt: skip
    assert sentence.endswith("The other 3 end between them.")


def test_growth_is_stated_for_each_connection() -> None:
    lines = (line("thread", {0: 20_480_000.0, 1000: 40_960_000.0}), line("epoll", {0: 2_000.0, 1000: 2_000.0}))
    panel = Panel(MEMORY_RSS, lines)
    assert describe_growth(over(0, 1000), panel) == "Growth for each idle connection: thread 20 KiB."
    assert describe_growth(Arrangement("target.size", (0, 1000), (), ()), panel) == ""
    assert describe_growth(over(0, 1000), Panel(MEMORY_RSS, lines[1:])) == ""


def test_a_lower_bound_is_called_at_least_and_has_no_percent() -> None:
    points = (Point(0, measured(80_000)), Point(9, Value(85_600, 85_600, 85_600, at_least=True)))
    assert describe_lines(over(0, 9), [Line(0, "epoll", points)], RATE) == (
        "From 0 to 9 idle connections: epoll 80,000 → at least 85,600 requests/s."
    )


def test_a_rate_that_was_answered_is_said_to_be_met(open_load: RunDocument, sample_run: RunDirectory) -> None:
    epoll = [trial for trial in open_load.trials if trial.factors["target.server"] == "epoll"]
    assert [*describe_answered(arrange(open_load.profile, epoll))] == [
        f"The target answered the offered rate everywhere, to within 5{NBSP}%."
    ]
    document = sample_run.read_document()
    assert [*describe_answered(arrange(document.profile, document.trials))] == []


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a, 1", "b", "c"], "a, 1; b and c"),
        (["2,654-fold", "3-fold", "43 %"], "2,654-fold, 3-fold and 43 %"),
    ],
)
def test_names_in_a_sentence(names: list[str], joined: str) -> None:
    assert join_names(names) == joined
