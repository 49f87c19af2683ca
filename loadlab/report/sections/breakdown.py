"""What a figure is made of, over x: panels of stacked bars, and the law fitted through each series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.report.layout import Arrangement
from loadlab.report.measures import Measure, Quantity
from loadlab.report.sections.charts import Line, panel_of
from loadlab.results.model import Law


@dataclass(frozen=True, slots=True)
class LineLaw:
    """What one line of a chart follows; `line` is its index."""

    line: int
    text: str


def laws_of(arrangement: Arrangement, laws: Iterable[Law], metric: str) -> tuple[LineLaw, ...]:
    """Return the laws of `metric` over the x axis, in the order of the lines."""
    found = [
        LineLaw(line, law.text)
        for law in laws
        if law.metric == metric
        and law.over == arrangement.x_path
        and (line := arrangement.line_of(law.where)) is not None
    ]
    return tuple(sorted(found, key=lambda law: law.line))


# Bars lower than this part of the highest are too low to tell their parts.
_READABLE: Final = 0.1
_MOST_LARGE_PANELS: Final = 6


@dataclass(frozen=True, slots=True)
class StackedPanel:
    """One line of the run; `heights` has for each part its value at each x, None where it was not measured."""

    name: str
    heights: tuple[tuple[float | None, ...], ...]

    @property
    def totals(self) -> list[float]:
        """How high the bars are, where there is one."""
        columns = [[height for height in column if height is not None] for column in zip(*self.heights, strict=True)]
        return [sum(column) for column in columns if len(column) == len(self.heights)]


@dataclass(frozen=True, slots=True)
class StackedChart:
    """`parts` name what stands in each bar, from its bottom to its top; `unit` is what their values are for one of."""

    title: str
    parts: tuple[str, ...]
    panels: tuple[StackedPanel, ...]
    quantity: Quantity
    unit: str

    @property
    def columns(self) -> int:
        """How many panels stand beside each other where there is room."""
        return min(len(self.panels), 3) if len(self.panels) <= _MOST_LARGE_PANELS else 4

    @property
    def scale_is_shared(self) -> bool:
        """Whether the lowest panel can be read on the scale of the highest; if not, each has a scale of its own."""
        highest = [max(panel.totals, default=0.0) for panel in self.panels]
        return min(highest) >= _READABLE * max(highest)


def stack(arrangement: Arrangement, title: str, measures: Sequence[Measure], unit: str) -> StackedChart | None:
    """Return the chart of measures that add up, medians over repeats; None where there are none.

    All count the same, and a trial has either all of them or none.
    """
    of_parts = [panel_of(arrangement, measure).lines for measure in measures]
    panels = tuple(
        StackedPanel(lines[0].name, tuple(_heights(line) for line in lines))
        for lines in zip(*of_parts, strict=True)
        if lines[0].measured
    )
    if not panels:
        return None
    return StackedChart(title, tuple(measure.title for measure in measures), panels, measures[0].quantity, unit)


def _heights(line: Line) -> tuple[float | None, ...]:
    return tuple(point.value.median if point.value else None for point in line.points)
