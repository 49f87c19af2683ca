"""The table of requests by kind: a row for each kind in each trial that tells of several."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadlab.analysis.verdict.percentiles import Percentile
from loadlab.profile.load import SLOW_SENDERS
from loadlab.report.arrangement import is_measured
from loadlab.report.kinds import kind_names
from loadlab.report.tables.cells import (
    Cell,
    Column,
    Row,
    Table,
    absent_cell,
    failures_cell,
    percentile_cell,
    rate_cell,
)
from loadlab.report.tables.trials import identity_columns
from loadlab.results.model import KindResult, TrialResult

_PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p99")
_FIGURES = ("requests", "requests/s", "p50", "service p50", "p99", "service p99", "failed")


def tabulate_kinds(trials: Sequence[TrialResult]) -> Table | None:
    """Return the table of `trials` by kind of request, or None if all their requests are of one kind."""
    order = kind_names(trials)
    if not order:
        return None
    identity = identity_columns(trials)
    return Table(
        columns=(
            *(column for column, _ in identity),
            Column("kind", False),
            *(Column(title, True) for title in _FIGURES),
        ),
        rows=tuple(
            Row((*(read(trial) for _, read in identity), *_cells(trial, kind)))
            for trial in trials
            if trial.state == "done"
            for kind in _in_order(trial.kinds, order)
        ),
    )


def _in_order(kinds: Iterable[KindResult], order: Sequence[str]) -> Iterable[KindResult]:
    return sorted(kinds, key=lambda kind: order.index(kind.name))


def _cells(trial: TrialResult, kind: KindResult) -> Iterator[Cell]:
    if kind.name == SLOW_SENDERS:
        note = "They send a request a byte at a time, and are not part of the trial's own figures."
        yield Cell(kind.name, kind.name, note, badge="apart")
    else:
        yield Cell(kind.name, kind.name)
    yield Cell(f"{kind.requests:,}", kind.requests)
    if kind.requests_per_second is None or not is_measured(trial):
        yield absent_cell("")
    else:
        yield rate_cell(kind.requests_per_second, trial)
    for percentile in _PERCENTILES:
        for summary in (kind.response_ns, kind.service_ns):
            yield percentile_cell(summary, percentile, "no request was answered")
    yield failures_cell(kind.outcomes)
