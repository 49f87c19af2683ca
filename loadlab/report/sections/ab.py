"""What stands first on the page of a comparison in the same seconds: its table, and the difference over time."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import plotly.graph_objects as go

from loadlab.analysis.pairs import PAIRED_METRICS, PairedChange, compare_rounds
from loadlab.report.differences import format_change, name_of
from loadlab.report.drawing.figure import compose_figure, hover_text, mark_of
from loadlab.report.drawing.scales import Scale, Tick
from loadlab.report.paired import compared_figures
from loadlab.report.sections.section import Run, Section
from loadlab.report.tables import PlainTable
from loadlab.results.run import RunDocument
from loadlab.results.trial import Round
from loadlab.results.vocabulary import vocabulary_of

_DASH: Final = "\N{EN DASH}"
_FIGURE: Final = "difference"
_STEPS: Final = 60
_FEWEST_PAIRS: Final = 5
_MOST_LABELS: Final = 6
# Single pairs scatter so much that the estimate would be a flat line on an axis that shows all of them.
_SHOWN: Final = 0.9
_PAIRS, _ESTIMATE = 0, 1


@dataclass(frozen=True, slots=True)
class PairPoint:
    """One pair: when it was measured, in seconds after the first, and by which part B differed from A in it."""

    at: float
    change: float


@dataclass(frozen=True, slots=True)
class EstimatePoint:
    """What was known after so many seconds: the change from A to B with its 95 % interval."""

    at: float
    pairs: int
    found: PairedChange


@dataclass(frozen=True, slots=True)
class DifferenceOverTime:
    """The difference in `metric`, which is called `name`, pair by pair, and as it was known after each of them."""

    metric: str
    name: str
    pairs: tuple[PairPoint, ...]
    estimates: tuple[EstimatePoint, ...]

    @property
    def title(self) -> str:
        """What the figure shows."""
        return f"B against A in {self.name}, as it went on"

    @property
    def sentence(self) -> str:
        """What the marks are, and how many of them lie beyond the figure."""
        low, high = self.ends
        beyond = sum(not low <= point.change <= high for point in self.pairs)
        hidden = f" {beyond} of {len(self.pairs)} pairs lie beyond the figure." if beyond else ""
        return (
            "Each point is a pair of slices; the line is what all pairs until then give, its band the 95 % interval."
            f"{hidden}"
        )

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the y axis: they hold nine in ten pairs, the last interval, and 0."""
        changes = sorted(point.change for point in self.pairs)
        spare = int(len(changes) * (1 - _SHOWN) / 2)
        shown = [0.0, changes[spare], changes[-1 - spare]]
        if self.estimates:
            last = self.estimates[-1].found
            shown += [last.low, last.high]
        margin = 0.08 * (max(shown) - min(shown)) or 0.01
        return min(shown) - margin, max(shown) + margin


@dataclass(frozen=True, slots=True)
class Comparison(Section):
    """`labels` say what A and B are; `over_time` is None where no pair could be compared."""

    labels: tuple[tuple[str, str], ...]
    table: PlainTable | None
    over_time: DifferenceOverTime | None
    template: ClassVar[str] = "ab.html"

    def draw(self) -> dict[str, go.Figure]:
        """Return the difference over time."""
        return {_FIGURE: draw_difference(self.over_time)} if self.over_time else {}


def sections_of(run: Run) -> Iterator[Comparison]:
    """Yield the section of a run that compares two servers in the same seconds."""
    comparison = run.document.ab
    if comparison is not None:
        labels = (("A", comparison.a.label), ("B", comparison.b.label))
        yield Comparison(labels, table_of(run.document), difference_over_time(run.document))


def table_of(document: RunDocument) -> PlainTable | None:
    """Return all figures of both sides with their differences; None where nothing was measured."""
    figures = compared_figures(document)
    # What matters most is first: a phone shows three columns.
    columns = ("", "B against A", "95 % interval", "B is", "A", "B", "recognisable from")
    rows = tuple(
        (each.title, each.change, each.interval, each.merit or _DASH, each.a, each.b, each.visible) for each in figures
    )
    note = (
        "A and B are medians over slices; their difference is that within pairs, and need not be that of the medians."
    )
    return PlainTable("Both servers, and by how much B differs", (), columns, rows, note) if rows else None


def difference_over_time(document: RunDocument) -> DifferenceOverTime | None:
    """Return the difference in the metric that decides; None where pairs have no ratio of it."""
    comparison = document.ab
    if comparison is None or comparison.on not in PAIRED_METRICS or len(document.trials) < 2:
        return None
    read = PAIRED_METRICS[comparison.on]
    rounds = [*zip(document.trials[0].rounds, document.trials[1].rounds, strict=False)]
    if not rounds:
        return None
    first = min(min(a.at, b.at) for a, b in rounds)
    times = [_middle(a, b) - first for a, b in rounds]
    values = [(read(a), read(b)) for a, b in rounds]
    pairs = tuple(PairPoint(at, b / a - 1) for at, (a, b) in zip(times, values, strict=True) if a and b is not None)
    if len(pairs) < _FEWEST_PAIRS:
        return None
    estimates = []
    for count in _steps(len(values)):
        found = compare_rounds(comparison.on, [a for a, _ in rounds[:count]], [b for _, b in rounds[:count]])
        if found is not None:
            estimates.append(EstimatePoint(times[count - 1], count, found))
    name = name_of(comparison.on, vocabulary_of(document.trials))
    return DifferenceOverTime(comparison.on, name, pairs, tuple(estimates))


def draw_difference(shown: DifferenceOverTime) -> go.Figure:
    """Return the figure: the pairs as points, what they give together as a line with a band, and no difference at 0."""
    low, high = shown.ends
    last = shown.pairs[-1].at
    figure = compose_figure(
        [*_band(shown.estimates, low, high), _points(shown, low, high), _line(shown)],
        Scale("linear", -0.01 * last, 1.01 * last, _ticks(0.0, last, lambda second: f"{second:g} s")),
        Scale("linear", low, high, _ticks(low, high, lambda change: format_change(change, shown.metric, decimals=0))),
        "since the first pair",
    )
    zero = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0, "y1": 0, "line": {"width": 1.5}}
    return figure.update_layout(shapes=[zero])


def _band(estimates: Sequence[EstimatePoint], low: float, high: float) -> Iterator[go.Scatter]:
    """The first few intervals reach far beyond the figure, and end at its edges."""
    if len(estimates) > 1:
        x = [point.at for point in estimates]
        highs = [min(point.found.high, high) for point in estimates]
        lows = [max(point.found.low, low) for point in estimates]
        yield go.Scatter(
            x=[*x, *reversed(x)],
            y=[*highs, *reversed(lows)],
            mode="none",
            fill="toself",
            hoverinfo="skip",
            meta={"line": _ESTIMATE, "colour": mark_of(_ESTIMATE).colour, "kind": "band"},
        )


def _points(shown: DifferenceOverTime, low: float, high: float) -> go.Scatter:
    pairs = [point for point in shown.pairs if low <= point.change <= high]
    return go.Scatter(
        x=[point.at for point in pairs],
        y=[point.change for point in pairs],
        mode="markers",
        name="pairs",
        marker={"size": 5, "opacity": 0.45},
        hoverinfo="text",
        hovertext=[hover_text("", format_change(point.change, shown.metric), f"{point.at:.1f} s") for point in pairs],
        meta={"line": _PAIRS, "colour": mark_of(_PAIRS).colour},
    )


def _line(shown: DifferenceOverTime) -> go.Scatter:
    return go.Scatter(
        x=[point.at for point in shown.estimates],
        y=[point.found.change for point in shown.estimates],
        mode="lines",
        name="all pairs until then",
        line={"width": 2.5},
        hoverinfo="text",
        hovertext=[_describe(shown.metric, point) for point in shown.estimates],
        meta={"line": _ESTIMATE, "colour": mark_of(_ESTIMATE).colour},
    )


def _describe(metric: str, point: EstimatePoint) -> str:
    change, low, high = (
        format_change(each, metric) for each in (point.found.change, point.found.low, point.found.high)
    )
    return hover_text("", f"{change} (95 %: {low} to {high})", f"{point.pairs} pairs, {point.at:.1f} s")


def _middle(a: Round, b: Round) -> float:
    return statistics.fmean((a.at, b.at))


def _steps(pairs: int) -> list[int]:
    """Return after how many pairs the estimate is drawn: not after each of thousands."""
    step = max(1, math.ceil(pairs / _STEPS))
    return sorted({*range(_FEWEST_PAIRS, pairs, step), pairs})


def _ticks(low: float, high: float, write: Callable[[float], str]) -> tuple[Tick, ...]:
    """Return ticks at round numbers, 0 among them if it lies between the ends."""
    least = (high - low) / _MOST_LABELS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least)
    places = [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return tuple(Tick(place, write(place)) for place in places)
