"""How a measure depends on x, in words: which lines change along it and by how much, and which do not.

A change is stated only where its interval shows it; without intervals only where it is larger than chance. Suspect
points are left out where others remain, and named.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.measures import THROUGHPUT, Measure
from loadlab.report.panels import Line, Value
from loadlab.report.ratios import are_apart, format_whole_percent
from loadlab.report.sections.changes import Change, Direction
from loadlab.report.sentences import format_change, join_names
from loadlab.results.trial import Scalar
from loadlab.results.vocabulary import Vocabulary

_MOST_AMOUNTS: Final = 3
_MOST_LISTED: Final = 5
_MOST_NAMES: Final = 12
_MOST_DOUBTED: Final = 4
_NBSP: Final = "\N{NO-BREAK SPACE}"

_OF_A_MEASURE: Final[dict[Direction, str]] = {
    "rises": "rises",
    "falls": "falls",
    "stays": "does not change",
    "scatters": "shows no trend",
}
_OF_THROUGHPUT: Final[dict[Direction, tuple[str, str]]] = {
    "rises": ("speeds up", "speed up"),
    "falls": ("slows down", "slow down"),
    "stays": ("does not", "do not"),
    "scatters": ("shows no trend", "show no trend"),
}
_OF_NO_CHANGE: Final = ("does not change", "do not change")


def describe_dependence(
    arrangement: Arrangement, changes: Sequence[Change], measure: Measure, subject: int | None = None
) -> Iterator[str]:
    """Say which lines change along x and by how much, and which do not; the line `subject` is named before others."""
    groups: dict[Direction, list[Change]] = {}
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
        yield f"{measure.subject} does not depend on {quantity}{which} ({_steadiness(groups['stays'], measure.words)})."
    elif groups:
        yield _describe_groups(arrangement, groups, measure)
    if undecided:
        undecided.sort(key=lambda change: change.line.index != subject)
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
        median, most = format_whole_percent(statistics.median(spreads)), format_whole_percent(max(spreads))
        yield f"Repeats of a point differ by {median} (median), {most} at most."


def join_many(names: Sequence[str]) -> str:
    """As `join_names`, but of very many the first ones and the number of the others."""
    if len(names) <= _MOST_NAMES:
        return join_names(names)
    return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"


def _describe_groups(arrangement: Arrangement, groups: Mapping[Direction, Sequence[Change]], measure: Measure) -> str:
    """`select and poll slow down with more idle connections, by 97 % and 96 % at 9,000; epoll does not`."""
    worst_first: tuple[Direction, ...] = ("falls", "rises") if measure.more_is_better else ("rises", "falls")
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
    direction: Direction, group: Sequence[Change], measure: Measure, along: str, servers: bool, refers: bool = False
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
            return f"{clause} ({_steadiness(group, measure.words)})"
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
    cost = f"; the CPU time per {measure.words.one} does not" if all(change.constant_cost for change in group) else ""
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


def _steadiness(group: Sequence[Change], words: Vocabulary) -> str:
    """By how much lines change at most that do not change, by their intervals, or how far their points lie apart."""
    if not any(change.ratio.is_guess for change in group):
        return _within(group)
    cost = f", at a constant CPU time per {words.one}" if all(change.constant_cost for change in group) else ""
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
