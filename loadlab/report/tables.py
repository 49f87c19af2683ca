"""Tables as plain data: those that can be sorted, with cells of their own for each kind of figure, and plain ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.analysis.verdict import throughput_is_lower_bound, trusted_ns
from loadlab.protocols.close_codes import name_of_status
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.units import format_count, format_duration_ns, format_percent, format_rate, format_size_bytes

_DASH: Final = "\N{EN DASH}"
_MOST_STATUSES: Final = 4
# What was never sent is counted in a column of its own.
_FAILED: Final = FAILURES - {Outcome.DROPPED}


@dataclass(frozen=True, slots=True)
class Cell:
    """`sort` is a number, a text, or None for a cell that has nothing and always comes last.

    `note` is its tooltip, `badge` draws it as one of that kind, and `short` is its text where there is little room.
    `within` is how far its 95 % interval reaches on either side, as in `±1.8 %`.
    """

    text: str
    sort: float | str | None
    note: str = ""
    badge: str = ""
    short: str = ""
    within: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and whether its cells are numbers; texts of any length, such as names of a user's, are `broken`."""

    title: str
    numeric: bool
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One trial; `remark` says why it has no figures, or what casts doubt on them, `anchor` is the id of the row."""

    cells: tuple[Cell, ...]
    remark: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has a cell for each column."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A heading over several columns."""

    title: str
    columns: int


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A small table: its first column names the rows, the others are figures. `groups` head the latter, or are none."""

    title: str
    groups: tuple[Group, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def time_cell(value_ns: float | None, absent: str) -> Cell:
    """Return the cell of a time in nanoseconds; `absent` says why there is none."""
    return absent_cell(absent) if value_ns is None else Cell(format_duration_ns(value_ns), value_ns)


def percentile_cell(summary: LatencySummary, name: Percentile, absent: str) -> Cell:
    """Return the cell of a percentile; not of one that is too low, or that too few samples lie beyond."""
    if name in summary.too_low:
        return absent_cell(f"{name} is higher than was measured: slower requests were in flight when the window ended.")
    if summary.count and trusted_ns(summary, name) is None:
        return absent_cell(f"Fewer than 10 of {summary.count:,} samples lie beyond {name}: too few to show it.")
    return time_cell(trusted_ns(summary, name), absent)


def size_cell(value_bytes: float | None, absent: str) -> Cell:
    """Return the cell of a size; `absent` says why there is none."""
    return absent_cell(absent) if value_bytes is None else Cell(format_size_bytes(value_bytes), value_bytes)


def rate_cell(requests_per_second: float, trial: TrialResult | None = None) -> Cell:
    """Return the cell of a rate; that of a trial's throughput is marked where it is only a lower bound."""
    text, short = format_rate(requests_per_second), format_count(requests_per_second)
    if trial is None or not throughput_is_lower_bound(trial):
        return Cell(text, requests_per_second, short=short)
    note = "A lower bound: the client was the limit."
    return Cell(f"≥ {text}", requests_per_second, note, short=f"≥ {short}")


def with_interval(cell: Cell, interval: tuple[float, float] | None, written: Callable[[float], str]) -> Cell:
    """Return the cell of a figure with its 95 % interval: how far that reaches, and its ends in the note."""
    if interval is None or not isinstance(cell.sort, float | int) or cell.sort <= 0:
        return cell
    reach = max(abs(end / cell.sort - 1) for end in interval)
    ends = " to ".join(map(written, interval))
    return replace(cell, within=f"±{format_percent(reach)}", note=f"95 %: {ends}. {cell.note}".rstrip())


def count_cell(number: int, note: str = "") -> Cell:
    """Return the cell of a number of things."""
    return Cell(f"{number:,}", number, note, short=format_count(number))


def failures_cell(outcomes: dict[str, int]) -> Cell:
    """Return the cell with the number of requests that were sent and failed; its note divides them by outcome."""
    failures = {name: number for name, number in outcomes.items() if name in _FAILED and number}
    note = ", ".join(f"{name} {number:,}" for name, number in failures.items())
    return count_cell(sum(failures.values()), note)


def statuses_cell(statuses: Mapping[str, int], absent: str) -> Cell:
    """Return the cell that says how many responses had which status, sorted by the share of those that were not 200."""
    total = sum(statuses.values())
    if not total:
        return absent_cell(absent)
    ranked = sorted(statuses.items(), key=lambda each: (-each[1], each[0]))
    texts = [f"{name_of_status(status)}: {count:,}" for status, count in ranked]
    listed = ", ".join(texts)
    text = listed if len(texts) <= _MOST_STATUSES else f"{', '.join(texts[:_MOST_STATUSES])}, others"
    return Cell(text, 1 - statuses.get("200", 0) / total, "" if text == listed else listed)


def absent_cell(why: str) -> Cell:
    """Return the cell for what was not measured."""
    return Cell(_DASH, None, note=why or "not measured")
