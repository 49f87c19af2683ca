"""What `loadlab compare` does: read runs, compare each with the first, and say how they differ."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from loadlab.analysis.comparison import ComparedFigure, RunComparison, compare_runs, metrics_of
from loadlab.cli.files import check_writable, write_file
from loadlab.cli.terminal import notify, show, write, write_prose
from loadlab.errors import ExitCode, LoadlabError
from loadlab.profile.fail_if import Answer, FailIf, parse_fail_if
from loadlab.profile.metrics import FAILED_REQUESTS
from loadlab.report.comparison.answer import BASE, answer, doubt_lines, left_out_lines, name_setting
from loadlab.report.comparison.cells import Effect, change_cell, effect_of, interval_cell, margin_cell, visible_cell
from loadlab.report.differences import format_figure, name_of
from loadlab.results.directory import read_run
from loadlab.results.run import RunDocument
from loadlab.results.vocabulary import vocabulary_for

SCHEMA: Final = "loadlab.comparison/1"
_STYLES: Final[dict[Effect, str]] = {"better": "green", "worse": "red", "none": "dim", "unknown": "yellow"}
_NOTHING: Final = "-"
_GAP: Final = 2
# In a row for each setting there is no room for all; the page and --json have them.
_IN_ROWS: Final = (
    "requests_per_second", "target.cpu_ns_per_request", "delay_ns.p99", "response_ns.p50", "response_ns.p99",
    FAILED_REQUESTS,
    "cost_ns", "operation_ns", "run_ns", "bytes_per_unit",
)  # fmt: skip
_DISPENSABLE: Final = ("response_ns.p50", "target.cpu_ns_per_request")


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run with its letter, and where it was read from."""

    letter: str
    path: Path
    document: RunDocument

    @property
    def line(self) -> str:
        """Return what it is, in a line."""
        run = self.document
        name = run.profile.get("name") or "run"
        unfinished = "" if run.finished and not run.interrupted else ", not finished"
        return f"{self.letter}  {self.path}: {name}, {run.started}, {_count(len(run.trials))}{unfinished}"


def compare(
    paths: Sequence[Path], anyway: bool, as_json: bool, html: Path | None, conditions: Sequence[str]
) -> ExitCode:
    """Compare the runs at these paths with the first of them; return how that ends the program.

    Raises LoadlabError for what does not compare, unless it is to be compared `anyway`.
    """
    runs = _read(paths)
    fail_if = _parse(conditions, metrics_of(trial for run in runs for trial in run.document.trials))
    base, others = runs[0], runs[1:]
    compared = [(other, compare_runs(base.document, other.document)) for other in others]
    _refuse(base, compared, anyway)
    if html is not None:
        check_writable(html)
    outcomes = [outcome for other, comparison in compared for outcome in _judge(fail_if, other, comparison)]
    if as_json:
        write(_as_json(base, compared, outcomes))
    else:
        _show(base, compared)
    for outcome in outcomes:
        if outcome.answer != Answer.EXCLUDED or not as_json:
            notify(outcome.line, style=outcome.style)
    if html is not None:
        from loadlab.report.comparison.page import render_comparison

        write_file(html, render_comparison(base.line, [(other.letter, other.line, each) for other, each in compared]))
        notify(f"written: {html}")
    failed = any(outcome.answer == Answer.HOLDS for outcome in outcomes)
    return ExitCode.EXPECTATION_FAILED if failed else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class ConditionOutcome:
    """What a condition of --fail-if came to, over all settings: the gravest answer, and where."""

    run: str
    condition: FailIf
    answer: Answer
    where: tuple[str, ...]

    @property
    def line(self) -> str:
        """Return it as a line for the terminal."""
        match self.answer:
            case Answer.HOLDS:
                return f"failed: {self.run}: {self.condition.text}: {'; '.join(self.where)}"
            case Answer.UNSURE:
                return f"not sure: {self.run}: {self.condition.text}: {'; '.join(self.where)}"
            case Answer.EXCLUDED:
                return f"passed: {self.run}: not {self.condition.text}"

    @property
    def style(self) -> str | None:
        """Return how a terminal colours it."""
        return {Answer.HOLDS: "red", Answer.UNSURE: "yellow"}.get(self.answer)


class DifferencesTable:
    """The figures of both runs and how they differ: a row for each figure, or for each setting where there are several.

    Columns of failures that are 0 everywhere are left out, and on a narrow terminal those that say least.
    """

    def __init__(self, comparison: RunComparison, other: str) -> None:
        self._comparison = comparison
        self._other = other

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        if len(self._comparison.settings) == 1:
            yield self._by_figure()
        else:
            yield self._by_setting(options.max_width)

    def _by_figure(self) -> Table:
        table = _table()
        table.add_column("")
        for heading in (BASE, self._other, "change", "95 % interval", "visible from"):
            table.add_column(heading, justify="right")
        for figure in self._comparison.settings[0].figures:
            style = _STYLES[effect_of(figure)]
            table.add_row(
                name_of(figure.metric, vocabulary_for(self._comparison.protocol)),
                format_figure(figure.metric, figure.a),
                format_figure(figure.metric, figure.b),
                Text(change_cell(figure), style=style),
                Text(interval_cell(figure), style=style),
                visible_cell(figure),
            )
        return table

    def _by_setting(self, width: int) -> Table:
        settings = self._comparison.settings
        paths = list(settings[0].factors)
        metrics = [metric for metric in _IN_ROWS if any(map(_is_worth_a_column, self._figures(metric)))]
        rows = [[_factor(setting.factors[path]) for path in paths] for setting in settings]
        cells = {metric: [_cell(setting.figure(metric)) for setting in settings] for metric in metrics}
        for metric in _DISPENSABLE:
            if _width(paths, rows, cells) > width and len(cells) > 1:
                cells.pop(metric, None)
        table = _table()
        for path in paths:
            table.add_column(path.rpartition(".")[2], overflow="fold")
        words = vocabulary_for(self._comparison.protocol)
        for metric in cells:
            table.add_column(name_of(metric, words), justify="right", overflow="fold")
        for number, row in enumerate(rows):
            table.add_row(*row, *(column[number] for column in cells.values()))
        return table

    def _figures(self, metric: str) -> Iterator[ComparedFigure]:
        return (figure for setting in self._comparison.settings if (figure := setting.figure(metric)) is not None)


def _parse(conditions: Sequence[str], metrics: Collection[str]) -> list[FailIf]:
    try:
        return [parse_fail_if(text, metrics) for text in conditions]
    except ValueError as error:
        raise LoadlabError(f"--fail-if: {error}") from None


def _read(paths: Sequence[Path]) -> list[NamedRun]:
    if len(paths) < 2:
        raise LoadlabError("compare takes two runs or more: loadlab compare RUN RUN; the first is the base.")
    if len(paths) > len(ascii_uppercase):
        raise LoadlabError(f"at most {len(ascii_uppercase)} runs can be compared at once.")
    seen: dict[Path, Path] = {}
    for path in paths:
        if path.resolve() in seen:
            raise LoadlabError(f"{path} is named twice; name two runs.")
        seen[path.resolve()] = path
    return [NamedRun(letter, path, read_run(path)) for letter, path in zip(ascii_uppercase, paths, strict=False)]


def _refuse(base: NamedRun, compared: Iterable[tuple[NamedRun, RunComparison]], anyway: bool) -> None:
    """Raise LoadlabError for runs that do not compare, or whose figures have no setting in common."""
    for other, comparison in compared:
        reasons = "\n".join(comparison.obstacles)
        if not comparison.settings:
            raise LoadlabError(f"{base.path} and {other.path} cannot be compared.\n{reasons}")
        if reasons and not anyway:
            raise LoadlabError(
                f"{base.path} and {other.path} do not compare.\n{reasons}\n"
                "With --anyway they are compared all the same; then differences may have these reasons."
            )


def _judge(conditions: Sequence[FailIf], other: NamedRun, comparison: RunComparison) -> Iterator[ConditionOutcome]:
    """Yield the outcome of each condition: it holds if it does at any setting, and is excluded only if it is at all."""
    for condition in conditions:
        found: dict[Answer, list[str]] = {each: [] for each in Answer}
        for setting in comparison.settings:
            figure = setting.figure(condition.metric)
            verdict = condition.judge(figure.interval if figure else None)
            where = name_setting(setting.factors)
            measured = condition.describe(figure.interval if figure else None)
            found[verdict].append(f"{where}: {measured}" if where else measured)
        found[Answer.UNSURE] += [
            f"{name_setting(each.factors) or 'the only setting'}: {each.reason}" for each in comparison.left_out
            if each.reason.startswith("no valid trial in the other")
        ]  # fmt: skip
        gravest = next(each for each in (Answer.HOLDS, Answer.UNSURE, Answer.EXCLUDED) if found[each])
        yield ConditionOutcome(other.letter, condition, gravest, tuple(found[gravest]))


def _show(base: NamedRun, compared: Sequence[tuple[NamedRun, RunComparison]]) -> None:
    write_prose(f"{base.line} (base)", indent="   ")
    for other, comparison in compared:
        write_prose(other.line, indent="   ")
        write("")
        for line in answer(comparison, other.letter):
            write_prose(line)
        write("")
        show(DifferencesTable(comparison, other.letter))
        write("")
        if any(figure.corrected for figure in comparison.figures):
            write_prose("* corrected for the speed of the machine")
        notes = comparison.obstacles, comparison.remarks, left_out_lines(comparison.left_out)
        for line in (*(line for lines in notes for line in lines), *doubt_lines(comparison.settings)):
            write_prose(line)


def _as_json(
    base: NamedRun, compared: Sequence[tuple[NamedRun, RunComparison]], outcomes: Sequence[ConditionOutcome]
) -> str:
    def describe(run: NamedRun) -> dict[str, object]:
        document = run.document
        return {
            "run": str(run.path),
            "name": document.profile.get("name"),
            "started": document.started,
            "loadlab": document.loadlab,
        }

    found = {
        "schema": SCHEMA,
        "base": describe(base),
        "compared": [describe(other) | each.model_dump(mode="json", by_alias=True) for other, each in compared],
        "fail_if": [
            {
                "run": str(next(other.path for other, _ in compared if other.letter == outcome.run)),
                "condition": outcome.condition.text,
                "answer": outcome.answer.value,
                "where": outcome.where,
            }
            for outcome in outcomes
        ],
    }
    return json.dumps(found, indent=1, allow_nan=False)


def _count(trials: int) -> str:
    return f"{trials} trial{'' if trials == 1 else 's'}"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, collapse_padding=True)


def _is_worth_a_column(figure: ComparedFigure) -> bool:
    return bool(figure.a or figure.b)


def _factor(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cell(figure: ComparedFigure | None) -> Text:
    """Both figures above, the change with half the width of its interval below."""
    if figure is None:
        return Text(_NOTHING)
    figures = f"{format_figure(figure.metric, figure.a)} → {format_figure(figure.metric, figure.b)}"
    return Text.assemble(figures, "\n", (margin_cell(figure), _STYLES[effect_of(figure)]))


def _width(paths: Sequence[str], rows: Sequence[Sequence[str]], cells: dict[str, list[Text]]) -> int:
    names = [max(len(row[number]) for row in rows) for number in range(len(paths))]
    columns = [max(len(line) for cell in column for line in cell.plain.split("\n")) for column in cells.values()]
    return sum(names) + sum(columns) + _GAP * (len(names) + len(columns) - 1)
