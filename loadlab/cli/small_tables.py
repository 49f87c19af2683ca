"""What stands beside the figures of a trial, as small tables for the terminal: of a single trial only.

The machines that generated its load, and what a scenario counted.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from loadlab.report.machines import tabulate_machines, with_machines
from loadlab.report.sections.steps import tabulate_checks, tabulate_requests, tabulate_steps
from loadlab.report.tables import Cell, Table
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

# What a narrow terminal leaves out, in this order.
_DISPENSABLE: Final = ("statuses", "max", "p90", "requests/s", "/s")
_DISPENSABLE_OF_MACHINES: Final = (
    "clock offset",
    "added p99",
    "speed",
    "p50",
    "idle",
    "connections",
    "cores",
    "CPU, cores",
)
_MOST_ROWS: Final = 25
_GAP: Final = 2
_NARROWEST_NAME: Final = 24
_NOTHING: Final = "-"
_STYLES: Final = {"failed": "red", "invalid": "red", "suspect": "yellow", "valid": "green"}


def small_tables(document: RunDocument) -> Iterator["SmallTable"]:
    """Yield the tables of a run of one trial: its machines; iterations and steps, requests by name, and checks.

    A page has those of all trials.
    """
    if len(document.trials) != 1:
        return
    yield from machine_tables(document.trials[0])
    trials = [trial for trial in document.trials if trial.state == "done" and trial.iterations is not None]
    for table in (tabulate_steps(trials), tabulate_requests(trials), tabulate_checks(trials)):
        if table.rows:
            yield SmallTable(table, _DISPENSABLE)


def machine_tables(trial: TrialResult) -> Iterator["SmallTable"]:
    """Yield the table of the machines that generated the load of a trial, if there were several."""
    if loaded := with_machines([trial]):
        yield SmallTable(tabulate_machines(loaded), _DISPENSABLE_OF_MACHINES)


class SmallTable:
    """A table whose first column names what each row is of; `dispensable` columns go first on a narrow terminal."""

    def __init__(self, table: Table, dispensable: Sequence[str]) -> None:
        self._table = table
        self._dispensable = dispensable

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        kept = self._fitting(options.max_width)
        table = RichTable(
            box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, collapse_padding=True
        )
        for index in kept:
            column = self._table.columns[index]
            table.add_column(
                column.title, justify="right" if column.numeric else "left", overflow="fold", no_wrap=column.numeric
            )
        for row in self._table.rows[:_MOST_ROWS]:
            table.add_row(*(_styled(row.cells[index]) for index in kept))
        yield table
        if (more := len(self._table.rows) - _MOST_ROWS) > 0:
            yield Text(f"and {more} more, on the page")

    def _fitting(self, columns: int) -> list[int]:
        """The columns that fit beside each other, by their indices; a name may be broken."""
        titles = [column.title for column in self._table.columns]
        widths = [
            max(len(title), *(len(_text(row.cells[index])) for row in self._table.rows))
            for index, title in enumerate(titles)
        ]
        widths[0] = min(widths[0], _NARROWEST_NAME)
        kept = [*range(len(titles))]
        for title in self._dispensable:
            if sum(widths[index] + _GAP for index in kept) - _GAP > columns and title in titles:
                kept.remove(titles.index(title))
        return kept


def _styled(cell: Cell) -> Text:
    return Text(_text(cell), style=_STYLES.get(cell.badge, ""))


def _text(cell: Cell) -> str:
    return _NOTHING if cell.sort is None else cell.short or cell.text
