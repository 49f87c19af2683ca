"""The curve of response times over percentiles, drawn in ASCII."""

import numpy as np
import pytest

from loadlab.cli.hit.curve import draw_curve, last_nines
from loadlab.recording.histogram import Histogram


def curve_of(values_ns: list[int], width: int = 78, height: int = 10) -> list[str]:
    histogram = Histogram()
    histogram.fold(values_ns)
    return draw_curve(histogram.values_at, last_nines(histogram.count), width, height)


@pytest.mark.parametrize(
    ("count", "nines"), [(0, 0), (99, 0), (100, 1), (999, 1), (1000, 2), (100_000, 4), (1_000_000, 5), (10**9, 5)]
)
def test_ten_values_lie_beyond_the_last_percentile_that_is_drawn(count: int, nines: int) -> None:
    assert last_nines(count) == nines


def test_a_long_tail_is_drawn_on_a_logarithmic_axis() -> None:
    # From 1 ms on ten times as long with each nine: a straight line.
    values = [round(1e6 / (1 - rank / 10_000)) for rank in range(10_000)]
    assert curve_of(values, width=60, height=8) == [
        "    1 s +                                             ..--''",
        "        |                                      ..---''",
        " 100 ms +                                ..--''",
        "        |                         ..---''",
        "        |                   ..--''",
        "  10 ms +            ..--'''",
        "        |      ..--''",
        "   1 ms +.--'''",
        "        ++---+-----------+----------------+----------------+",
        "         10 50          90               99           99.9 %",
    ]


def test_equal_times_are_a_flat_line() -> None:
    drawn = [line for line in curve_of([5_000_000] * 1000)[:-2] if line[9:].strip()]
    assert len(drawn) == 1
    assert len(set(drawn[0][9:])) == 1


@pytest.mark.parametrize("spread", [0.001, 0.1, 1.0, 3.0])
def test_it_rises_from_left_to_right_and_has_labels_whatever_the_times_are(spread: float) -> None:
    values = np.random.default_rng(7).lognormal(14, spread, 20_000).astype(np.int64).tolist()
    lines = curve_of(values)
    figure = [line[9:].ljust(69) for line in lines[:-2]]
    rows = [[row for row in range(len(figure)) if figure[row][column] != " "] for column in range(69)]
    assert all(len(row) == 1 for row in rows)
    assert rows == sorted(rows, reverse=True)
    assert all(len(line) <= 78 for line in lines)
    assert sum(line[8] == "+" for line in lines[:-2]) >= 2


def test_too_few_values_make_no_curve() -> None:
    assert curve_of([1_000] * 99) == []
    assert curve_of([]) == []
