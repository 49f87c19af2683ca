"""Response times over percentiles, drawn in ASCII.

The horizontal axis is that of HdrHistogram's plots: each further nine, from 90 to 99 to 99.9 %, is equally wide, as the
slow responses are what matters. The vertical axis is logarithmic where the times differ much. A row has three levels:
. at its bottom, - in its middle, ' at its top.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.units import format_duration_ns

_MARKS: Final = ".-'"
_FIRST: Final = 10.0  # percent; what is faster is of little interest, and would flatten the rest
_MOST_NINES: Final = 5
_FEWEST_BEYOND: Final = 10
_MARGIN: Final = 9
_LOGARITHMIC_FROM: Final = 3.0  # as a ratio of the longest to the shortest time
_LEAST_SPREAD: Final = 0.1  # a narrower range would make a cliff of nothing
_MOST_LABELS: Final = 6
_ROUND_STEPS: Final = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1,))


def last_nines(count: int) -> int:
    """Return up to which percentile, as a number of nines, so many values are worth drawing: ten lie beyond it."""
    nines = 0
    while nines < _MOST_NINES and count >= _FEWEST_BEYOND * 10 ** (nines + 1):
        nines += 1
    return nines


def draw_curve(
    values_at: Callable[[Sequence[float]], dict[float, int]], nines: int, width: int = 78, height: int = 10
) -> list[str]:
    """Return the lines of a figure: times in ns, as `values_at` has them by percentile, up to so many nines.

    90 % is one nine. Returns nothing if there are none.
    """
    if nines < 1:
        return []
    columns = width - _MARGIN
    begin = _nines_of(_FIRST)
    percentiles = [100 - 10 ** (2 - begin - (nines - begin) * column / (columns - 1)) for column in range(columns)]
    found = values_at(percentiles)
    values = [max(found[percentile], 1) for percentile in percentiles]
    axis = _axis_for(values[0], values[-1])
    levels = len(_MARKS) * height
    rows = [[" "] * columns for _ in range(height)]
    for column, value in enumerate(values):
        level = min(int(levels * axis.place(value)), levels - 1)
        rows[level // len(_MARKS)][column] = _MARKS[level % len(_MARKS)]
    labels = {min(int(height * axis.place(tick)), height - 1): format_duration_ns(tick) for tick in axis.ticks}
    lines = [
        f"{labels.get(row, ''):>{_MARGIN - 2}} {'+' if row in labels else '|'}{''.join(rows[row]).rstrip()}"
        for row in reversed(range(height))
    ]
    return [*lines, *_percentile_axis(nines, columns)]


@dataclass(frozen=True, slots=True)
class _Axis:
    """The vertical axis, from its lowest to its highest time, and the times that have a label."""

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the bottom, 1 at the top."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _axis_for(least: float, most: float) -> _Axis:
    if most >= _LOGARITHMIC_FROM * least:
        low, high = least / (most / least) ** 0.03, most * (most / least) ** 0.03
        return _Axis(low, high, True, _round_times(low, high))
    missing = max(_LEAST_SPREAD * most - (most - least), 0.0) / 2
    low, high = least - missing, most + missing
    margin = 0.05 * (high - low)
    low, high = max(low - margin, 0.0), high + margin
    step = next(
        step * 10.0**power
        for power in range(-1, 13)
        for step in (1, 2, 5)
        if (high - low) / (step * 10.0**power) < _MOST_LABELS
    )
    first = math.ceil(low / step)
    return _Axis(
        low, high, False, tuple(step * number for number in range(first, math.floor(high / step) + 1) if number)
    )


def _round_times(low: float, high: float) -> tuple[float, ...]:
    """Return as many round times between two others as there is room for labels, on a logarithmic axis."""
    ticks: tuple[float, ...] = ()
    for steps in _ROUND_STEPS:
        ticks = tuple(step * 10.0**power for power in range(13) for step in steps if low < step * 10.0**power < high)
        if len(ticks) <= _MOST_LABELS:
            break
    return ticks


def _percentile_axis(nines: int, columns: int) -> list[str]:
    """Return the line under the figure, with a mark at each percentile that is named below."""
    named = [_FIRST, 50.0, *(100 - 10.0 ** (2 - nine) for nine in range(1, nines + 1))]
    begin = _nines_of(_FIRST)
    line, text = ["-"] * columns, [" "] * columns
    for percentile in named:
        column = round((columns - 1) * (_nines_of(percentile) - begin) / (nines - begin))
        line[column] = "+"
        label = f"{percentile:.10g}" + (" %" if percentile == named[-1] else "")
        start = max(0, min(column - len(label) // 2, columns - len(label)))
        text[start : start + len(label)] = label
    return [" " * (_MARGIN - 1) + "+" + "".join(line), " " * _MARGIN + "".join(text).rstrip()]


def _nines_of(percentile: float) -> float:
    """Return a percentile as a number of nines: 1 for 90, 2 for 99."""
    return 2 - math.log10(100 - percentile)
