"""How a measure depends on x, in words: which lines change along it and by how much, and which do not.

A change is stated only where its interval shows it; without intervals only where it is larger than chance. Suspect
points are left out where others remain, and named.
"""

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.report.layout import CHANCE, Arrangement, format_scalar
from loadlab.report.measures import THROUGHPUT, Measure
from loadlab.report.panels import Line, LineLaw, Value
from loadlab.report.ratios import Ratio, are_apart, chance_of, format_share, ratio_of
from loadlab.report.sentences import format_change, join_names
from loadlab.results.model import Scalar

# The throughput of one window scatters by tens of percent on a virtual machine, CPU time per request less: where that
# is constant, a change of throughput without an interval has to be larger than this ratio.
_CHANGED_AT_CONSTANT_COST: Final = 1.5
# Kendall's tau: of five points one pair may be out of order, of six two. A step has no trend, but is far beyond chance.
_TREND: Final = 0.6
_BEYOND_CHANCE: Final = 5.0
_FEWEST_FOR_A_TREND: Final = 4
_MOST_AMOUNTS: Final = 3
_MOST_LISTED: Final = 5
_MOST_NAMES: Final = 12
_MOST_DOUBTED: Final = 4
_NBSP: Final = "\N{NO-BREAK SPACE}"

_Direction = Literal["rises", "falls", "stays", "scatters", "undecided", "unknown"]
_OF_A_MEASURE: Final[dict[_Direction, str]] = {
    "rises": "rises",
    "falls": "falls",
    "stays": "does not change",
    "scatters": "shows no trend",
}
_OF_THROUGHPUT: Final[dict[_Direction, tuple[str, str]]] = {
    "rises": ("speeds up", "speed up"),
    "falls": ("slows down", "slow down"),
    "stays": ("does not", "do not"),
    "scatters": ("shows no trend", "show no trend"),
}
_OF_NO_CHANGE: Final = ("does not change", "do not change")


@dataclass(frozen=True, slots=True)
class Change:
    """A line from the first of `points` to the last.

    `chance` is by which share single windows differ without a reason. With `constant` the measure's own law says that
    it does not depend on x, with `constant_cost` that of the cost of a request does.
    """

    line: Line
    points: tuple[tuple[Scalar, Value], ...]
    chance: float
    constant: bool = False
    constant_cost: bool = False

    @property
    def last_x(self) -> Scalar:
        """Where it ends."""
        return self.points[-1][0]

    @property
    def before(self) -> Value:
        """Its first value."""
        return self.points[0][1]

    @property
    def after(self) -> Value:
        """Its last value."""
        return self.points[-1][1]

    @property
    def ratio(self) -> Ratio:
        """How many times its first value the last one is."""
        return ratio_of(self.before, self.after, self.chance)

    @property
    def spread(self) -> float:
        """How far all values lie apart, as a share of the highest."""
        medians = [value.median for _, value in self.points]
        return 1 - min(medians) / max(medians) if max(medians) > 0 else 0.0

    @property
    def is_suspect(self) -> bool:
        """Whether one of its ends is a suspect value, as there is no other."""
        return bool(self.before.doubts or self.after.doubts)

    @property
    def has_trend(self) -> bool:
        """Whether the values rise or fall all along, or end far from where they began; few points always do."""
        medians = [value.median for _, value in self.points]
        if not 1 / _BEYOND_CHANCE < self.ratio.value < _BEYOND_CHANCE:
            return True
        signs = [(after > before) - (after < before) for before, after in itertools.combinations(medians, 2)]
        return len(medians) < _FEWEST_FOR_A_TREND or abs(sum(signs)) > _TREND * len(signs)

    @property
    def direction(self) -> _Direction:
        """Unknown where a lower bound leaves it open, undecided where the interval does."""
        before, after, ratio = self.before, self.after, self.ratio
        rose = after.median > before.median
        if before.at_least or after.at_least:
            is_certain = rose if after.at_least else not rose
            if not is_certain or not ratio.is_clear or (before.at_least and after.at_least):
                return "unknown"
        if self.constant:
            return "stays"
        if ratio.is_undecided:
            return "undecided"
        if ratio.is_guess and (not self._is_beyond_chance or not self.has_trend):
            return "scatters" if self.spread > max(self.chance, CHANCE) and not self.constant_cost else "stays"
        if not ratio.is_clear:
            return "stays"
        return "rises" if rose else "falls"

    @property
    def _is_beyond_chance(self) -> bool:
        least = _CHANGED_AT_CONSTANT_COST if self.constant_cost else 1.0
        return self.ratio.is_clear and not 1 / least < self.ratio.value < least

    @property
    def amount(self) -> str:
        """As in a sentence: `by 96 %`, `29-fold (27 to 31)`, `at least 2.5-fold`."""
        amount = self.ratio.amount
        if not (self.before.at_least or self.after.at_least):
            return amount
        return f"by at least {amount.removeprefix('by ')}" if amount.startswith("by ") else f"at least {amount}"

    @property
    def within(self) -> float:
        """What the change of a line that stays is at most: by its interval, else how far its values lie apart."""
        return self.spread if self.ratio.is_guess else self.ratio.most


def changes_of(
    arrangement: Arrangement, lines: Iterable[Line], measure: Measure, laws: Iterable[LineLaw]
) -> list[Change]:
    """Return the changes of the lines that have two points, those that change by the most first.

    A change is none where the measure's own law is constant.
    """
    constant = {law.line: law.metric for law in laws if law.shape == "constant"}
    chance = chance_of(arrangement, measure.quantity)
    changes = [
        Change(
            line,
            _comparable(line, chance),
            chance,
            constant=constant.get(line.index) == measure.metric,
            constant_cost=measure.metric == THROUGHPUT.metric and line.index in constant,
        )
        for line in lines
        if len(line.measured) > 1
    ]
    return sorted(changes, key=lambda change: -_distance(change) if change.direction in ("rises", "falls") else 0.0)


def describe_dependence(
    arrangement: Arrangement, changes: Sequence[Change], measure: Measure, subject: int | None = None
) -> Iterator[str]:
    """Say which lines change along x and by how much, and which do not; the line `subject` is named before others."""
    groups: dict[_Direction, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.direction, []).append(change)
    for group in groups.values():
        if len(group) > _MOST_NAMES:
            group.sort(key=lambda change: change.line.index != subject)
    unknown, undecided = groups.pop("unknown", []), groups.pop("undecided", [])
    if [*groups] == ["stays"]:
        quantity = arrangement.x_name.quantity if arrangement.x_name else ""
        names = _names(groups["stays"])
        which = f" with {join_many(names)}" if names else ""
        yield f"{measure.subject} does not depend on {quantity}{which} ({_steadiness(groups['stays'])})."
    elif groups:
        yield _describe_groups(arrangement, groups, measure)
    if undecided:
        yield _describe_undecided(undecided, measure)
    if unknown:
        names = _names(unknown)
        whose = f" of {join_many(names)}" if names else ""
        values = f" ({_values(unknown[0], measure)})" if len(unknown) == 1 else ""
        yield f"How {measure.phrase}{whose} changes is not known: the client was the limit{values}."


def describe_doubts(arrangement: Arrangement, changes: Sequence[Change]) -> Iterator[str]:
    """Yield which points are suspect: those that were left out, and those on which a change rests nevertheless."""
    left_out = [
        _name_point(arrangement, change.line, x, value)
        for change in changes
        for x, value in change.line.measured
        if value.doubts and (x, value) not in change.points
    ]
    if left_out:
        yield f"Left out as suspect: {_list_some(left_out)}."
    resting = [change for change in changes if change.is_suspect]
    if resting:
        whose = "" if len(resting) == len(changes) else f" of {join_many(_names(resting))}"
        codes = dict.fromkeys(code for change in resting for _, value in change.points for code in value.doubts)
        yield f"The points{whose} that this compares are suspect themselves ({_words(codes)}); there are no others."


def describe_times_apart(changes: Iterable[Change]) -> Iterator[str]:
    """Yield which lines compare points of different batches, where the machine may have been another."""
    apart = [change for change in changes if are_apart(change.before, change.after)]
    if apart:
        whose = f" of {join_many(names)}" if (names := _names(apart)) else ""
        yield f"First and last point{whose} stood in different batches, so they were measured at different times."


def describe_repeats(changes: Iterable[Change]) -> Iterator[str]:
    """Yield how far the repeats of a point lie apart, where there are any."""
    values = [value for change in changes for _, value in change.line.measured]
    spreads = [(value.high - value.low) / value.median for value in values if value.repeats > 1 and value.median > 0]
    if spreads:
        median, most = format_share(statistics.median(spreads)), format_share(max(spreads))
        yield f"Repeats of a point differ by {median} (median), {most} at most."


def join_many(names: Sequence[str]) -> str:
    """As `join_names`, but of very many the first ones and the number of the others."""
    if len(names) <= _MOST_NAMES:
        return join_names(names)
    return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"


def _comparable(line: Line, chance: float) -> tuple[tuple[Scalar, Value], ...]:
    """The points of a line without the suspect ones, if two others remain; all where even these show the change."""
    credible = tuple((x, value) for x, value in line.measured if not value.doubts)
    (_, first), *_, (_, last) = line.measured
    is_beyond_doubt = ratio_of(first, last, chance).is_clear
    return line.measured if len(credible) < 2 or is_beyond_doubt else credible


def _distance(change: Change) -> float:
    return abs(change.ratio.value - 1)


def _describe_groups(arrangement: Arrangement, groups: Mapping[_Direction, Sequence[Change]], measure: Measure) -> str:
    """`select and poll slow down with more idle connections, by 97 % and 96 % at 9,000; epoll does not`."""
    worst_first: tuple[_Direction, ...] = ("falls", "rises") if measure.more_is_better else ("rises", "falls")
    first, *others = (direction for direction in (*worst_first, "scatters", "stays") if direction in groups)
    growing = arrangement.x_name.growing if arrangement.x_name else ""
    along = growing if first in worst_first else f"over {arrangement.x_title}"
    servers = measure.metric == THROUGHPUT.metric and _have_servers_names(arrangement)
    clauses = [_clause(first, groups[first], measure, along, servers)]
    for direction in others:
        # "select slows down, epoll does not" needs the verb before it.
        refers = direction == "stays" and first == "falls" and len(clauses) == 1
        clauses.append(_clause(direction, groups[direction], measure, "", servers, refers))
    if servers:
        return f"{'; '.join(clauses)}."
    return f"{measure.subject} {'; it '.join(clauses)}."


def _clause(
    direction: _Direction, group: Sequence[Change], measure: Measure, along: str, servers: bool, refers: bool = False
) -> str:
    """`select and poll slow down along x, by 97 % and 96 %`, or `rises along x for select, by 97 %`."""
    names = _names(group)
    if servers:
        one, many = _OF_THROUGHPUT[direction] if refers or direction != "stays" else _OF_NO_CHANGE
        words = [join_many(names), many if len(names) > 1 else one, along]
    else:
        words = [_OF_A_MEASURE[direction], along, f"for {join_many(names)}" if names else ""]
    clause = " ".join(word for word in words if word)
    match direction:
        case "stays":
            return f"{clause} ({_steadiness(group)})"
        case "scatters":
            values = _range(group[0], measure) if len(group) == 1 else f"points {_within(group)} of each other"
            return f"{clause} ({values})"
        case _:
            return f"{clause}, {_amounts(group, measure)}"


def _have_servers_names(arrangement: Arrangement) -> bool:
    """Whether lines are named by words, such as servers, and may be said to slow down: not `256 active connections`."""
    factors = (setting.trials[0].factors for setting in arrangement.settings)
    named = [[value for path, value in each.items() if path != arrangement.x_path] for each in factors]
    return all(values and all(isinstance(value, str) for value in values) for values in named)


def _describe_undecided(group: Sequence[Change], measure: Measure) -> str:
    """Where an interval holds both no change and a large one: between what the change lies."""
    cost = "; the CPU time per request does not" if all(change.constant_cost for change in group) else ""
    if not _names(group):
        return f"Whether {measure.phrase} changes is not certain ({group[0].ratio.signed_interval}){cost}."
    ranges = [f"{change.line.name} ({change.ratio.signed_interval})" for change in group[:_MOST_LISTED]]
    more = [f"{len(group) - _MOST_LISTED} more"] if len(group) > _MOST_LISTED else []
    return f"Whether {measure.phrase} changes is not certain for {join_names([*ranges, *more])}{cost}."


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
    amounts = [change.amount for change in group]
    if amounts[0].startswith("by "):
        amounts = [amounts[0], *(amount.removeprefix("by ") for amount in amounts[1:])]
    if len(group) <= _MOST_AMOUNTS:
        return join_names([f"{amount}{at}" for amount, at in zip(amounts, places, strict=True)]) + place
    most, least = group[0], group[-1]
    return (
        f"{least.amount} ({least.line.name}{places[-1]}) to "
        f"{most.amount.removeprefix('by ')} ({most.line.name}{places[0]}){place}"
    )


def _range(change: Change, measure: Measure) -> str:
    low, high = (pick(value.median for _, value in change.points) for pick in (min, max))
    return f"{measure.quantity.format(low)} to {measure.quantity.format_with_unit(high)}"


def _steadiness(group: Sequence[Change]) -> str:
    """By how much lines change at most that do not change, by their intervals, or how far their points lie apart."""
    if not any(change.ratio.is_guess for change in group):
        return _within(group)
    cost = ", at a constant CPU time per request" if all(change.constant_cost for change in group) else ""
    return f"points {_within(group)} of each other{cost}"


def _within(group: Sequence[Change]) -> str:
    return f"within {max(1, round(100 * max(change.within for change in group) + 0.5))}{_NBSP}%"


def _name_point(arrangement: Arrangement, line: Line, x: Scalar, value: Value) -> str:
    where = f"{line.name} at {arrangement.describe_x(x)}" if line.name else arrangement.describe_x(x)
    return f"{where} ({_words(value.doubts)})"


def _words(codes: Iterable[str]) -> str:
    return ", ".join(code.replace("_", " ") for code in codes)


def _list_some(texts: Sequence[str]) -> str:
    if len(texts) <= _MOST_DOUBTED:
        return "; ".join(texts)
    return f"{'; '.join(texts[: _MOST_DOUBTED - 1])} and {len(texts) - _MOST_DOUBTED + 1} more"
