"""The parts of a table: cells with a text and a key to sort by, columns, rows; and a small plain table."""

from dataclasses import dataclass
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.analysis.verdict import throughput_is_lower_bound, trusted_ns
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import LatencySummary, TrialResult
from loadlab.units import format_duration_ns, format_rate

_DASH: Final = "\N{EN DASH}"
# What was never sent is counted in a column of its own.
_FAILED: Final = FAILURES - {Outcome.DROPPED}


@dataclass(frozen=True, slots=True)
class Cell:
    """`sort` is a number, a text, or None for a cell that has nothing and always comes last.

    `note` explains the cell to who asks; `badge` makes it one of that kind.
    """

    text: str
    sort: float | str | None
    note: str = ""
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and whether its cells are numbers."""

    title: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One trial; `remark` says why it has no figures, or what casts doubt on them."""

    cells: tuple[Cell, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has a cell for each column."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def time_cell(value_ns: float | None, absent: str) -> Cell:
    """Return the cell of a time in nanoseconds; `absent` says why there is none."""
    return absent_cell(absent) if value_ns is None else Cell(format_duration_ns(value_ns), value_ns)


def percentile_cell(summary: LatencySummary, name: Percentile, absent: str) -> Cell:
    """Return the cell of a percentile; one that too few samples lie beyond is not shown."""
    if summary.count and trusted_ns(summary, name) is None:
        return absent_cell(f"Fewer than 10 of {summary.count:,} samples lie beyond {name}: too few to show it.")
    return time_cell(trusted_ns(summary, name), absent)


def rate_cell(requests_per_second: float, trial: TrialResult) -> Cell:
    """Return the cell of a throughput of that trial, marked where it is only a lower bound."""
    text = format_rate(requests_per_second)
    if not throughput_is_lower_bound(trial):
        return Cell(text, requests_per_second)
    return Cell(f"≥ {text}", requests_per_second, "At least this: the load held the target back.")


def failures_cell(outcomes: dict[str, int]) -> Cell:
    """Return the cell with the number of requests that were sent and failed; its note tells them apart."""
    failures = {name: number for name, number in outcomes.items() if name in _FAILED and number}
    failed = sum(failures.values())
    return Cell(f"{failed:,}", failed, note=", ".join(f"{name} {number:,}" for name, number in failures.items()))


def absent_cell(why: str) -> Cell:
    """Return the cell for what was not measured."""
    return Cell(_DASH, None, note=why or "not measured")


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
