"""What all plotly figures of the page have in common: axes, and texts that are safe to show.

Colours are not in here: a trace says in its `meta` which of the page's it has, and the page's script paints it. So one
palette serves light, dark and print, and a line keeps its colour in every figure.
"""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from loadlab.report.drawing.scales import Scale


def compose_figure(traces: Sequence[go.Scatter | go.Bar], x_scale: Scale, y_scale: Scale, x_title: str) -> go.Figure:
    """Return the figure of these traces, whose positions are those of the scales."""
    shapes = []
    if x_scale.zero_at is not None:
        # A dotted line between 0 and the first logarithmic place: the axis is broken there.
        broken_at = x_scale.zero_at * 2
        shapes.append({"type": "line", "x0": broken_at, "x1": broken_at, "y0": 0, "y1": 1, "yref": "paper"})
        shapes[0]["line"] = {"dash": "dot", "width": 1}
    layout = go.Layout(
        template=go.layout.Template(),
        showlegend=False,
        hovermode="closest",
        xaxis=_axis(x_scale) | {"showgrid": False, "title": {"text": escape(x_title)}},
        yaxis=_axis(y_scale),
        shapes=shapes,
    )
    return go.Figure(data=list(traces), layout=layout)


def hover_text(name: str, *parts: str) -> str:
    """Return what is told of a point under the mouse: a name, if there is one, and lines below it."""
    lines = [f"<b>{escape(name)}</b>"] if name else []
    return "<br>".join([*lines, *(escape(part) for part in parts)])


def escape(text: str) -> str:
    """Return the text as it is read: plotly takes a subset of HTML in all texts, and some come from outside."""
    return html.escape(text, quote=False)


def _axis(scale: Scale) -> dict[str, object]:
    ends = (scale.low, scale.high)
    return {
        "type": scale.kind,
        # Plotly wants the ends of a logarithmic axis as exponents, but its ticks as values.
        "range": [math.log10(end) for end in ends] if scale.kind == "log" else list(ends),
        "tickvals": [tick.position for tick in scale.ticks],
        "ticktext": [escape(tick.text) for tick in scale.ticks],
        "zeroline": False,
    }
