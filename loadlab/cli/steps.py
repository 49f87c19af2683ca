"""What a scenario counted beside the figures of its trial, as small tables for the terminal: of a single trial only."""

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from loadlab.report.sections.steps import tabulate_checks, tabulate_requests, tabulate_steps
from loadlab.report.tables import Cell, Table
from loadlab.results.run import RunDocument

# What a narrow terminal leaves out, in this order.
_DISPENSABLE: Final = ("statuses", "max", "p90", "requests/s", "/s")
_MOST_ROWS: Final = 25
_GAP: Final = 2
_NARROWEST_NAME: Final = 24
_NOTHING: Final = "-"


def scenario_tables(document: RunDocument) -> Iterator["ScenarioTable"]:
    """Yield the tables of a run of one trial: iterations and steps, requests by name, checks; none without a scenario.

    A page has those of all trials.
    """
    trials = [trial for trial in document.trials if trial.state == "done" and trial.iterations is not None]
    if len(document.trials) != 1:
        return
    for table in (tabulate_steps(trials), tabulate_requests(trials), tabulate_checks(trials)):
        if table.rows:
            yield ScenarioTable(table)


class ScenarioTable:
    """A table whose first column names what each row is of; columns that a narrow terminal has no room for go first."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        kept = self._fitting(options.max_width)
        table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
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
        for title in _DISPENSABLE:
            if sum(widths[index] + _GAP for index in kept) - _GAP > columns and title in titles:
                kept.remove(titles.index(title))
        return kept


def _styled(cell: Cell) -> Text:
    return Text(_text(cell), style="red" if cell.badge == "failed" else "")


def _text(cell: Cell) -> str:
    return _NOTHING if cell.sort is None else cell.short or cell.text
