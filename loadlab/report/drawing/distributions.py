"""Distributions as plotly figures: both ends of a line laid over each other, as steps."""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from loadlab.report.drawing.figure import compose_figure, hover_text
from loadlab.report.drawing.marks import mark_of
from loadlab.report.drawing.scales import Scale, events_scale, span_scale, value_scale
from loadlab.report.quantities import SHARE, TIME
from loadlab.report.why.distributions import Bin, Distribution, DistributionPanel
from loadlab.units import format_share


def draw_distributions(panels: Sequence[DistributionPanel]) -> tuple[go.Figure, ...]:
    """Return a figure for each panel, shares over values; all times have the same axis."""
    times = [panel for panel in panels if panel.quantity is TIME]
    return tuple(
        compose_figure(
            [_trace(panel, distribution) for distribution in panel.distributions],
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


def _trace(panel: DistributionPanel, distribution: Distribution) -> go.Scatter:
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
