"""What each chart of the page shows, as plain data: a point for every setting, with nothing drawn yet.

A setting without a trial that can be shown has a point without a value: a gap, never a zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from loadlab.analysis.repeats import RepeatedMeasure, over_repeats
from loadlab.report.arrangement import Arrangement, Setting
from loadlab.report.measures import Measure
from loadlab.results.model import Scalar


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one x; `measured` is None where nothing was, `firm` says whether samples were enough."""

    x: Scalar
    measured: RepeatedMeasure | None = None
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel, with a point for each x value of the run; `index` is its colour in every chart."""

    index: int
    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[tuple[Scalar, RepeatedMeasure], ...]:
        """The points that have a value: x and what was measured there."""
        return tuple((point.x, point.measured) for point in self.points if point.measured)


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure, drawn for all lines."""

    measure: Measure
    lines: tuple[Line, ...]

    @property
    def values(self) -> Iterable[float]:
        """Every value that the y scale must reach, ends of spreads included."""
        for line in self.lines:
            for _, measured in line.measured:
                yield from (measured.low, measured.high)


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels that are looked at together; those that count the same are on one y scale."""

    key: str
    title: str
    panels: tuple[Panel, ...]

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
    found = over_repeats(trials, measure.read)
    return Point(x, found[0] if found else None, firm=all(measure.is_firm(trial) for trial in trials))
