"""Stacked charts as plotly figures."""

from collections.abc import Iterable

import plotly.graph_objects as go

from loadlab.report.arrangement import Arrangement, format_scalar
from loadlab.report.drawing.figure import compose_figure, escape, hover_text
from loadlab.report.drawing.marks import mark_of
from loadlab.report.drawing.scales import Places, Scale, place_names, stack_scale
from loadlab.report.stacked import StackedChart, StackedPanel

_BAR_WIDTH = 0.6


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


def _traces(arrangement: Arrangement, chart: StackedChart, panel: StackedPanel, places: Places) -> Iterable[go.Bar]:
    for number, (part, heights) in enumerate(zip(chart.parts, panel.heights, strict=True)):
        yield go.Bar(
            x=[places.positions[x] for x in arrangement.x_values],
            y=list(heights),
            name=escape(part),
            width=_BAR_WIDTH,
            hoverinfo="text",
            hovertext=[
                "" if height is None else _hover(arrangement, chart, part, height, format_scalar(x))
                for x, height in zip(arrangement.x_values, heights, strict=True)
            ],
            meta={"line": number, "colour": mark_of(number).colour},
        )


def _hover(arrangement: Arrangement, chart: StackedChart, part: str, height: float, x: str) -> str:
    where = [f"{x} {arrangement.x_title if arrangement.x_is_number else ''}".strip()] if arrangement.x_path else []
    return hover_text(part, f"{chart.quantity.format(height)} {chart.unit}", *where)
