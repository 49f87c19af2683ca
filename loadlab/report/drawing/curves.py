"""Percentile curves as plotly figures."""

from collections.abc import Sequence

import plotly.graph_objects as go

from loadlab.report.curves import Curve, CurvePanel
from loadlab.report.drawing.figure import compose_figure, escape, hover_text
from loadlab.report.drawing.marks import mark_of
from loadlab.report.drawing.scales import percentile_position, percentile_scale, value_scale
from loadlab.report.quantities import TIME
from loadlab.units import format_duration_ns

_MARKS_ON_CURVE = 7


def draw_curves(panels: Sequence[CurvePanel]) -> tuple[go.Figure, ...]:
    """Return the HDR plot of each panel, time over percentile: a trace for each curve, all panels on the same axes."""
    points = [point for panel in panels for curve in panel.curves for point in curve.points]
    x_scale = percentile_scale(max(point.percentile for point in points))
    y_scale = value_scale([point.time_ns for point in points], TIME)
    return tuple(
        compose_figure([_trace(curve) for curve in panel.curves], x_scale, y_scale, "of all requests")
        for panel in panels
    )


def _trace(curve: Curve) -> go.Scatter:
    mark = mark_of(curve.line)
    return go.Scatter(
        x=[percentile_position(point.percentile) for point in curve.points],
        y=[point.time_ns for point in curve.points],
        mode="lines+markers",
        name=escape(curve.name),
        line={"dash": curve.stroke, "width": 2},
        marker={"size": 7, "symbol": mark.symbol, "maxdisplayed": _MARKS_ON_CURVE},
        hoverinfo="text",
        hovertext=[
            hover_text(curve.name, f"{point.percentile:.6g} % within {format_duration_ns(point.time_ns)}")
            for point in curve.points
        ],
        visible=curve.chosen,
        meta={"line": curve.line, "colour": mark.colour},
    )
