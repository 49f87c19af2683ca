"""Percentile curves as plotly figures: HDR plots, time over percentile."""

from collections.abc import Iterator, Sequence
from typing import Final

import plotly.graph_objects as go

from loadlab.report.curves import Curve, CurvePanel, CurvePoint, Weight
from loadlab.report.drawing.figure import Trace, compose_figure, escape, hover_text, mark_of
from loadlab.report.drawing.scales import percentile_position, percentile_scale, value_scale
from loadlab.report.measures import TIME
from loadlab.units import format_duration_ns

_MARKS_ON_CURVE: Final = 7
# In pixels. A thin line is lighter, so it has smaller marks as well.
_WIDTHS: Final[dict[Weight, float]] = {"thin": 1.2, "medium": 1.8, "bold": 2.8}
_MARK_SIZES: Final[dict[Weight, float]] = {"thin": 5, "medium": 6, "bold": 8}


def draw_curves(panels: Sequence[CurvePanel]) -> tuple[go.Figure, ...]:
    """Return the plot of each panel, on the same axes but for those apart; traces have their curve as `meta.curve`."""
    x_scale = percentile_scale(max(point.percentile for panel in panels for point in _points(panel)))
    times = {
        is_apart: [point.time_ns for panel in panels if panel.is_apart is is_apart for point in _points(panel)]
        for is_apart in (False, True)
    }
    y_scales = {is_apart: value_scale(found, TIME) for is_apart, found in times.items() if found}
    return tuple(
        compose_figure([*_traces(panel.curves)], x_scale, y_scales[panel.is_apart], f"of all {panel.counted}")
        for panel in panels
    )


def _points(panel: CurvePanel) -> list[CurvePoint]:
    return [point for curve in panel.curves for point in curve.points]


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
