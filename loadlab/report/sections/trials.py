"""The tables of the trials: a row for each, and a row for each kind of request in trials that have several."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from loadlab.analysis.summary import Percentile
from loadlab.profile.load import SLOW_SENDERS
from loadlab.report.layout import kind_names
from loadlab.report.load_model import model_suffix
from loadlab.report.sections.findings import describe_sockets
from loadlab.report.sections.section import Run, Section
from loadlab.report.tables import Cell, Column, Row, Table, absent_cell, failures_cell, percentile_cell, rate_cell
from loadlab.report.trial_columns import VERDICT, anchor_of, figure_columns, identity_columns, reason_of
from loadlab.results.requests import KindResult
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import Vocabulary, vocabulary_of

_KIND_PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p99")
_KIND_FIGURES: Final = ("{many}", "{many}/s", "p50", "service p50", "p99", "service p99", "failed")

_OF_INTERVALS: Final = "± is how far the 95 % interval reaches, on the side where that is more. "
_RARE: Final = {
    "retried": "Retried ones were sent again on a new connection, as the server had ended theirs.",
    "surplus": "Surplus counts responses with bytes behind them that belong to none.",
    "streams ended": "Streams ended were ended by the server, and opened again.",
    "unasked": "Unasked counts messages that came and that nothing had asked for.",
    "pings answered": "Pings answered are those of the server on active connections.",
    "delay p50": "Delay is how long an event was under way, from the server's sending it until the client had read it.",
    "first p50": "First is the time to the {first}, from the request being sent.",
    "gap p50": "Gap is the time between {pieces}.",
    "connections opened": "Connections opened are those within the window, and connect is how long each took to open.",
}


@dataclass(frozen=True, slots=True)
class Trials(Section):
    """Both tables; `sockets` is the trouble that TCP had, `of_load` whether there were requests at all.

    `explained` says what intervals and the rare columns of the table are, in whole sentences with a space behind each.
    """

    suffix: str
    table: Table
    kinds_table: Table | None
    sockets: str
    of_load: bool
    explained: str
    words: Vocabulary
    template: ClassVar[str] = "trials.html"


def sections_of(run: Run) -> Iterator[Trials]:
    """Yield the section."""
    trials = run.trials
    table = tabulate(trials)
    yield Trials(
        suffix=model_suffix(run.models),
        table=table,
        kinds_table=tabulate_kinds(trials),
        sockets=describe_sockets(trials),
        of_load=run.kind == "load",
        explained="".join(
            f"{run.words.fill(_RARE[column.title])} " for column in table.columns if column.title in _RARE
        )
        + (_OF_INTERVALS if any(cell.within for row in table.rows for cell in row.cells) else ""),
        words=run.words,
    )


def tabulate(trials: Sequence[TrialResult]) -> Table:
    """Return the table of `trials`, a row each, in their order; a figure that none of them has gets no column.

    Nor do dropped and cut requests where there are none.
    """
    figures = figure_columns(vocabulary_of(trials))
    columns = [*identity_columns(trials), VERDICT, *(column for column in figures if column.is_shown(trials))]
    return Table(
        columns=tuple(Column(column.title, column.numeric) for column in columns),
        rows=tuple(
            Row(tuple(column.cell_of(trial) for column in columns), reason_of(trial), anchor_of(trial))
            for trial in trials
        ),
    )


def tabulate_kinds(trials: Sequence[TrialResult]) -> Table | None:
    """Return the table of `trials` by kind of request, or None if all their requests are of one kind.

    Those of a scenario stand beside its steps, in a section of their own.
    """
    trials = [trial for trial in trials if trial.iterations is None]
    order = kind_names(trials)
    if not order:
        return None
    identity = identity_columns(trials)
    return Table(
        columns=(
            *(Column(column.title, column.numeric) for column in identity),
            Column("kind", False),
            *(Column(vocabulary_of(trials).fill(title), True) for title in _KIND_FIGURES),
        ),
        rows=tuple(
            Row((*(column.read(trial) for column in identity), *_kind_cells(trial, kind)))
            for trial in trials
            if trial.state == "done"
            for kind in _in_order(trial.kinds, order)
        ),
    )


def _in_order(kinds: Iterable[KindResult], order: Sequence[str]) -> Iterable[KindResult]:
    return sorted(kinds, key=lambda kind: order.index(kind.name))


def _kind_cells(trial: TrialResult, kind: KindResult) -> Iterator[Cell]:
    if kind.name == SLOW_SENDERS:
        note = "They send a request one byte at a time, and are not part of the trial's own figures."
        yield Cell(kind.name, kind.name, note, badge="apart")
    else:
        yield Cell(kind.name, kind.name)
    yield Cell(f"{kind.requests:,}", kind.requests)
    if kind.requests_per_second is None or not trial.is_credible:
        yield absent_cell("")
    else:
        yield rate_cell(kind.requests_per_second, trial)
    for percentile in _KIND_PERCENTILES:
        for summary in (kind.response_ns, kind.service_ns):
            yield percentile_cell(summary, percentile, "none was answered")
    yield failures_cell(kind.outcomes)
