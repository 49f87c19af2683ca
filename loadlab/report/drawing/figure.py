"""What all plotly figures of the page have in common: axes, marks of series, and texts that are safe to show."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import plotly.graph_objects as go

from loadlab.report.drawing.scales import Scale

COLOURS: Final = 8
Trace: TypeAlias = go.Scatter | go.Bar

# Room for the axis under bars that lie, in pixels.
_BELOW_ROWS: Final = 34
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
# As SVG writes them, for a line 2 wide; after plotly's own.
_DASH_ARRAYS: Final = ("none", "4 3", "2 2", "5 2 1 2", "7 3", "7 3 2 3")
_PATTERNS: Final = ("", "/", ".", "x", "-", "+")
_TURN: Final = 2 * math.pi


@dataclass(frozen=True, slots=True)
class Mark:
    """`colour` counts from 0 to COLOURS - 1; `symbol` and `dash` are plotly's names.

    `outline` and `dash_array` are the same for SVG: the corners of the symbol around (0, 0), which it reaches 5 from.
    `pattern` is what bars are hatched with instead of a dash, empty for a plain one.
    """

    colour: int
    symbol: str
    dash: str
    outline: str
    dash_array: str
    pattern: str


def mark_of(line: int) -> Mark:
    """Return the mark of the line with that index."""
    around, colour = divmod(line, COLOURS)
    # Three on each time around: 3 and 8 have no common divisor, so all symbols come before one comes again.
    symbol = [*_OUTLINES][(colour + 3 * around) % len(_OUTLINES)]
    dash = around % len(_DASHES)
    return Mark(colour, symbol, _DASHES[dash], _OUTLINES[symbol], _DASH_ARRAYS[dash], _PATTERNS[dash])


def _polygon(corners: int, first: float = -0.25, inner: float | None = None) -> str:
    """Corners evenly around the middle, the first at that part of a turn from the right, clockwise.

    With `inner`, a star: each second corner is that far out instead.
    """
    points = []
    for corner in range(corners):
        radius = 5.0 if inner is None or corner % 2 == 0 else inner
        angle = _TURN * (first + corner / corners)
        points.append(f"{radius * math.cos(angle):.1f},{radius * math.sin(angle):.1f}")
    return " ".join(points)


_OUTLINES: Final = {
    "circle": _polygon(24),
    "square": _polygon(4, 0.125),
    "diamond": _polygon(4),
    "triangle-up": _polygon(3),
    "triangle-down": _polygon(3, 0.25),
    "pentagon": _polygon(5),
    "star": _polygon(10, inner=2.0),
    "hexagon": _polygon(6),
}


def compose_figure(traces: Sequence[Trace], x_scale: Scale, y_scale: Scale, x_title: str) -> go.Figure:
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


def compose_lying(traces: Sequence[Trace], value_scale: Scale, names: Scale, row_height: float) -> go.Figure:
    """Return a figure of bars that lie: values on x, names below each other on y, each of `row_height` pixels."""
    rows = names.high - names.low
    layout = go.Layout(
        template=go.layout.Template(),
        showlegend=False,
        hovermode="closest",
        barmode="overlay",
        height=round(rows * row_height + _BELOW_ROWS),
        xaxis=_axis(value_scale),
        yaxis=_axis(names) | {"showgrid": False, "range": [names.high, names.low]},
    )
    return go.Figure(data=list(traces), layout=layout)


def spoiled_trace(x: list[float], y: list[float], hovertext: list[str], meta: Mapping[str, object]) -> go.Scatter:
    """Return faint crosses at figures that were measured again, as the machine had spoiled them."""
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        opacity=0.5,
        marker={"size": 7, "symbol": "x-thin", "line": {"width": 1.5}},
        hoverinfo="text",
        hovertext=hovertext,
        meta={**meta, "kind": "spoiled"},
    )


def hover_text(name: str, *parts: str) -> str:
    """Return the text on a point under the mouse: a name, if there is one, and lines below it."""
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
