"""Charts over x as plotly figures: lines with their intervals where x is a number, bars where it is a name."""

import math
from collections.abc import Iterable, Iterator

import plotly.graph_objects as go

from loadlab.report.drawing import bars
from loadlab.report.drawing.figure import Trace, compose_figure, escape, mark_of, spoiled_trace
from loadlab.report.drawing.hover import hover_point, hover_spoiled
from loadlab.report.drawing.scales import Places, Scale, place_x, value_scale
from loadlab.report.layout import Arrangement
from loadlab.report.measures import Quantity
from loadlab.report.panels import Chart, Line, Panel, Point


def draw_chart(arrangement: Arrangement, chart: Chart) -> tuple[go.Figure, ...]:
    """Return a figure for each panel of the chart; all have the same x axis, and the same scale for one quantity."""
    if not arrangement.x_is_number:
        return bars.draw_bars(arrangement, chart)
    places = place_x(arrangement)
    values: dict[Quantity, list[float]] = {}
    for panel in chart.panels:
        values.setdefault(panel.measure.quantity, []).extend(panel.values)
    scales = {quantity: value_scale(found, quantity) for quantity, found in values.items()}
    return tuple(
        compose_figure(
            _traces(arrangement, panel, places, scales[panel.measure.quantity]),
            places.scale,
            scales[panel.measure.quantity],
            arrangement.x_title,
        )
        for panel in chart.panels
    )


def describe_marks(arrangement: Arrangement, chart: Chart) -> Iterator[str]:
    """Explain the axis and the marks of this chart where they need it; one sentence each."""
    if not chart.panels:
        return
    scale = place_x(arrangement).scale
    is_lines = arrangement.x_is_number
    if is_lines and scale.zero_at is not None:
        yield "The x axis is logarithmic, with 0 set apart on the left."
    elif is_lines and scale.kind == "log":
        yield "The x axis is logarithmic."
    points = [point for panel in chart.panels for line in panel.lines for point in line.points]
    values = [point.value for point in points if point.value]
    what, spread = ("Points", "Bands") if is_lines else ("Bars", "Whiskers")
    repeats = max((value.repeats for value in values), default=0)
    if any(value.interval for value in values):
        yield f"{spread} are 95 % intervals."
    elif repeats > 1:
        yield f"{what} are medians of up to {repeats} repeats; whiskers reach from the lowest to the highest."
    if any(value.at_least for value in values):
        mark = "An arrow marks" if is_lines else "“At least” marks"
        yield f"{mark} a lower bound: the client, not the target, was the limit there."
    if doubts := dict.fromkeys(code.replace("_", " ") for value in values for code in value.doubts):
        yield f"Hollow {what.lower()} are suspect ({', '.join(doubts)}); “Findings” says more."
    if any(point.spoiled for point in points):
        yield "Faint crosses are attempts that the machine spoiled; they were measured again."
    if any(point.too_few for point in points):
        yield "A percentile is left out where fewer than 10 samples lie beyond it, or the window was too short for it."


def _traces(arrangement: Arrangement, panel: Panel, places: Places, scale: Scale) -> list[Trace]:
    """Bands first, so that no line lies under one."""
    quantity = panel.measure.quantity
    return [
        *(band for line in panel.lines for band in _bands(line, places, scale)),
        *(_line_trace(arrangement, line, places, quantity) for line in panel.lines),
        *(spoiled for line in panel.lines for spoiled in _spoiled(arrangement, line, places, quantity)),
    ]


def _bands(line: Line, places: Places, scale: Scale) -> Iterator[go.Scatter]:
    """One band for each stretch of points that all have an interval."""
    lowest = scale.low if scale.kind == "log" else -math.inf
    for stretch in _stretches(line.points):
        x = [places.positions[point.x] for point, _ in stretch]
        yield go.Scatter(
            x=[*x, *reversed(x)],
            y=[*(high for _, (_, high) in stretch), *(max(low, lowest) for _, (low, _) in reversed(stretch))],
            mode="none",
            fill="toself",
            hoverinfo="skip",
            meta={"line": line.index, "colour": mark_of(line.index).colour, "kind": "band"},
        )


def _stretches(points: Iterable[Point]) -> Iterator[list[tuple[Point, tuple[float, float]]]]:
    stretch: list[tuple[Point, tuple[float, float]]] = []
    for point in (*points, None):
        if point is not None and point.value is not None and point.value.interval is not None:
            stretch.append((point, point.value.interval))
        else:
            if len(stretch) > 1:
                yield stretch
            stretch = []


def _line_trace(arrangement: Arrangement, line: Line, places: Places, quantity: Quantity) -> go.Scatter:
    mark = mark_of(line.index)
    bounds = ["↑" if point.value and point.value.at_least else "" for point in line.points]
    return go.Scatter(
        x=[places.positions[point.x] for point in line.points],
        y=[point.value.median if point.value else None for point in line.points],
        mode="lines+markers+text" if any(bounds) else "lines+markers",
        name=escape(line.name),
        connectgaps=False,
        line={"width": 2.5, "dash": mark.dash},
        marker={"size": 9, "symbol": mark.symbol},
        error_y=_whiskers(line.points),
        text=bounds if any(bounds) else None,
        textposition="top center",
        cliponaxis=not any(bounds),
        hoverinfo="text",
        hovertext=[hover_point(arrangement, line, point, quantity) for point in line.points],
        meta={
            "line": line.index,
            "colour": mark.colour,
            "hollow": [bool(point.value and point.value.doubts) for point in line.points],
        },
    )


def _whiskers(points: Iterable[Point]) -> dict[str, object]:
    """From the lowest to the highest repeat, where there is more than one and no interval is known."""
    values = [point.value if point.value and not point.value.interval else None for point in points]
    return {
        "visible": any(value and value.low < value.high for value in values),
        "symmetric": False,
        "array": [value and value.high - value.median for value in values],
        "arrayminus": [value and value.median - value.low for value in values],
        "thickness": 1.5,
        "width": 4,
    }


def _spoiled(arrangement: Arrangement, line: Line, places: Places, quantity: Quantity) -> Iterator[go.Scatter]:
    found = [(point.x, value) for point in line.points for value in point.spoiled]
    if found:
        yield spoiled_trace(
            [places.positions[x] for x, _ in found],
            [value for _, value in found],
            [hover_spoiled(arrangement, line, x, value, quantity) for x, value in found],
            {"line": line.index, "colour": mark_of(line.index).colour},
        )
