"""What a reader sees first: two or three sentences on the first figure, computed from it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.measures import Measure
from loadlab.report.sections.breakdown import LineLaw
from loadlab.report.sections.charts import Line, Panel, Value
from loadlab.report.text.sentences import describe_stretch
from loadlab.report.text.values import describe_ratio, format_change, tell_change, write_value
from loadlab.results.model import Scalar

# Values nearer to each other than this are called equal: machines scatter by so much.
_EQUAL_WITHIN: Final = 1.05
# A line that became worse by less than this is not worth a sentence of its own.
_WORTH_TELLING: Final = 1.25
_MOST_PLACES_TOLD: Final = 4


def describe_run(arrangement: Arrangement, panel: Panel, laws: Sequence[LineLaw], law_of: str) -> tuple[str, ...]:
    """Return the sentences on the run's first panel, none if it has not two points to compare.

    `laws` are those that explain it, of the measure that `law_of` names.
    """
    measure, lines = panel.measure, [line for line in panel.lines if line.measured]
    if not arrangement.x_is_number:
        return tuple(_compare_names(lines, measure))
    changes = [_Change(line) for line in lines if len(line.measured) > 1]
    if not changes:
        return tuple(_compare_at_one_place(arrangement, lines, measure))
    reached = max((change.last_x for change in changes), key=_number)
    at_end = sorted(
        (change for change in changes if change.last_x == reached),
        key=lambda change: change.after.median,
        reverse=measure.more_is_better,
    )
    ends = [at_end[0], *at_end[1:][-1:]]
    sentences = [_tell_ends(arrangement, ends, measure, len(at_end))]
    worst = max(changes, key=lambda change: change.worsening(measure))
    explained = ends[::-1]
    if worst not in ends and worst.worsening(measure) >= _WORTH_TELLING:
        explained = [worst, *explained]
        verb, how_much = tell_change(worst.before, worst.after)
        sentences.append(
            f"{measure.title} {verb} most with {worst.line.name}, {how_much} {_tell_values(worst, ends[0], measure)}."
        )
    by_line = {law.line: law.text for law in laws}
    if told := [by_line[change.line.index] for change in explained if change.line.index in by_line]:
        sentences.append(f"{law_of}, by the fitted laws: {'; '.join(told)}.")
    return tuple(sentences)


@dataclass(frozen=True, slots=True)
class _Change:
    """A line from its first point to its last."""

    line: Line

    @property
    def first_x(self) -> Scalar:
        return self.line.measured[0][0]

    @property
    def last_x(self) -> Scalar:
        return self.line.measured[-1][0]

    @property
    def before(self) -> Value:
        return self.line.measured[0][1]

    @property
    def after(self) -> Value:
        return self.line.measured[-1][1]

    def worsening(self, measure: Measure) -> float:
        """How many times worse it became; 1 or below if it did not, or if that has no multiple or is not known."""
        worse, better = (self.before, self.after) if measure.more_is_better else (self.after, self.before)
        return worse.median / better.median if better.median > 0 and not better.at_least else 1.0


def _tell_ends(arrangement: Arrangement, ends: Sequence[_Change], measure: Measure, among: int) -> str:
    """What the best and the worst line at the highest x did on the way there."""
    told: list[str] = []
    verb_before = ""
    for change in ends:
        verb, how_much = tell_change(change.before, change.after)
        whose = f"with {change.line.name}" if change.line.name else ""
        words = ("" if verb == verb_before else verb, how_much, whose, _tell_values(change, ends[0], measure))
        told.append(" ".join(word for word in words if word))
        verb_before = verb
    stretch = describe_stretch(arrangement, ends[0].first_x, ends[0].last_x)
    sentence = f"{stretch}, {measure.phrase} {' and '.join(told)}"
    best, worst = ends[0].after, ends[-1].after
    if not _are_equal(best, worst) and (apart := describe_ratio(best, worst)):
        sentence += f": {apart} apart in the end"
        sentence += f", the best and the worst of {among}" if among > 2 else ""
    return f"{sentence}."


def _tell_values(change: _Change, beside: _Change, measure: Measure) -> str:
    """The values before and after, and where they were taken if that is not where those `beside` were."""
    values = format_change(change.before, change.after, measure.quantity)
    if (change.first_x, change.last_x) == (beside.first_x, beside.last_x):
        return f"({values})"
    return f"({values}, from {format_scalar(change.first_x)} to {format_scalar(change.last_x)})"


def _compare_at_one_place(arrangement: Arrangement, lines: Iterable[Line], measure: Measure) -> Iterator[str]:
    """The best and the worst of the lines where x has one value only."""
    here = [(line.name, value) for line in lines for _, value in line.measured]
    if len(here) > 1:
        yield f"At {format_scalar(arrangement.x_values[-1])} {arrangement.x_title} {_compare(here, measure)}."


def _compare_names(lines: Sequence[Line], measure: Measure) -> Iterator[str]:
    """The best and the worst at each place on an axis of names; of one line, the best and the worst place."""
    if len(lines) == 1:
        places = [(format_scalar(x), value) for x, value in lines[0].measured if x is not None]
        if len(places) > 1:
            yield f"{measure.title}: {_compare(places, measure)}."
        return
    at_place: dict[Scalar, list[tuple[str, Value]]] = {}
    for line in lines:
        for x, value in line.measured:
            at_place.setdefault(x, []).append((line.name, value))
    told = [f"with {format_scalar(x)} {_compare(here, measure)}" for x, here in at_place.items() if len(here) > 1]
    if told:
        yield f"{measure.title}: {'; '.join(told[:_MOST_PLACES_TOLD])}."


def _compare(values: Sequence[tuple[str, Value]], measure: Measure) -> str:
    """Say which is the best and which the worst of two or more named values, and by how much."""
    by_merit = sorted(values, key=lambda named: named[1].median, reverse=measure.more_is_better)
    (best_name, best), (worst_name, worst) = by_merit[0], by_merit[-1]
    if worst.at_least:
        told = ", ".join(
            f"{name} {write_value(value, measure.quantity)}" for name, value in (by_merit[0], by_merit[-1])
        )
        return f"the load was the limit, with {told}"
    if _are_equal(best, worst):
        return f"all are within 5 % of each other, {best_name} the best with {write_value(best, measure.quantity)}"
    apart = describe_ratio(best, worst)
    return (
        f"the best is {best_name} with {write_value(best, measure.quantity)}, "
        f"the worst {worst_name} with {write_value(worst, measure.quantity)}{f', {apart} apart' if apart else ''}"
    )


def _are_equal(one: Value, other: Value) -> bool:
    low, high = sorted((one, other), key=lambda value: value.median)
    return not high.at_least and low.median > 0 and high.median / low.median < _EQUAL_WITHIN


def _number(value: Scalar) -> float:
    return float(value or 0)
