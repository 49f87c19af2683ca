"""Percentile curves and distributions as plotly figures."""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from loadlab.report.drawing.figure import compose_figure, escape, hover_text, mark_of
from loadlab.report.drawing.scales import (
    Scale,
    events_scale,
    percentile_position,
    percentile_scale,
    span_scale,
    value_scale,
)
from loadlab.report.measures import SHARE, TIME
from loadlab.report.sections.percentiles import Curve, CurvePanel
from loadlab.report.sections.why.distributions import Bin, Distribution, DistributionPanel
from loadlab.units import format_duration_ns, format_share

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


def draw_distributions(panels: Sequence[DistributionPanel]) -> tuple[go.Figure, ...]:
    """Return a figure for each panel, shares over values; all times have the same axis."""
    times = [panel for panel in panels if panel.quantity is TIME]
    return tuple(
        compose_figure(
            [_step_trace(panel, distribution) for distribution in panel.distributions],
            _x_scale(times) if panel in times else _x_scale([panel]),
            value_scale([each.share for each in _bins([panel])], SHARE),
            "",
        )
        for panel in panels
    )


def _x_scale(panels: Sequence[DistributionPanel]) -> Scale:
    bins = [*_bins(panels)]
    low, high = min(each.low for each in bins), max(each.high for each in bins)
    return span_scale(low, high, TIME) if panels[0].quantity is TIME else events_scale(low, high)


def _bins(panels: Iterable[DistributionPanel]) -> Iterable[Bin]:
    return (each for panel in panels for distribution in panel.distributions for each in distribution.bins)


def _step_trace(panel: DistributionPanel, distribution: Distribution) -> go.Scatter:
    bins = distribution.bins
    # From the ground up at the first edge, along each bin, and back to the ground at the last.
    edges = [edge for each in bins for edge in (each.low, each.high)]
    shares = [share for each in bins for share in (each.share, each.share)]
    texts = [text for each in bins for text in [_hover(panel, each)] * 2]
    return go.Scatter(
        x=[edges[0], *edges, edges[-1]],
        y=[0.0, *shares, 0.0],
        mode="lines",
        line={"width": 2, "shape": "linear"},
        fill="tozeroy",
        hoverinfo="text",
        hovertext=["", *texts, ""],
        meta={"line": distribution.end, "colour": mark_of(distribution.end).colour},
    )


def _hover(panel: DistributionPanel, one: Bin) -> str:
    share = f"{format_share(round(one.share, 4))} of the {panel.counted}"
    if panel.quantity is TIME:
        return hover_text("", share, f"took {TIME.format(one.low)} to {TIME.format(one.high)}")
    fewest, most = int(one.low), int(one.high) - 1
    events = "none" if most < 1 else f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return hover_text("", share, f"returned {events}")
