"""Charts of lines and of stacked bars over x as plotly figures."""

from collections.abc import Iterable
from typing import Final

import plotly.graph_objects as go

from loadlab.report.drawing.figure import Mark, compose_figure, escape, hover_text, mark_of
from loadlab.report.drawing.scales import Places, Scale, place_names, place_x, stack_scale, value_scale
from loadlab.report.layout import Arrangement
from loadlab.report.measures import Quantity
from loadlab.report.panels import Chart, Line, Point, StackedChart, StackedPanel
from loadlab.report.sentences import write_value
from loadlab.results.model import Scalar

_BAR_WIDTH: Final = 0.6


def draw_chart(arrangement: Arrangement, chart: Chart) -> tuple[go.Figure, ...]:
    """Return a figure for each panel of the chart; all have the same x axis, and the same y axis for one quantity."""
    places = place_x(arrangement)
    values: dict[Quantity, list[float]] = {}
    for panel in chart.panels:
        values.setdefault(panel.measure.quantity, []).extend(panel.values)
    y_scales = {quantity: value_scale(found, quantity) for quantity, found in values.items()}
    return tuple(
        compose_figure(
            [_trace(arrangement, line, places, panel.measure.quantity) for line in panel.lines],
            places.scale,
            y_scales[panel.measure.quantity],
            arrangement.x_title,
        )
        for panel in chart.panels
    )


def draw_stacked(arrangement: Arrangement, chart: StackedChart) -> tuple[go.Figure, ...]:
    """Return the bars of each panel, one for each x, with a trace for each part."""
    places = place_names(arrangement.x_values)
    shared = stack_scale([total for panel in chart.panels for total in panel.totals], chart.quantity)

    def scale_of(panel: StackedPanel) -> Scale:
        return shared if chart.scale_is_shared else stack_scale(panel.totals, chart.quantity)

    return tuple(
        compose_figure(
            [*_traces(arrangement, chart, panel, places)], places.scale, scale_of(panel), arrangement.x_title
        ).update_layout(barmode="stack")
        for panel in chart.panels
    )


def _trace(arrangement: Arrangement, line: Line, places: Places, quantity: Quantity) -> go.Scatter:
    mark = mark_of(line.index)
    return go.Scatter(
        x=[places.positions[point.x] for point in line.points],
        y=[point.value.median if point.value else None for point in line.points],
        mode="lines+markers" if arrangement.x_is_number else "markers",
        name=escape(line.name),
        connectgaps=False,
        line={"width": 2.5, "dash": mark.dash},
        marker={"size": 9, "symbol": [_symbol(mark, point) for point in line.points]},
        error_y=_spread(line.points),
        hoverinfo="text",
        hovertext=[_hover_point(arrangement, line, point, quantity) for point in line.points],
        meta={"line": line.index, "colour": mark.colour},
    )


def _symbol(mark: Mark, point: Point) -> str:
    """Hollow where the value is a lower bound."""
    return f"{mark.symbol}-open" if point.value and point.value.at_least else mark.symbol


def _spread(points: Iterable[Point]) -> dict[str, object]:
    """Whiskers from the lowest to the highest repeat, where there is more than one."""
    values = [point.value for point in points]
    return {
        "visible": any(value and value.low < value.high for value in values),
        "symmetric": False,
        "array": [value and value.high - value.median for value in values],
        "arrayminus": [value and value.median - value.low for value in values],
        "thickness": 1.5,
        "width": 4,
    }


def _hover_point(arrangement: Arrangement, line: Line, point: Point, quantity: Quantity) -> str:
    value = point.value
    if value is None:
        return ""
    parts = [write_value(value, quantity)]
    if arrangement.x_path:
        parts.append(arrangement.describe_x(point.x))
    if value.low < value.high:
        parts.append(f"{quantity.format(value.low)} to {quantity.format(value.high)} over repeats")
    return hover_text(line.name, *parts)


def _traces(arrangement: Arrangement, chart: StackedChart, panel: StackedPanel, places: Places) -> Iterable[go.Bar]:
    for number, (part, heights) in enumerate(zip(chart.parts, panel.heights, strict=True)):
        yield go.Bar(
            x=[places.positions[x] for x in arrangement.x_values],
            y=list(heights),
            name=escape(part),
            width=_BAR_WIDTH,
            hoverinfo="text",
            hovertext=[
                "" if height is None else _hover(arrangement, chart, part, height, x)
                for x, height in zip(arrangement.x_values, heights, strict=True)
            ],
            meta={"line": number, "colour": mark_of(number).colour},
        )


def _hover(arrangement: Arrangement, chart: StackedChart, part: str, height: float, x: Scalar) -> str:
    where = [arrangement.describe_x(x)] if arrangement.x_path else []
    return hover_text(part, f"{chart.quantity.format(height)} {chart.unit}", *where)
