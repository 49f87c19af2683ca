"""What each chart of the page shows, as plain data: a point for every setting, with nothing drawn yet.

A setting without a trial that can be shown has a point without a value: a gap, never a zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from loadlab.analysis.summary import over_repeats
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import Measure
from loadlab.results.model import Scalar


@dataclass(frozen=True, slots=True)
class Value:
    """What the repeats of one setting gave: their median, and the lowest and the highest of `repeats` of them.

    With `at_least` the load held the target back in one of them, so the target's own figure is this or higher.
    """

    median: float
    low: float
    high: float
    repeats: int = 1
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one x, None where nothing was; `too_few` says that for a percentile samples were lacking."""

    x: Scalar
    value: Value | None = None
    too_few: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel, with a point for each x value of the run; `index` is its colour in every chart."""

    index: int
    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[tuple[Scalar, Value], ...]:
        """The points that have a value: x and what was measured there."""
        return tuple((point.x, point.value) for point in self.points if point.value)


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure, drawn for all lines."""

    measure: Measure
    lines: tuple[Line, ...]

    @property
    def values(self) -> Iterable[float]:
        """Every value that the y scale must reach, ends of spreads included."""
        for line in self.lines:
            for _, value in line.measured:
                yield from (value.low, value.high)


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels that are looked at together; those that count the same are on one y scale.

    `columns` is how many stand beside each other where there is room.
    """

    key: str
    title: str
    panels: tuple[Panel, ...]
    columns: Literal[2, 3] = 2

    @property
    def legend(self) -> tuple[Line, ...]:
        """The lines that have a point in any panel."""
        drawn = {line.index: line for panel in self.panels for line in panel.lines if line.measured}
        return tuple(drawn[index] for index in sorted(drawn))


def panel_of(arrangement: Arrangement, measure: Measure) -> Panel:
    """Return the panel of a measure: a line for each of the arrangement, with a point for each of its x values."""
    by_place = {(setting.line, setting.x): setting for setting in arrangement.settings}
    return Panel(
        measure,
        tuple(
            Line(index, name, tuple(_point(x, by_place.get((index, x)), measure) for x in arrangement.x_values))
            for index, name in enumerate(arrangement.line_names)
        ),
    )


def _point(x: Scalar, setting: Setting | None, measure: Measure) -> Point:
    trials = setting.measured if setting else ()
    too_few = not all(measure.is_firm(trial) for trial in trials)
    found = over_repeats(trials, measure.read)
    if not found:
        return Point(x, too_few=too_few)
    [over] = found
    at_least = any(measure.is_lower_bound(trial) for trial in trials)
    return Point(x, Value(over.median, over.low, over.high, len(over.values), at_least), too_few)
