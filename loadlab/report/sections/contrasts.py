"""How series compare with each other, in words: at one place, wherever both were measured, and on an axis of names.

The profile's subject, the series that has the values which the profile has without its sweep, is always named.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loadlab.profile.target import describe_command
from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.measures import ITERATIONS, RATE, TIME, Measure, Quantity
from loadlab.report.panels import Line, Value
from loadlab.report.ratios import are_apart, chance_of, ratio_of
from loadlab.report.sections.dependence import join_many
from loadlab.report.sentences import describe_ratio, join_names, write_interval, write_value
from loadlab.results.trial import Scalar
from loadlab.units import format_multiple

# Values nearer to each other than this are called equal.
_EQUAL_WITHIN: Final = 1.05
# Neighbours in a ranking that are further apart than this divide it into two groups.
_GAP: Final = 3.0
_DOMINANT: Final = 1.5
_MOST_RANKED: Final = 8
# One of two series is called higher everywhere only if it is so by this: less is better said along x.
_APART: Final = 3.0
_MOST_PLACES: Final = 4
_NBSP: Final = "\N{NO-BREAK SPACE}"

Named = tuple[str, Value]


def subject_of(profile: Mapping[str, Any], arrangement: Arrangement) -> int | None:
    """Return the line that the profile is about; None where all lines are swept away from it, or there is only one."""
    if len(arrangement.line_names) < 2:
        return None
    for setting in arrangement.settings:
        factors = setting.trials[0].factors
        if all(_unswept(profile, path) == value for path, value in factors.items() if path != arrangement.x_path):
            return setting.line
    return None


def subject_place(profile: Mapping[str, Any], arrangement: Arrangement) -> str:
    """Return the place that the profile is about on an axis of names; empty if it is on none."""
    value = _unswept(profile, arrangement.x_path) if arrangement.x_path else None
    return format_scalar(value) if value in arrangement.x_values and not arrangement.x_is_number else ""


def describe_contrast(arrangement: Arrangement, lines: Sequence[Line], measure: Measure) -> Iterator[str]:
    """Yield by how much one of two series is higher than the other, where that is so, and clear, at each x."""
    if len(lines) != 2:
        return
    of_first, of_second = (dict(line.measured) for line in lines)
    both = [x for x in of_first if x in of_second]
    if len(both) < 2:
        return
    ratios = [ratio_of(of_first[x], of_second[x], chance_of(arrangement, measure.quantity)) for x in both]
    values = [value for x in both for value in (of_first[x], of_second[x])]
    if any(value.at_least or value.median <= 0 for value in values) or not all(ratio.is_clear for ratio in ratios):
        return
    if all(ratio.value >= _APART for ratio in ratios):
        low, high = lines
    elif all(0 < ratio.value <= 1 / _APART for ratio in ratios):
        high, low = lines
        ratios = [ratio_of(of_second[x], of_first[x], 0) for x in both]
    else:
        return
    least, most = (format_multiple(pick(ratio.value for ratio in ratios)) for pick in (min, max))
    times = least if least == most else f"{least} to {most}"
    high_range, low_range = (
        _range([value for x, value in line.measured if x in both], measure.quantity) for line in (high, low)
    )
    yield (
        f"{measure.subject} is {times} times as {_adjective(measure.quantity)} with {high.name} as with {low.name}: "
        f"{high_range}, not {low_range}."
    )


def describe_extremes(
    arrangement: Arrangement, lines: Sequence[Line], measure: Measure, subject: int | None = None
) -> Iterator[str]:
    """Yield the best and the worst at the highest x that two lines have reached, and the subject if it is neither.

    If the subject reached any x that others did, it is there.
    """
    name_of_subject = arrangement.line_names[subject] if subject is not None else ""
    places = [
        (x, [(line.name, value) for line in lines for at, value in line.measured if at == x])
        for x in reversed(arrangement.x_values)
    ]
    shared = [(x, here) for x, here in places if len(here) > 1]
    shared.sort(key=lambda place: name_of_subject not in dict(place[1]))
    for x, here in shared[:1]:
        compared = _compare(here, measure, chance_of(arrangement, measure.quantity), name_of_subject)
        yield f"{measure.subject} at {arrangement.describe_x(x)}: {compared}."


def describe_names(arrangement: Arrangement, lines: Sequence[Line], measure: Measure, subject: str) -> Iterator[str]:
    """Yield the best and the worst at each place on an axis of names; of one line, how its places are divided.

    The places at which the lines differ most come first, those at which they do not differ together.
    """
    chance = chance_of(arrangement, measure.quantity)
    if len(lines) == 1:
        places = [(format_scalar(x), value) for x, value in lines[0].measured if x is not None]
        if len(places) > 1:
            said = _divide(places, measure, chance, subject) or _rank(places, measure)
            yield f"{measure.subject}{said or f': {_compare(places, measure, chance, subject)}'}."
        return
    at_place: dict[Scalar, list[Named]] = {}
    for line in lines:
        for x, value in line.measured:
            at_place.setdefault(x, []).append((line.name, value))
    several = sorted((place for place in at_place.items() if len(place[1]) > 1), key=lambda place: -_reach(place[1]))
    differing = [(x, here) for x, here in several if _differ(here, chance)]
    for x, here in differing[:_MOST_PLACES]:
        said = _divide(here, measure, chance, subject, ":") or f": {_compare(here, measure, chance, subject)}"
        yield f"{measure.subject} with {arrangement.describe_x(x)}{said}."
    alike = [
        f"{arrangement.describe_x(x)} ({_range([value for _, value in here], measure.quantity)})"
        for x, here in several
        if (x, here) not in differing
    ]
    if alike:
        yield f"No clear difference in {measure.phrase} with {join_names(alike)}."


def _reach(values: Sequence[Named]) -> float:
    medians = [value.median for _, value in values]
    return max(medians) / min(medians) if min(medians) > 0 else math.inf


def _differ(values: Sequence[Named], chance: float) -> bool:
    (_, low), *_, (_, high) = sorted(values, key=lambda named: named[1].median)
    return high.at_least or ratio_of(low, high, chance).is_clear


def _divide(values: Sequence[Named], measure: Measure, chance: float, subject: str, verb: str = " is") -> str:
    """Two groups with a gap between them: `is 54 ms with epoll and 0.6 to 2 ms with thread and callback, ...`."""
    ranked = sorted(values, key=lambda named: named[1].median)
    gaps = [
        after.median / before.median if before.median > 0 and not before.at_least else 0.0
        for (_, before), (_, after) in itertools.pairwise(ranked)
    ]
    at = max(range(len(gaps)), key=gaps.__getitem__)
    if len(values) < 3 or gaps[at] < _GAP or gaps[at] < _DOMINANT * max(gaps[:at] + gaps[at + 1 :]):
        return ""
    low, high = ranked[: at + 1], ranked[at + 1 :]
    if not ratio_of(low[-1][1], high[0][1], chance).is_clear:
        return ""
    groups = [low, high]
    if any(name == subject for name, _ in high) or (not subject and measure.more_is_better):
        groups = [high, low]
    text = [
        f"{_range([value for _, value in group], measure.quantity)} with {join_many([name for name, _ in group])}"
        for group in groups
    ]
    return f"{verb} {text[0]}, and {text[1]}: a factor of {format_multiple(gaps[at])} or more between them"


def _rank(values: Sequence[Named], measure: Measure) -> str:
    """All values, the lowest first, where they lie far apart: `, from the fastest: call 19 ns, generator 40 ns`."""
    ranked = sorted(values, key=lambda named: named[1].median)
    (_, low), (_, high) = ranked[0], ranked[-1]
    if not 2 < len(values) <= _MOST_RANKED or high.median < _GAP * low.median:
        return ""
    quantity = measure.quantity
    listed = ", ".join(
        f"{name} {write_value(value, quantity)}{write_interval(value, quantity)}" for name, value in ranked
    )
    return f", from the {quantity.lowest}: {listed}"


def _compare(values: Sequence[Named], measure: Measure, chance: float, subject: str = "") -> str:
    """Say which are the best and which is the worst of two or more named values, and by how much."""
    quantity = measure.quantity
    by_merit = sorted(values, key=lambda named: named[1].median, reverse=measure.more_is_better)
    (best_name, best), (worst_name, worst) = by_merit[0], by_merit[-1]
    best_word, worst_word = (
        (quantity.highest, quantity.lowest) if measure.more_is_better else (quantity.lowest, quantity.highest)
    )
    best_value, worst_value = write_value(best, quantity), write_value(worst, quantity)
    if worst.at_least:
        return f"the client was the limit ({best_name} {best_value}, {worst_name} {worst_value})"
    which, among = ("both", "them") if len(values) == 2 else (f"all {len(values)}", f"the {len(values)}")
    if _are_equal(best, worst):
        return f"{which} are within 5{_NBSP}% of each other, {best_name} {best_word} with {best_value}"
    if not best.at_least and not ratio_of(worst, best, chance).is_clear:
        return f"no clear difference between {among} ({_range([best, worst], quantity)})"
    leaders = [(name, value) for name, value in by_merit if not _is_worse(value, best, chance)]
    if len(leaders) == 1:
        text = f"{best_name} {_verb(best_name)} {best_word} with {best_value}{write_interval(best, quantity)}"
    else:
        names = join_many([name for name, _ in leaders])
        text = f"{names} are {best_word} with {_range([value for _, value in leaders], quantity)}, no clear difference,"
    text += f" and {worst_name} {worst_word} with {worst_value}{write_interval(worst, quantity)}"
    if factor := describe_ratio(best, worst, chance):
        text += f", a factor of {factor}"
    neither = [(name, value) for name, value in by_merit[:-1] if name == subject and (name, value) not in leaders]
    text += "".join(f"; {name} has {write_value(value, quantity)}" for name, value in neither)
    return text + ("; not in the same batch" if are_apart(best, worst) else "")


def _verb(name: str) -> str:
    """`nginx is`, `1 active connection is`, but `16 active connections are` and `blocking calls are`."""
    is_number_of = name[:1].isdigit() and not name.startswith("1 ")
    return "are" if is_number_of or name.endswith(" calls") else "is"


def _is_worse(value: Value, best: Value, chance: float) -> bool:
    return not value.at_least and ratio_of(value, best, chance).is_clear


def _are_equal(one: Value, other: Value) -> bool:
    low, high = sorted((one, other), key=lambda value: value.median)
    return not high.at_least and high.median <= low.median * _EQUAL_WITHIN


def _range(values: Sequence[Value], quantity: Quantity) -> str:
    """`0.6 ms to 2 ms`, `at least 20 requests/s`, or one value where they are written alike."""
    lowest, highest = (pick(values, key=lambda value: value.median) for pick in (min, max))
    if any(value.at_least for value in values):
        return f"at least {quantity.format_with_unit(lowest.median)}"
    low, high = quantity.format(lowest.median), write_value(highest, quantity)
    return high if low == quantity.format(highest.median) else f"{low} to {high}"


def _adjective(quantity: Quantity) -> str:
    return {RATE: "high", ITERATIONS: "high", TIME: "long"}.get(quantity, "large")


def _unswept(profile: Mapping[str, Any], path: str) -> Scalar:
    """The value that a path has in the profile without its sweep, as trials have it in their factors."""
    found: Any = profile
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return describe_command(found) if isinstance(found, list | tuple) else found
