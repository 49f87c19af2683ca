"""The comparison of runs as a page: one HTML file that works offline and needs no script.

For each figure a table with a row for each setting, and in it the change with its interval on an axis that all rows
share: so one sees at once where intervals exclude that nothing changed.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from loadlab.analysis.comparison import ComparedFigure, RunComparison
from loadlab.profile.metrics import FAILED_REQUESTS
from loadlab.report.comparison.answer import BASE, answer, doubt_lines, left_out_lines, name_setting
from loadlab.report.comparison.cells import Effect, change_cell, effect_of, interval_cell
from loadlab.report.differences import format_change, format_figure, name_of
from loadlab.results.vocabulary import vocabulary_for

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
_WIDTH: Final = 300  # of the drawing, in its own units
_EDGE: Final = 6
_LEAST_REACH: Final = math.log(1.02)
# Wider intervals end in an arrow: else one of them would leave no room for all others.
_MOST_REACH: Final = math.log(2)
_SPARE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a change and its interval lie in the drawing; `cut` ends lie beyond it."""

    at: float
    low: float | None
    high: float | None
    cut_low: bool
    cut_high: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A figure at one setting."""

    setting: str
    base: str
    other: str
    change: str
    interval: str
    effect: Effect
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class FigureTable:
    """All settings of one figure; `zero` is where no change lies, `ends` what the ends of the axis stand for."""

    title: str
    rows: tuple[Row, ...]
    zero: float
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run against the base."""

    letter: str
    about: str
    sentences: tuple[str, ...]
    tables: tuple[FigureTable, ...]
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]
    is_corrected: bool


def render_comparison(base: str, compared: Iterable[tuple[str, str, RunComparison]]) -> str:
    """Return the page; `base` is a line on the base run, the others are letters, such lines, and comparisons."""
    runs = [_describe(letter, about, comparison) for letter, about, comparison in compared]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup("").join(
        Markup((_TEMPLATES / name).read_text(encoding="utf-8")) for name in ("page.css", "comparison.css")
    )
    template = environment.get_template("comparison.html")
    return template.render(style=style, base=base, base_letter=BASE, runs=runs, width=_WIDTH)


def _describe(letter: str, about: str, comparison: RunComparison) -> ComparedRun:
    metrics = dict.fromkeys(figure.metric for figure in comparison.figures)
    return ComparedRun(
        letter=letter,
        about=about,
        sentences=tuple(answer(comparison, letter)),
        tables=tuple(_tabulate(comparison, metric) for metric in metrics),
        obstacles=tuple(comparison.obstacles),
        remarks=(
            *comparison.remarks,
            *left_out_lines(comparison.left_out),
            *doubt_lines(comparison.settings),
        ),
        is_corrected=any(figure.corrected for figure in comparison.figures),
    )


def _tabulate(comparison: RunComparison, metric: str) -> FigureTable:
    found = [(setting, figure) for setting in comparison.settings if (figure := setting.figure(metric)) is not None]
    reach = _reach([figure for _, figure in found])
    return FigureTable(
        title=name_of(metric, vocabulary_for(comparison.protocol)),
        rows=tuple(
            Row(
                setting=name_setting(setting.factors) or "the only setting",
                base=format_figure(metric, figure.a),
                other=format_figure(metric, figure.b),
                change=change_cell(figure),
                interval=interval_cell(figure),
                effect=effect_of(figure),
                bar=_bar(figure, reach),
            )
            for setting, figure in found
        ),
        zero=_WIDTH / 2,
        ends=(_end(metric, -reach), _end(metric, reach)),
    )


def _reach(figures: Sequence[ComparedFigure]) -> float:
    """Return how far the axis reaches on both sides."""
    ends = [abs(each) for figure in figures for each in _ends(figure)]
    furthest = max(ends, default=0.0) * _SPARE
    if figures[0].metric == FAILED_REQUESTS:
        return furthest or 1.0
    return min(max(furthest, _LEAST_REACH), _MOST_REACH)


def _bar(figure: ComparedFigure, reach: float) -> Bar | None:
    if figure.change is None:
        return None

    def place(value: float) -> float:
        inside = min(max(value / reach, -1.0), 1.0)
        return round(_WIDTH / 2 + inside * (_WIDTH / 2 - _EDGE), 1)

    at = place(_scaled(figure.metric, figure.change))
    if figure.interval is None:
        return Bar(at, None, None, cut_low=False, cut_high=False)
    low, high = _ends(figure)
    return Bar(at, place(low), place(high), cut_low=low < -reach, cut_high=high > reach)


def _ends(figure: ComparedFigure) -> Iterator[float]:
    """Yield the ends of the interval, or the change without one, on the scale of the axis."""
    if figure.interval is not None:
        yield from (_scaled(figure.metric, end) for end in figure.interval)
    elif figure.change is not None:
        yield _scaled(figure.metric, figure.change)


def _scaled(metric: str, change: float) -> float:
    """Twice as much is as far from no change as half as much is."""
    return change if metric == FAILED_REQUESTS else math.log1p(max(change, -0.999))


def _end(metric: str, place: float) -> str:
    change = place if metric == FAILED_REQUESTS else math.expm1(place)
    return format_change(change, metric)
