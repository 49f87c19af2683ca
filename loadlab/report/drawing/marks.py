"""How a line is told from the others without its name: a colour, a symbol, and how it is dashed.

Eight colours are about as many as all kinds of colour vision tell apart. So each further eight lines take them again,
with other symbols and another dash: no two of the first 64 lines have the same colour and symbol.
"""

import math
from dataclasses import dataclass
from typing import Final

COLOURS: Final = 8

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
# As SVG writes them, for a line 2 wide; after plotly's own.
_DASH_ARRAYS: Final = ("none", "4 3", "2 2", "5 2 1 2", "7 3", "7 3 2 3")
_TURN: Final = 2 * math.pi


@dataclass(frozen=True, slots=True)
class Mark:
    """`colour` counts from 0 to COLOURS - 1; `symbol` and `dash` are plotly's names.

    `outline` and `dash_array` are the same for SVG: the corners of the symbol around (0, 0), which it reaches 5 from.
    """

    colour: int
    symbol: str
    dash: str
    outline: str
    dash_array: str


def mark_of(line: int) -> Mark:
    """Return the mark of the line with that index."""
    around, colour = divmod(line, COLOURS)
    # Three on each time around: 3 and 8 have no common divisor, so all symbols come before one comes again.
    symbol = [*_OUTLINES][(colour + 3 * around) % len(_OUTLINES)]
    dash = around % len(_DASHES)
    return Mark(colour, symbol, _DASHES[dash], _OUTLINES[symbol], _DASH_ARRAYS[dash])


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
