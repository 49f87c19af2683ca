"""How a measure depends on x, in words: which lines change along it and by how much, and which do not."""

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.measures import THROUGHPUT, Measure
from loadlab.report.panels import Line, LineLaw, Value
from loadlab.report.sentences import format_change, format_multiple, join_names
from loadlab.results.model import Scalar

# A smaller change from the first x to the last, as a ratio, is called none. The throughput of one trial scatters by
# tens of percent on a virtual machine, CPU time per request hardly does: where that is constant, more is asked for.
_CHANGED: Final = 1.1
_CHANGED_AT_CONSTANT_COST: Final = 1.5
# Without a trend, values that lie further apart than by this share of the highest are said to scatter.
_SCATTERS: Final = 1 / 3
# Kendall's tau: of five points one pair may be out of order, of six two. A step has no trend, but is far beyond chance.
_TREND: Final = 0.6
_BEYOND_CHANCE: Final = 5.0
_FEWEST_FOR_A_TREND: Final = 4
_MOST_AMOUNTS: Final = 3
_MOST_NAMES: Final = 12
_NBSP: Final = "\N{NO-BREAK SPACE}"

_Direction = Literal["rises", "falls", "stays", "scatters", "unknown"]
_OF_A_MEASURE: Final[dict[_Direction, str]] = {
    "rises": "rises",
    "falls": "falls",
    "stays": "does not change",
    "scatters": "scatters without a trend",
}
_OF_THROUGHPUT: Final[dict[_Direction, tuple[str, str]]] = {
    "rises": ("speeds up", "speed up"),
    "falls": ("slows down", "slow down"),
    "stays": ("does not", "do not"),
    "scatters": ("scatters without a trend", "scatter without a trend"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A line from its first point to its last. A change by less than the ratio `least` is called none."""

    line: Line
    least: float

    @property
    def last_x(self) -> Scalar:
        """Where it ends."""
        return self.line.measured[-1][0]

    @property
    def before(self) -> Value:
        """Its first value."""
        return self.line.measured[0][1]

    @property
    def after(self) -> Value:
        """Its last value."""
        return self.line.measured[-1][1]

    @property
    def share(self) -> float:
        """By how much it changed, as a share of what it was: -0.5 is half of it."""
        if self.before.median <= 0:
            return 0.0 if self.after.median <= 0 else math.inf
        return self.after.median / self.before.median - 1

    @property
    def spread(self) -> float:
        """How far all values lie apart, as a share of the highest."""
        medians = [value.median for _, value in self.line.measured]
        return 1 - min(medians) / max(medians) if max(medians) > 0 else 0.0

    @property
    def has_trend(self) -> bool:
        """Whether the values rise or fall all along, or end far from where they began; few points always do."""
        medians = [value.median for _, value in self.line.measured]
        if not 1 / _BEYOND_CHANCE < 1 + self.share < _BEYOND_CHANCE:
            return True
        signs = [(after > before) - (after < before) for before, after in itertools.combinations(medians, 2)]
        return len(medians) < _FEWEST_FOR_A_TREND or abs(sum(signs)) > _TREND * len(signs)

    @property
    def direction(self) -> _Direction:
        """Unknown where a lower bound leaves it open."""
        before, after = self.before, self.after
        rose = after.median > before.median
        stays = 1 / self.least < 1 + self.share < self.least
        if before.at_least or after.at_least:
            is_certain = rose if after.at_least else not rose
            if stays or not is_certain or (before.at_least and after.at_least):
                return "unknown"
        if stays or not self.has_trend:
            return "stays" if self.least == math.inf or self.spread <= _SCATTERS else "scatters"
        return "rises" if rose else "falls"

    @property
    def amount(self) -> str:
        """As in a sentence: `by 96 %`, `29-fold`, `by at least 10 %`."""
        bound = "at least " if self.before.at_least or self.after.at_least else ""
        if self.share == math.inf:
            return "from nothing"
        if self.share >= 1:
            return f"{bound}{format_multiple(1 + self.share)}-fold"
        return f"by {bound}{_percent(self.share)}"


def changes_of(lines: Iterable[Line], measure: Measure, laws: Iterable[LineLaw]) -> list[Change]:
    """Return the changes of the lines that have two points; one is none where the measure's own law is constant."""
    constant = {law.line: law.metric for law in laws if law.shape == "constant"}

    def least(line: Line) -> float:
        if constant.get(line.index) == measure.metric:
            return math.inf
        return _CHANGED_AT_CONSTANT_COST if measure.metric == THROUGHPUT.metric and line.index in constant else _CHANGED

    changes = [Change(line, least(line)) for line in lines if len(line.measured) > 1]
    # Those that change by the most come first; the others stay in their order.
    return sorted(changes, key=lambda change: -abs(change.share) if change.direction in ("rises", "falls") else 0.0)


def describe_dependence(arrangement: Arrangement, changes: Sequence[Change], measure: Measure) -> Iterator[str]:
    """Say which lines change along x and by how much, and which do not."""
    groups: dict[_Direction, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.direction, []).append(change)
    unknown = groups.pop("unknown", [])
    if [*groups] == ["stays"]:
        quantity = arrangement.x_name.quantity if arrangement.x_name else ""
        names = _names(groups["stays"])
        which = f" with {join_many(names)}" if names else ""
        yield f"{measure.subject} does not depend on {quantity}{which} ({_within(groups['stays'])})."
    elif groups:
        yield _describe_groups(arrangement, groups, measure)
    if unknown:
        names = _names(unknown)
        whose = f" of {join_many(names)}" if names else ""
        values = f" ({_values(unknown[0], measure)})" if len(unknown) == 1 else ""
        yield f"How {measure.phrase}{whose} changes is not known: the client was the limit{values}."


def describe_repeats(changes: Iterable[Change]) -> Iterator[str]:
    """Yield how far the repeats of a point lie apart, or that there are none."""
    values = [value for change in changes for _, value in change.line.measured]
    spreads = [(value.high - value.low) / value.median for value in values if value.repeats > 1 and value.median > 0]
    if spreads:
        median, most = _percent(statistics.median(spreads)), _percent(max(spreads))
        yield f"Repeats of a point differ by {median} (median), {most} at most."
    else:
        yield "Each point was measured once; repeats would show how much of a difference is chance."


def join_many(names: Sequence[str]) -> str:
    """As `join_names`, but of very many the first ones and the number of the others."""
    if len(names) <= _MOST_NAMES:
        return join_names(names)
    return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"


def _describe_groups(arrangement: Arrangement, groups: Mapping[_Direction, Sequence[Change]], measure: Measure) -> str:
    """`select and poll slow down with more idle connections, by 97 % and 96 % at 9,000; epoll does not`."""
    worst_first: tuple[_Direction, ...] = ("falls", "rises") if measure.more_is_better else ("rises", "falls")
    first, *others = (direction for direction in (*worst_first, "scatters", "stays") if direction in groups)
    growing = arrangement.x_name.growing if arrangement.x_name else ""
    along = growing if first in worst_first else f"over {arrangement.x_title}"
    clauses = [_clause(first, groups[first], measure, along)]
    clauses += [_clause(direction, groups[direction], measure, "") for direction in others]
    if _has_names_for_subjects(measure, groups[first]):
        return f"{'; '.join(clauses)}."
    return f"{measure.subject} {'; it '.join(clauses)}."


def _clause(direction: _Direction, group: Sequence[Change], measure: Measure, along: str) -> str:
    """`select and poll slow down along x, by 97 % and 96 %`, or `rises along x for select, by 97 %`."""
    names = _names(group)
    if _has_names_for_subjects(measure, group):
        one, many = _OF_THROUGHPUT[direction]
        words = [join_many(names), many if len(names) > 1 else one, along]
    else:
        words = [_OF_A_MEASURE[direction], along, f"for {join_many(names)}" if names else ""]
    clause = " ".join(word for word in words if word)
    match direction:
        case "stays":
            return f"{clause} ({_within(group)})"
        case "scatters":
            return f"{clause} ({_range(group[0], measure)})" if len(group) == 1 else clause
        case _:
            return f"{clause}, {_amounts(group, measure)}"


def _has_names_for_subjects(measure: Measure, group: Sequence[Change]) -> bool:
    """Whether servers slow down, rather than a measure rising or falling."""
    return measure.metric == THROUGHPUT.metric and bool(_names(group))


def _names(group: Iterable[Change]) -> list[str]:
    return [change.line.name for change in group if change.line.name]


def _values(change: Change, measure: Measure) -> str:
    return format_change(change.before, change.after, measure.quantity)


def _amounts(group: Sequence[Change], measure: Measure) -> str:
    """By how much, and where on x; each of a few lines, the ends of many."""
    if len(group) == 1:
        [change] = group
        return f"{change.amount} at {format_scalar(change.last_x)} ({_values(change, measure)})"
    ends_alike = len({change.last_x for change in group}) == 1
    places = ["" if ends_alike else f" at {format_scalar(change.last_x)}" for change in group]
    place = f" at {format_scalar(group[0].last_x)}" if ends_alike else ""
    if ends_alike and len({change.amount for change in group}) == 1:
        return f"{group[0].amount} each{place}"
    amounts = [group[0].amount, *(change.amount.removeprefix("by ") for change in group[1:])]
    if len(group) <= _MOST_AMOUNTS:
        return join_names([f"{amount}{at}" for amount, at in zip(amounts, places, strict=True)]) + place
    most, least = group[0], group[-1]
    return (
        f"{least.amount} ({least.line.name}{places[-1]}) to "
        f"{most.amount.removeprefix('by ')} ({most.line.name}{places[0]}){place}"
    )


def _range(change: Change, measure: Measure) -> str:
    low, high = (pick(value.median for _, value in change.line.measured) for pick in (min, max))
    return f"{measure.quantity.format(low)} to {measure.quantity.format_with_unit(high)}"


def _within(group: Iterable[Change]) -> str:
    most = max(change.spread for change in group)
    return f"within {max(1, round(100 * most + 0.5))}{_NBSP}%"


def _percent(share: float) -> str:
    """Without decimals, but for what is near to nothing or to all: 0.4 %, 99.6 %."""
    percent = 100 * abs(share)
    decimals = 1 if 0.05 <= percent < 0.95 or 99 < percent < 99.95 else 0
    return f"{percent:.{decimals}f}{_NBSP}%"
