"""What charts show, as plain data: lines with a point for every setting and the laws of lines, and stacked bars.

A setting without a trial that can be shown has a point without a value: a gap, never a zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.analysis.pairs import PAIRED_METRICS
from loadlab.analysis.summary import over_repeats
from loadlab.analysis.uncertainty import median_over
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import SIZE, Measure, Quantity
from loadlab.results.laws import Law, LawShape
from loadlab.results.trial import Scalar, TrialResult

READABLE: Final = 0.1
"""In bars lower than this part of the highest the parts cannot be distinguished."""

_MOST_LARGE_PANELS: Final = 6
_REACH_BELOW: Final = 3
# What they find makes the throughput a lower bound.
_OF_THE_CLIENT: Final = frozenset({"client_bound", "shared_core"})
# Memory does not depend on how the window went; only these leave it open what was measured.
_OF_MEMORY: Final = frozenset({"idle_not_opened", "idle_died", "target_process_ended", "target_unseen"})


@dataclass(frozen=True, slots=True)
class Value:
    """What the repeats of one setting gave: their median, and the lowest and the highest of `repeats` of them.

    With `at_least` the client was the limit in one of them, so the target's own figure is this or higher. `interval` is
    its 95 % interval, None without rounds or at least three repeats. `doubts` are the codes of what else makes one
    of them suspect, `batches` those that they stood in. `rounds` are the values of a single trial in its rounds, if its
    batch is known: each was measured in the same seconds as the round of that number of another trial in the batch.
    """

    median: float
    low: float
    high: float
    repeats: int = 1
    at_least: bool = False
    interval: tuple[float, float] | None = None
    doubts: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    rounds: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one x, None where nothing was; `too_few` says that samples of a percentile were lacking.

    `spoiled` are the figures of attempts that were measured again.
    """

    x: Scalar
    value: Value | None = None
    too_few: bool = False
    spoiled: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel, with a point for each x value of the run; `index` is its colour in every chart."""

    index: int
    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[tuple[Scalar, Value], ...]:
        """The points that have a value: x and what was measured there."""
        return tuple((point.x, point.value) for point in self.points if point.value)


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure, drawn for all lines."""

    measure: Measure
    lines: tuple[Line, ...]

    @property
    def values(self) -> Iterable[float]:
        """Every value that the scale must reach, ends of spreads and intervals included.

        An interval that begins near zero does not make a logarithmic scale reach down there.
        """
        least = min((value.median for line in self.lines for _, value in line.measured), default=0.0) / _REACH_BELOW
        for line in self.lines:
            for point in line.points:
                yield from point.spoiled
                if point.value:
                    yield from (point.value.low, point.value.high)
                    yield from (max(end, least) for end in point.value.interval or ())


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels that are looked at together; those that count the same are on one y scale.

    `columns` is how many stand beside each other where there is room.
    """

    key: str
    title: str
    panels: tuple[Panel, ...]
    columns: Literal[2, 3] = 2

    @property
    def legend(self) -> tuple[Line, ...]:
        """The lines that have a point in any panel."""
        drawn = {line.index: line for panel in self.panels for line in panel.lines if line.measured}
        return tuple(drawn[index] for index in sorted(drawn))


@dataclass(frozen=True, slots=True)
class LineLaw:
    """The law of one line of a chart, `line` being its index; `shape` is None in runs from before it was kept."""

    line: int
    metric: str
    text: str
    shape: LawShape | None
    slope: float


@dataclass(frozen=True, slots=True)
class Split:
    """Measures of one quantity that add up, each for one of `unit`; a trial has either all of them or none."""

    title: str
    measures: tuple[Measure, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class StackedPanel:
    """One line of the run; `heights` has for each part its value at each x, None where it was not measured."""

    name: str
    heights: tuple[tuple[float | None, ...], ...]

    @property
    def totals(self) -> list[float]:
        """How high the bars are, where there is one."""
        columns = [[height for height in column if height is not None] for column in zip(*self.heights, strict=True)]
        return [sum(column) for column in columns if len(column) == len(self.heights)]


@dataclass(frozen=True, slots=True)
class StackedChart:
    """`parts` name what stands in each bar, from its bottom to its top; `unit` is what their values are for one of."""

    title: str
    parts: tuple[str, ...]
    panels: tuple[StackedPanel, ...]
    quantity: Quantity
    unit: str

    @property
    def columns(self) -> int:
        """How many panels stand beside each other where there is room."""
        return min(len(self.panels), 3) if len(self.panels) <= _MOST_LARGE_PANELS else 4

    @property
    def scale_is_shared(self) -> bool:
        """Whether the lowest panel can be read on the scale of the highest; if not, each has a scale of its own."""
        highest = [max(panel.totals, default=0.0) for panel in self.panels]
        return min(highest) >= READABLE * max(highest)


def panel_of(arrangement: Arrangement, measure: Measure) -> Panel:
    """Return the panel of a measure: a line for each of the arrangement, with a point for each of its x values."""
    by_place = {(setting.line, setting.x): setting for setting in arrangement.settings}
    return Panel(
        measure.worded(arrangement.words),
        tuple(
            Line(index, name, tuple(_point(x, by_place.get((index, x)), measure) for x in arrangement.x_values))
            for index, name in enumerate(arrangement.line_names)
        ),
    )


def laws_of(arrangement: Arrangement, laws: Iterable[Law], metric: str) -> tuple[LineLaw, ...]:
    """Return the laws of `metric` over the x axis, in the order of the lines."""
    found = [
        LineLaw(line, law.metric, law.text, law.shape, law.slope)
        for law in laws
        if law.metric == metric
        and law.over == arrangement.x_path
        and (line := arrangement.line_of(law.where)) is not None
    ]
    return tuple(sorted(found, key=lambda law: law.line))


def stack(arrangement: Arrangement, split: Split) -> StackedChart | None:
    """Return the chart of measures that add up, medians over repeats; None where there are none."""
    of_parts = [panel_of(arrangement, measure).lines for measure in split.measures]
    panels = tuple(
        StackedPanel(lines[0].name, tuple(_heights(line) for line in lines))
        for lines in zip(*of_parts, strict=True)
        if lines[0].measured
    )
    if not panels:
        return None
    parts = tuple(measure.worded(arrangement.words).title for measure in split.measures)
    return StackedChart(split.title, parts, panels, split.measures[0].quantity, split.unit)


def _point(x: Scalar, setting: Setting | None, measure: Measure) -> Point:
    trials = setting.measured if setting else ()
    too_few = not all(measure.is_firm(trial) for trial in trials)
    attempts = [measure.read(attempt) for attempt in setting.spoiled if attempt.is_credible] if setting else []
    spoiled = tuple(value for value in attempts if value is not None)
    found = over_repeats(trials, measure.read)
    if not found:
        return Point(x, too_few=too_few, spoiled=spoiled)
    [over] = found
    of_value = [trial for trial in trials if measure.read(trial) is not None]
    return Point(
        x,
        Value(
            over.median,
            over.low,
            over.high,
            len(over.values),
            at_least=any(measure.is_lower_bound(trial) for trial in trials),
            interval=_interval(of_value, measure, over.values),
            doubts=_doubts(of_value, measure),
            batches=tuple(sorted({trial.batch for trial in of_value if trial.batch is not None})),
            rounds=_rounds(of_value, measure),
        ),
        too_few,
        spoiled,
    )


def _interval(trials: Sequence[TrialResult], measure: Measure, values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of one trial; of a few repeats one that holds all of theirs, of more that of their median."""
    if (estimate := median_over(values)) is not None:
        return estimate.interval
    intervals = [trial.confidence.get(measure.metric) for trial in trials]
    known = [interval for interval in intervals if interval is not None]
    if not known or len(known) < len(intervals):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def _rounds(trials: Sequence[TrialResult], measure: Measure) -> tuple[float | None, ...]:
    read = PAIRED_METRICS.get(measure.metric)
    if read is None or len(trials) != 1 or trials[0].batch is None:
        return ()
    return tuple(map(read, trials[0].rounds))


def _doubts(trials: Iterable[TrialResult], measure: Measure) -> tuple[str, ...]:
    """The codes of what makes trials suspect; not what makes a value a lower bound, nor what leaves it as it is."""
    codes = (
        finding.code
        for trial in trials
        for finding in trial.verdict.findings
        if finding.severity == "suspect" and not (finding.code in _OF_THE_CLIENT and _is_known_of(measure, trial))
        if measure.quantity != SIZE or finding.code in _OF_MEMORY
    )
    return tuple(dict.fromkeys(codes))


def _is_known_of(measure: Measure, trial: TrialResult) -> bool:
    """Whether it is stated already, or of no account, that the client was the limit."""
    return measure.is_lower_bound(trial) or measure.metric.startswith("target.")


def _heights(line: Line) -> tuple[float | None, ...]:
    return tuple(point.value.median if point.value else None for point in line.points)
