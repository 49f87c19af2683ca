"""Charts of lines over x as plotly figures."""

from collections.abc import Iterable

import plotly.graph_objects as go

from loadlab.report.arrangement import Arrangement, format_scalar
from loadlab.report.changes import write_value
from loadlab.report.charts import Chart, Line, Point
from loadlab.report.drawing.figure import compose_figure, escape, hover_text
from loadlab.report.drawing.marks import Mark, mark_of
from loadlab.report.drawing.scales import Places, place_x, value_scale
from loadlab.report.quantities import Quantity


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
    where = f"{format_scalar(point.x)} {arrangement.x_title if arrangement.x_is_number else ''}".strip()
    parts = [write_value(value, quantity)]
    if arrangement.x_path:
        parts.append(where)
    if value.low < value.high:
        parts.append(f"{quantity.format(value.low)} to {quantity.format(value.high)} over repeats")
    return hover_text(line.name, *parts)
