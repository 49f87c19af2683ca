"""A small table that stands beside the figures of a chart."""

from dataclasses import dataclass


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
