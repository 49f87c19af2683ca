"""Percentile curves as plotly figures: HDR plots, time over percentile."""

from collections.abc import Iterator, Sequence
from typing import Final

import plotly.graph_objects as go

from loadlab.report.curves import Curve, CurvePanel, Weight
from loadlab.report.drawing.figure import Trace, compose_figure, escape, hover_text, mark_of
from loadlab.report.drawing.scales import percentile_position, percentile_scale, value_scale
from loadlab.report.measures import TIME
from loadlab.units import format_duration_ns

_MARKS_ON_CURVE: Final = 7
# In pixels. A thin line is lighter, so it has smaller marks as well.
_WIDTHS: Final[dict[Weight, float]] = {"thin": 1.2, "medium": 1.8, "bold": 2.8}
_MARK_SIZES: Final[dict[Weight, float]] = {"thin": 5, "medium": 6, "bold": 8}


def draw_curves(panels: Sequence[CurvePanel]) -> tuple[go.Figure, ...]:
    """Return the plot of each panel, all on the same axes; the traces of a curve have its number as `meta.curve`."""
    points = [point for panel in panels for curve in panel.curves for point in curve.points]
    x_scale = percentile_scale(max(point.percentile for point in points))
    y_scale = value_scale([point.time_ns for point in points], TIME)
    return tuple(
        compose_figure([*_traces(panel.curves)], x_scale, y_scale, f"of all {panel.counted}") for panel in panels
    )


def _traces(curves: Sequence[Curve]) -> Iterator[Trace]:
    """Bands first, so that no curve lies under one."""
    yield from (_band_trace(curve) for curve in curves if curve.band)
    yield from (_trace(curve) for curve in curves)


def _band_trace(curve: Curve) -> go.Scatter:
    x = [percentile_position(point.percentile) for point in curve.band]
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*(point.high_ns for point in curve.band), *(point.low_ns for point in reversed(curve.band))],
        mode="none",
        fill="toself",
        hoverinfo="skip",
        visible=curve.chosen,
        meta={"line": curve.line, "colour": mark_of(curve.line).colour, "curve": curve.number, "kind": "band"},
    )


def _trace(curve: Curve) -> go.Scatter:
    mark = mark_of(curve.line)
    return go.Scatter(
        x=[percentile_position(point.percentile) for point in curve.points],
        y=[point.time_ns for point in curve.points],
        mode="lines+markers",
        name=escape(curve.name),
        line={"dash": mark.dash, "width": _WIDTHS[curve.weight]},
        marker={"size": _MARK_SIZES[curve.weight], "symbol": mark.symbol, "maxdisplayed": _MARKS_ON_CURVE},
        hoverinfo="text",
        hovertext=[
            hover_text(curve.name, f"{point.percentile:.6g} % within {format_duration_ns(point.time_ns)}")
            for point in curve.points
        ],
        visible=curve.chosen,
        meta={"line": curve.line, "colour": mark.colour, "curve": curve.number},
    )
