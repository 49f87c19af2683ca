"""One small diagram over the time of a window."""

from dataclasses import dataclass
from typing import Literal

Shape = Literal["steps", "stack", "points"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel; a value that was not read is None."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn over `seconds` since the start of the window, in `unit`.

    `points` are states, one at each of `seconds`. `steps` are rates, each of them from one of `seconds` to the next, so
    there is one fewer; so are those of a `stack`, which add up. `moved` says that it did not stay what it was.
    """

    title: str
    unit: str
    shape: Shape
    seconds: tuple[float, ...]
    lines: tuple[Line, ...]
    moved: bool
