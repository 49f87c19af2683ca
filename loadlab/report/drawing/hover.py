"""The text on a point or bar under the mouse: whose it is, its figure, and how sure that is."""

from collections.abc import Iterator

from loadlab.report.drawing.figure import hover_text
from loadlab.report.layout import Arrangement
from loadlab.report.measures import Quantity
from loadlab.report.panels import Line, Point, Value
from loadlab.report.sentences import write_value
from loadlab.results.trial import Scalar


def hover_point(arrangement: Arrangement, line: Line, point: Point, quantity: Quantity) -> str:
    """The text on one point; empty where nothing was measured."""
    if point.value is None:
        return ""
    return hover_text(
        line.name,
        write_value(point.value, quantity),
        *_where(arrangement, point.x),
        *_certainty(point.value, quantity),
    )


def hover_spoiled(arrangement: Arrangement, line: Line, x: Scalar, value: float, quantity: Quantity) -> str:
    """The text on an attempt that was measured again."""
    figure = quantity.format_with_unit(value)
    return hover_text(line.name, figure, *_where(arrangement, x), "spoiled by the machine, measured again")


def _where(arrangement: Arrangement, x: Scalar) -> Iterator[str]:
    if arrangement.x_path:
        yield arrangement.describe_x(x)


def _certainty(value: Value, quantity: Quantity) -> Iterator[str]:
    if value.interval:
        yield f"95 %: {quantity.format(value.interval[0])} to {quantity.format(value.interval[1])}"
    if value.low < value.high:
        yield f"{quantity.format(value.low)} to {quantity.format(value.high)} over repeats"
    if value.doubts:
        yield f"suspect: {', '.join(code.replace('_', ' ') for code in value.doubts)}"
