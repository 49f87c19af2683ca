"""What lines and changes look like in words: `21,300 → 21,050 requests/s (-1.2 %)`.

Where the load held the target back a value is a lower bound, and is called "at least". Then what is said of a change is
a bound too, or nothing, where it could have been anything.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadlab.analysis.verdict import RATE_MET
from loadlab.report.layout import Arrangement, Setting, format_scalar
from loadlab.report.measures import ANSWERED_SHARE, Quantity
from loadlab.report.panels import Line, Panel, Value, panel_of
from loadlab.report.ratios import chance_of, ratio_of
from loadlab.report.scenario import COMPLETED_SHARE
from loadlab.results.trial import Scalar
from loadlab.units import format_multiple, format_share

_AT_LEAST: Final = "at least "
_MOST_LINES: Final = 6
_MOST_VALUES: Final = 12
# Beyond it the first value was near to nothing.
_MOST_TIMES: Final = 1000
# By how many standard deviations a count may be below its expectation.
_MOST_DEVIATIONS: Final = 3
_SECOND_NS: Final = 1e9


def write_value(value: Value, quantity: Quantity) -> str:
    """A value that stands alone, with its unit: `at least 85,600 requests/s`."""
    return f"{_bound(value)}{quantity.format_with_unit(value.median)}"


def write_interval(value: Value, quantity: Quantity) -> str:
    """The 95 % interval in parentheses, with a space before it: ` (47,600 to 48,900)`; empty where there is none."""
    if value.interval is None:
        return ""
    low, high = map(quantity.format, value.interval)
    return f" ({low} to {high})"


def describe_change(before: Value, after: Value, quantity: Quantity, chance: float) -> str:
    """As in a list: `100 → 150 requests/s (+50 %)`; no change is stated that is not beyond chance."""
    change = format_change(before, after, quantity)
    if before.at_least or after.at_least:
        return change
    if quantity.format(before.median) == quantity.format(after.median):
        return f"stays at {quantity.format_with_unit(after.median)}"
    if before.median <= 0 or after.median >= _MOST_TIMES * before.median:
        return change
    return f"{change} ({ratio_of(before, after, chance).signed})"


def format_change(before: Value, after: Value, quantity: Quantity) -> str:
    """Return both values with an arrow between them."""
    return f"{_bound(before)}{quantity.format(before.median)} → {write_value(after, quantity)}"


def describe_ratio(one: Value, other: Value, chance: float) -> str:
    """By what factor two values differ: `12 (10 to 14)`, `at least 12`; empty where there is none, or no bound."""
    low, high = sorted((one, other), key=lambda value: value.median)
    if low.median <= 0 or low.at_least:
        return ""
    ratio = ratio_of(low, high, chance)
    if ratio.is_guess or high.at_least:
        return f"{_bound(high)}{format_multiple(high.median / low.median)}"
    return f"{format_multiple(ratio.value)} ({format_multiple(ratio.low)} to {format_multiple(ratio.high)})"


def describe_lines(arrangement: Arrangement, lines: Iterable[Line], quantity: Quantity) -> str:
    """Say how each line changed from its first point to its last, or list the values where x has no order.

    Of many lines, the ones that end highest and lowest stand for all.
    """
    shown = [line for line in lines if line.measured]
    rest = ""
    if len(shown) > _MOST_LINES:
        by_end = sorted(shown, key=lambda line: line.measured[-1][1].median, reverse=True)
        shown = [*by_end[:2], *by_end[-2:]]
        rest = f" The other {len(by_end) - len(shown)} end between them."
    if arrangement.x_is_number:
        return _list_changes(arrangement, shown, quantity) + rest
    return _list_values(shown, quantity) + rest


def describe_growth(arrangement: Arrangement, panel: Panel) -> str:
    """Say by how much memory grew for each unit of x, first point to last; empty where x counts nothing."""
    if not panel.measure.metric.endswith("_bytes") or not arrangement.x_is_number:
        return ""
    if arrangement.x_name is None or not arrangement.x_name.is_counted:
        return ""
    growth = [(_slope(line), line.name) for line in panel.lines if len(line.measured) > 1]
    growth = sorted((each for each in growth if each[0] > 0), reverse=True)
    if len(growth) > _MOST_LINES:
        growth = [*growth[:2], *growth[-2:]]
    slopes = ", ".join(f"{name} {panel.measure.quantity.format(slope)}".strip() for slope, name in growth)
    return f"Growth for each {arrangement.x_name.one}: {slopes}." if slopes else ""


def describe_stretch(arrangement: Arrangement, first: Scalar, last: Scalar) -> str:
    """Say from where to where on the x axis: `From 0 to 19,000 idle connections`."""
    where = "At" if first == last else f"From {format_scalar(first)} to"
    return f"{where} {arrangement.describe_x(last)}"


def describe_answered(arrangement: Arrangement) -> Iterator[str]:
    """Yield one sentence on whether the rate of an open load was answered, and where it was least; none without one."""
    shares = [
        (value.median, Setting(x, line.index, ()))
        for line in panel_of(arrangement, ANSWERED_SHARE).lines
        for x, value in line.measured
    ]
    if not shares:
        return
    share, setting = min(shares, key=lambda answered: answered[0])
    if share >= RATE_MET:
        yield f"The target answered the offered rate everywhere, to within {format_share(1 - RATE_MET)}."
    else:
        where = arrangement.name_of(setting)
        yield f"The target did not keep up with the offered rate: it answered {format_share(share)} of it" + (
            f" at worst ({where})." if where else "."
        )


def describe_completed(arrangement: Arrangement) -> Iterator[str]:
    """Yield the same of a scenario's iterations: whether those that were due were completed, and where fewest were.

    There are few of them, so as many as chance explains may be missing.
    """
    shares = [
        (share, share >= RATE_MET - _MOST_DEVIATIONS / math.sqrt(due), setting)
        for setting in arrangement.settings
        for trial in setting.measured
        if (share := COMPLETED_SHARE.read(trial)) is not None
        and (due := (trial.offered_per_second or 0.0) * trial.window_ns / _SECOND_NS)
    ]
    if missed := [(share, setting) for share, is_met, setting in shares if not is_met]:
        share, setting = min(missed, key=lambda each: each[0])
        where = f" at worst ({name})" if (name := arrangement.name_of(setting)) else ""
        yield f"Not all iterations that were due were completed: {format_share(share)} of them{where}."
    elif shares:
        yield f"The iterations that were due were completed{' everywhere' if len(shares) > 1 else ''}."


def join_names(names: Sequence[str]) -> str:
    """Return `select`, `select and poll`, or `select, poll and epoll`; with semicolons where names have commas."""
    separator = "; " if any(", " in name for name in names) else ", "
    return " and ".join(part for part in (separator.join(names[:-1]), *names[-1:]) if part)


def _bound(value: Value) -> str:
    return _AT_LEAST if value.at_least else ""


def _list_changes(arrangement: Arrangement, lines: Iterable[Line], quantity: Quantity) -> str:
    changes: dict[tuple[Scalar, Scalar], list[str]] = {}
    for line in lines:
        (first_x, first), (last_x, last) = line.measured[0], line.measured[-1]
        change = write_value(first, quantity)
        if first_x != last_x:
            change = describe_change(first, last, quantity, chance_of(arrangement, quantity))
        changes.setdefault((first_x, last_x), []).append(f"{line.name} {change}".strip())
    # The widest stretch first: it is the one that was asked for, the others end where something was not possible.
    stretches = sorted(changes, key=lambda ends: float(ends[0] or 0) - float(ends[1] or 0))
    return " ".join(f"{describe_stretch(arrangement, *ends)}: {', '.join(changes[ends])}." for ends in stretches)


def _list_values(lines: Sequence[Line], quantity: Quantity) -> str:
    if len(lines) > 1 and sum(len(line.measured) for line in lines) > _MOST_VALUES:
        return _list_ranges(lines, quantity)
    values = [
        f"{_label(line, x)} {write_value(value, quantity)}".strip() for line in lines for x, value in line.measured
    ]
    return f"{', '.join(values)}." if values else ""


def _list_ranges(lines: Sequence[Line], quantity: Quantity) -> str:
    """The lowest and the highest line at each place: `hello: 91 (poll) to 1,450 requests/s (epoll)`."""
    at_place: dict[Scalar, list[tuple[float, str, Value]]] = {}
    for line in lines:
        for x, value in line.measured:
            at_place.setdefault(x, []).append((value.median, line.name, value))
    ranges = []
    for x, here in at_place.items():
        (_, lowest, low), (_, highest, high) = min(here), max(here)
        ends = f"{quantity.format(low.median)} ({lowest}) to {write_value(high, quantity)} ({highest})"
        ranges.append(f"{format_scalar(x)} {ends}")
    return f"{'; '.join(ranges)}."


def _label(line: Line, x: Scalar) -> str:
    return " ".join(part for part in (line.name, "" if x is None else format_scalar(x)) if part)


def _slope(line: Line) -> float:
    (first_x, first), (last_x, last) = line.measured[0], line.measured[-1]
    return (last.median - first.median) / (float(last_x or 0) - float(first_x or 0))
