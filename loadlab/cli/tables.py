"""The results of a run as a table for the terminal, and what its probes did not see."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from loadlab.protocols.close_codes import name_of_status
from loadlab.report.certainty import describe_batches, describe_windows
from loadlab.report.layout import arrange
from loadlab.report.load_model import models_of
from loadlab.report.sections.speed import speed_sentences
from loadlab.report.tables import Cell
from loadlab.report.trial_columns import VERDICT, TrialColumn, figure_columns, identity_columns
from loadlab.results.probe_data import Probes
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.vocabulary import vocabulary_of

_NOTHING: Final = "-"
_NBSP: Final = "\N{NO-BREAK SPACE}"
_GAP: Final = 2
_DISPENSABLE: Final = ("iterations.response_ns.p99", "client.cpu_ns_per_request", "target.cpu_ns_per_request")
# Where it is known how long events were under way, all that says how often the server sends.
_PACE: Final = ("first_ns.p99", "first_ns.p50", "response_ns.p99", "response_ns.p50")
_STYLES: Final = {"valid": "green", "suspect": "yellow", "not possible": "yellow"}
_MODELS: Final[dict[LoadModel, str]] = {
    "closed": "Closed model: users wait while the server stalls, so latencies suffer from coordinated omission.",
    "open": "Open model: p50 and p99 are response times, since a {message} was due; service times, since it was sent.",
}
_OPEN_SCENARIO: Final = (
    "Open model: iterations are due by a schedule, and their response times count from then; p50 and p99 are those of "
    "requests, since they were sent."
)


class ResultsTable:
    """One row for each trial, line by line and then along x; a column that would stay empty is left out.

    A column of failed, dropped or cut requests that are all 0 is left out too, and a percentile that too few samples
    lie beyond is not shown. "≥" says that the client was the limit, "±" how far the 95 % interval reaches. CPU time is
    user and system together. The intervals, then CPU time, are left out where the terminal is too narrow for all.
    """

    def __init__(self, document: RunDocument) -> None:
        self._trials = sorted_trials(document)
        self._identity = [column for column in identity_columns(self._trials) if column.short]
        self._figures = [
            column
            for column in figure_columns(vocabulary_of(self._trials, document.profile))
            if column.short and any((cell := _cell(column, trial)) and cell.sort for trial in self._trials)
        ]

    def _texts(self, with_intervals: bool) -> dict[str, list[str]]:
        """The columns by their headings."""
        identity = {column.short: [_text(column.read(trial)) for trial in self._trials] for column in self._identity}
        figures = {
            column.short: [_text(_cell(column, trial), with_intervals) for trial in self._trials]
            for column in self._figures
        }
        return identity | figures | {VERDICT.short: [VERDICT.read(trial).text for trial in self._trials]}

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        columns = self._texts(with_intervals=True)
        if _least_width(columns) > options.max_width:
            columns = self._texts(with_intervals=False)
        headings = {column.metric: column.short for column in self._figures}
        if "delay_ns.p50" in headings:
            for metric in _PACE:
                if _whole_width(columns) > options.max_width:
                    columns.pop(headings.get(metric, ""), None)
        for metric in _DISPENSABLE:
            if _least_width(columns) > options.max_width:
                columns.pop(headings.get(metric, ""), None)
        fits = _least_width(columns) <= options.max_width
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, collapse_padding=True)
        for heading, texts in columns.items():
            # On a narrow terminal a figure and its unit in two lines are better than one without its end.
            is_one_word = not any(" " in text for text in (heading, *texts))
            is_whole = fits and (is_one_word or heading == VERDICT.short)
            table.add_column(heading, justify="right", overflow="fold", no_wrap=is_whole)
        for *texts, verdict in zip(*columns.values(), strict=True):
            style = _STYLES.get(verdict, "red")
            table.add_row(*texts, Text(verdict.replace(" ", "\n"), style=style))
        yield table


def certainty_lines(document: RunDocument) -> Iterable[str]:
    """Yield whether the figures have intervals, and if not what would give them; nothing where nothing was measured."""
    for clause in (*describe_windows(document), *describe_batches(document)):
        yield clause.text


def load_model_lines(document: RunDocument) -> Iterable[str]:
    """Yield what the percentiles in the table mean, a line for each model of load that has any."""
    words = vocabulary_of(document.trials, document.profile)
    if words.pushed and any(trial.is_credible for trial in document.trials):
        yield "p50 and p99 are times between events; delay, where it is known, how long events were under way."
    credible = [trial for trial in document.trials if trial.is_credible]
    for model in models_of(credible):
        is_scenario = model == "open" and any(trial.iterations is not None for trial in credible)
        yield _OPEN_SCENARIO if is_scenario else words.fill(_MODELS[model])


def speed_lines(document: RunDocument) -> Iterable[str]:
    """Yield how steady the machines were during the run, and how many trials it made necessary to measure again."""
    yield from speed_sentences(document)
    if document.spoiled:
        again = len({trial.id for trial in document.spoiled})
        trials = "1 trial was" if again == 1 else f"{again:,} trials were"
        attempts = "1 attempt" if len(document.spoiled) == 1 else f"{len(document.spoiled):,} attempts"
        yield f"{trials} measured again, as the machine had spoiled {attempts}."


def answer_lines(document: RunDocument) -> Iterable[str]:
    """Yield what is worth saying of all responses together: unusual statuses, and what connections and streams did."""
    words = vocabulary_of(document.trials, document.profile)
    statuses: Counter[str] = Counter()
    for trial in document.trials:
        statuses.update(trial.statuses)
    if statuses.keys() - {"200"}:
        ranked = sorted(statuses.items(), key=lambda each: (-each[1], each[0]))
        listed = ", ".join(f"{name_of_status(status)}: {count:,}" for status, count in ranked)
        yield f"{'Responses by status' if words.are_requests else 'Statuses and close codes'}: {listed}."
    counts = {
        "connections opened": sum(trial.connects.opened for trial in document.trials),
        f"{words.message}s sent again on a new connection": sum(trial.retried for trial in document.trials),
        f"{words.answer}s with surplus bytes behind them": sum(trial.surplus for trial in document.trials),
        "streams ended by the server": sum(trial.ended for trial in document.trials),
        "messages that nothing had asked for": sum(trial.unasked for trial in document.trials),
        "pings answered": sum(
            trial.pings + (trial.idle.pings if trial.idle is not None else 0) for trial in document.trials
        ),
    }
    counted = [f"{what}: {count:,}" for what, count in counts.items() if count]
    if counted:
        yield f"Within the window{'' if len(document.trials) == 1 else 's'}: {'; '.join(counted)}."


def sorted_trials(document: RunDocument) -> list[TrialResult]:
    """Return the trials as the page lays them out, line by line and then along x, not in running order."""
    arrangement = arrange(document.profile, document.trials)
    return [trial for setting in arrangement.settings for trial in setting.trials]


def findings_lines(document: RunDocument) -> Iterable[str]:
    """Yield one line for each kind of finding beyond a note, with how many trials it concerns.

    Findings of one kind that do not say or advise the same have a line each.
    """
    counted = Counter(
        f"{finding.text} {finding.advice}".rstrip()
        for trial in document.trials
        for finding in trial.verdict.findings
        if finding.severity != "note"
    )
    for text, times in counted.items():
        yield f"{times} of {len(document.trials)} trials: {text}"


def unseen_lines(document: RunDocument) -> Iterable[str]:
    """Yield one line for each probe that saw nothing of the target, with the reason that the first such trial gives."""
    counted: dict[str, tuple[int, str]] = {}
    for trial in document.trials:
        for probe, reason in _unseen(trial.probes):
            times, first = counted.get(probe, (0, reason))
            counted[probe] = (times + 1, first)
    for probe, (times, reason) in counted.items():
        yield f"{times} of {len(document.trials)} trials: The probe {probe} saw nothing of the target: {reason}"


def _least_width(columns: Mapping[str, Sequence[str]]) -> int:
    """How wide the table is when each cell has a line for each of its words."""
    words = (
        max(len(word) for text in (heading, *texts) for word in text.split()) for heading, texts in columns.items()
    )
    return sum(words) + _GAP * (len(columns) - 1)


def _whole_width(columns: Mapping[str, Sequence[str]]) -> int:
    """How wide the table is when each cell has a single line, and each heading as many as it has words."""
    whole = (max(map(len, [*heading.split(), *texts])) for heading, texts in columns.items())
    return sum(whole) + _GAP * (len(columns) - 1)


def _cell(column: TrialColumn, trial: TrialResult) -> Cell | None:
    """A capacity that cannot be believed is not printed; counts are, as they may say why."""
    return column.cell_of(trial) if column.is_count or trial.is_credible else None


def _text(cell: Cell | None, with_interval: bool = False) -> str:
    if cell is None or cell.sort is None:
        return _NOTHING
    within = f" {cell.within}" if cell.within and with_interval else ""
    return (cell.short or cell.text) + within.replace(_NBSP, "")


def _unseen(probes: Probes) -> Iterator[tuple[str, str]]:
    if (syscalls := probes.syscalls) and syscalls.target is None:
        lacks = syscalls.missed if syscalls.backend is None else []
        yield "syscalls", "; ".join([*_of_target(syscalls.problems), *lacks])
    if (cpu := probes.cpu) and not (cpu.target and cpu.target.profiles):
        yield "cpu", "; ".join([*_of_target(cpu.problems), *(cpu.target.missing if cpu.target else [])])


def _of_target(problems: Iterable[str]) -> Iterator[str]:
    """Yield the problems that a probe had, without saying again that it is the target."""
    return (problem.removeprefix("target: ") for problem in problems)
