"""Bars as plotly figures: figures of what has names and no order, and parts of a whole stacked on each other.

Bars of names lie, a row for each: so the names can be read at any width, and each bar has its figure at its end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import plotly.graph_objects as go

from loadlab.report.drawing.figure import (
    Trace,
    compose_figure,
    compose_lying,
    escape,
    hover_text,
    mark_of,
    spoiled_trace,
)
from loadlab.report.drawing.hover import hover_point, hover_spoiled
from loadlab.report.drawing.scales import Places, Scale, bar_scale, place_names, stack_scale
from loadlab.report.layout import Arrangement
from loadlab.report.measures import Quantity
from loadlab.report.panels import READABLE, Chart, Line, Panel, Point, StackedChart, StackedPanel
from loadlab.results.trial import Scalar

_DASH: Final = "\N{EN DASH}"
_NBSP: Final = "\N{NO-BREAK SPACE}"
_GROUP_WIDTH: Final = 0.82
_BAR_WIDTH: Final = 0.6
_BAR_PIXELS: Final = 19.0
_ROW_PIXELS: Final = 28.0


def draw_bars(arrangement: Arrangement, chart: Chart) -> tuple[go.Figure, ...]:
    """Return a figure for each panel: a row for each place on x, in it a bar for each line.

    With a single line each place has its colour, as it is what is compared.
    """
    return tuple(_draw_panel(arrangement, panel, _scale_of(panel, chart)) for panel in chart.panels)


def draw_stacked(arrangement: Arrangement, chart: StackedChart) -> tuple[go.Figure, ...]:
    """Return the bars of each panel, one for each x, with a trace for each part; they lie where x has names."""
    places = place_names(arrangement.x_values)
    shared = stack_scale([total for panel in chart.panels for total in panel.totals], chart.quantity)

    def draw(panel: StackedPanel) -> go.Figure:
        scale = shared if chart.scale_is_shared else stack_scale(panel.totals, chart.quantity)
        traces = [*_parts(arrangement, chart, panel, places)]
        if arrangement.x_is_number:
            figure = compose_figure(traces, places.scale, scale, arrangement.x_title)
        else:
            figure = compose_lying(traces, scale, places.scale, _ROW_PIXELS)
        return figure.update_layout(barmode="stack")

    return tuple(draw(panel) for panel in chart.panels)


def _scale_of(panel: Panel, chart: Chart) -> Scale:
    """The scale of all panels of that quantity, or its own if its bars could hardly be seen on that."""
    quantity = panel.measure.quantity
    values = [*panel.values]
    shared = [value for each in chart.panels if each.measure.quantity is quantity for value in each.values]
    return bar_scale(shared if max(values) >= READABLE * max(shared) else values, quantity)


def _draw_panel(arrangement: Arrangement, panel: Panel, scale: Scale) -> go.Figure:
    places = place_names(arrangement.x_values)
    lines = [line for line in panel.lines if line.measured]
    width = _GROUP_WIDTH / len(lines)
    traces: list[Trace] = []
    for number, line in enumerate(lines):
        offset = width * (number - (len(lines) - 1) / 2)
        at = [places.positions[point.x] + offset for point in line.points]
        if len(lines) == len(panel.lines) == 1:
            for index, point in enumerate(line.points):
                of_place = replace(line, index=index, points=(point,))
                traces += _bar_traces(arrangement, of_place, at[index : index + 1], width, scale, panel)
        else:
            traces += _bar_traces(arrangement, line, at, width, scale, panel)
    row = _ROW_PIXELS if len(lines) == 1 else len(lines) * _BAR_PIXELS / _GROUP_WIDTH
    return compose_lying(traces, scale, places.scale, row)


def _bar_traces(
    arrangement: Arrangement, line: Line, at: Sequence[float], width: float, scale: Scale, panel: Panel
) -> Iterator[Trace]:
    """The bars of a line, or points where the scale has no zero that a bar could begin at; then their labels."""
    quantity, mark = panel.measure.quantity, mark_of(line.index)
    meta = {"line": line.index, "colour": mark.colour}
    hollow = [bool(point.value and point.value.doubts) for point in line.points]
    shared = {
        "x": [point.value.median if point.value else None for point in line.points],
        "y": list(at),
        "name": escape(line.name),
        "error_x": _whiskers(line.points),
        "hoverinfo": "text",
        "hovertext": [hover_point(arrangement, line, point, quantity) for point in line.points],
        "meta": meta | {"hollow": hollow},
    }
    if scale.kind == "log":
        yield go.Scatter(mode="markers", marker={"size": 10, "symbol": mark.symbol}, **shared)
    else:
        marker = {"pattern": {"shape": mark.pattern}} if mark.pattern else {}
        yield go.Bar(orientation="h", width=width * 0.9, marker=marker, **shared)
    ends = [_end(point) for point in line.points]
    yield go.Scatter(
        x=[scale.low if end is None else end for end in ends],
        y=list(at),
        mode="text",
        text=[_label(point, quantity) for point in line.points],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
        meta=meta | {"kind": "label"},
    )
    spoiled = [(point.x, place, value) for point, place in zip(line.points, at, strict=True) for value in point.spoiled]
    if spoiled:
        yield spoiled_trace(
            [value for _, _, value in spoiled],
            [place for _, place, _ in spoiled],
            [hover_spoiled(arrangement, line, x, value, quantity) for x, _, value in spoiled],
            meta,
        )


def _whiskers(points: Sequence[Point]) -> dict[str, object]:
    """The 95 % interval, or without one from the lowest to the highest repeat."""
    values = [point.value for point in points]
    reach = [(value.interval or (value.low, value.high)) if value else None for value in values]
    return {
        "visible": any(ends and ends[0] < ends[1] for ends in reach),
        "symmetric": False,
        "array": [value and ends and ends[1] - value.median for value, ends in zip(values, reach, strict=True)],
        "arrayminus": [value and ends and value.median - ends[0] for value, ends in zip(values, reach, strict=True)],
        "thickness": 1.5,
        "width": 4,
    }


def _end(point: Point) -> float | None:
    """Where the bar and its whisker end."""
    return max(point.value.high, *(point.value.interval or ()), point.value.median) if point.value else None


def _label(point: Point, quantity: Quantity) -> str:
    text = _DASH
    if point.value:
        text = f"{'at least ' if point.value.at_least else ''}{quantity.format(point.value.median)}"
    return f"{_NBSP}{text}"  # a little away from the bar


def _parts(arrangement: Arrangement, chart: StackedChart, panel: StackedPanel, places: Places) -> Iterator[go.Bar]:
    positions = [places.positions[x] for x in arrangement.x_values]
    lying = not arrangement.x_is_number
    for number, (part, heights) in enumerate(zip(chart.parts, panel.heights, strict=True)):
        yield go.Bar(
            x=list(heights) if lying else positions,
            y=positions if lying else list(heights),
            orientation="h" if lying else "v",
            name=escape(part),
            width=_BAR_WIDTH,
            hoverinfo="text",
            hovertext=[
                "" if height is None else _hover_part(arrangement, chart, part, height, x)
                for x, height in zip(arrangement.x_values, heights, strict=True)
            ],
            meta={"line": number, "colour": mark_of(number).colour},
        )


def _hover_part(arrangement: Arrangement, chart: StackedChart, part: str, height: float, x: Scalar) -> str:
    where = [arrangement.describe_x(x)] if arrangement.x_path else []
    return hover_text(part, f"{chart.quantity.format(height)} {chart.unit}", *where)
