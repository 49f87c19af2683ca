"""A figure of two runs in the cells of a table, for the terminal and the page."""

from typing import Final, Literal

from loadlab.analysis.comparison import ComparedFigure
from loadlab.report.differences import format_change, merit_of

Effect = Literal["better", "worse", "none", "unknown"]

# Beyond it the two halves of an interval of a ratio differ too much for a single number.
_WIDE: Final = 0.2
_TIMES: Final = "\N{MULTIPLICATION SIGN}"


def effect_of(figure: ComparedFigure) -> Effect:
    """Return whether B is better or worse than A, as far as the interval shows it; unknown without one."""
    return "unknown" if figure.interval is None else merit_of(figure) or "none"


def change_cell(figure: ComparedFigure) -> str:
    """Return a change, with a star if it is corrected and a question mark if it may be noise; empty for none."""
    return "" if figure.change is None else f"{format_change(figure.change, figure.metric)}{_marks(figure)}"


def interval_cell(figure: ComparedFigure) -> str:
    """Return the interval of a change, or why there is none."""
    if figure.interval is None:
        return figure.reason or ""
    ends = [format_change(end, figure.metric) for end in figure.interval]
    if any(end.startswith(_TIMES) for end in ends):  # one of them in percent would be hard to compare with the other
        ends = [f"{_TIMES}{1 + end:.2g}" for end in figure.interval]
    return " to ".join(ends)


def margin_cell(figure: ComparedFigure) -> str:
    """Return a change with its interval where there is little room: `+3.1 % ± 0.7 %`; a wide one by its ends."""
    if figure.change is None:
        return figure.reason or ""
    if figure.visible is None:
        return change_cell(figure)
    if figure.visible > _WIDE:
        return f"{interval_cell(figure)}{_marks(figure)}"
    return f"{format_change(figure.change, figure.metric)} ± {visible_cell(figure)}{_marks(figure)}"


def visible_cell(figure: ComparedFigure) -> str:
    """Return the smallest difference that would have been recognised; empty if that is not known."""
    return "" if figure.visible is None else format_change(figure.visible, figure.metric, signed=False)


def _marks(figure: ComparedFigure) -> str:
    return f"{'*' if figure.corrected else ''}{' ?' if figure.interval is None else ''}"
