"""The tables of the trials: one row for each, and one for each kind of request in trials that have several."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.path_names import name_of_path
from loadlab.recording.outcomes import Outcome
from loadlab.report.layout import format_scalar, is_measured, kind_names
from loadlab.report.measures import CPU_TOTAL
from loadlab.report.sections.tables import (
    Cell,
    Column,
    Row,
    Table,
    absent_cell,
    failures_cell,
    percentile_cell,
    rate_cell,
    time_cell,
)
from loadlab.report.text.load_model import models_of
from loadlab.results.model import KindResult, LatencySummary, Scalar, TrialResult
from loadlab.units import format_rate, format_size_bytes

TrialColumn = tuple[Column, Callable[[TrialResult], Cell]]


def tabulate(trials: Sequence[TrialResult]) -> Table:
    """Return the table of `trials`, a row each, in their order; a figure that none of them has gets no column.

    Nor do dropped and cut requests where there are none.
    """
    columns = [*identity_columns(trials), (Column("verdict", False), _state)]
    columns += [(column, read) for column, read in _RATES if any(read(trial).sort is not None for trial in trials)]
    columns += [(column, read) for column, read in _NOT_ANSWERED if any(read(trial).sort for trial in trials)]
    columns += [(column, read) for column, read in _FIGURES if any(read(trial).sort is not None for trial in trials)]
    return Table(
        columns=tuple(column for column, _ in columns),
        rows=tuple(Row(tuple(read(trial) for _, read in columns), _remark(trial)) for trial in trials),
    )


def identity_columns(trials: Sequence[TrialResult]) -> list[TrialColumn]:
    """Return the columns that say which trial it is: its number, its factors, its repeat where there are any.

    And its load model, where the trials do not share one.
    """
    paths = dict.fromkeys(path for trial in trials for path in trial.factors)
    columns: list[TrialColumn] = [(Column("trial", False), lambda trial: Cell(trial.id, trial.id))]
    columns += [_factor_column(path, trials) for path in paths]
    if any(trial.repeat > 1 for trial in trials):
        columns.append((Column("repeat", True), lambda trial: Cell(str(trial.repeat), trial.repeat)))
    if len(models_of(trials)) > 1:
        columns.append((Column("model", False), lambda trial: Cell(trial.load_model or "", trial.load_model)))
    return columns


def _factor_column(path: str, trials: Sequence[TrialResult]) -> TrialColumn:
    numeric = all(isinstance(trial.factors.get(path), int | float) for trial in trials)

    def read(trial: TrialResult) -> Cell:
        value = trial.factors.get(path)
        return Cell(format_scalar(value), _sort_key(value))

    return Column(name_of_path(path).many, numeric), read


def _sort_key(value: Scalar) -> float | str | None:
    return float(value) if isinstance(value, int | float) else value


def _remark(trial: TrialResult) -> str:
    """Why there are no figures, or what casts doubt on them; the notes stand under "What was found" only."""
    if trial.state != "done":
        return trial.reason or ""
    doubts = [finding.text for finding in trial.verdict.findings if finding.severity != "note"]
    return " ".join(doubts)


def _state(trial: TrialResult) -> Cell:
    """The verdict of a trial that is done, else why it is not."""
    state = trial.verdict.state if trial.state == "done" else trial.state
    return Cell(state, state, badge=state.replace(" ", "-"))


def _rate(trial: TrialResult) -> Cell:
    if trial.requests_per_second is None or not is_measured(trial):
        return absent_cell(_remark(trial))
    return rate_cell(trial.requests_per_second, trial)


def _offered(trial: TrialResult) -> Cell:
    """What the schedule asked for; not where the trial is told by it already, as one of the swept values."""
    if trial.offered_per_second is None or trial.offered_per_second == trial.factors.get("load.rate"):
        return absent_cell(_remark(trial))
    return Cell(format_rate(trial.offered_per_second), trial.offered_per_second)


def _time(read: Callable[[TrialResult], float | None]) -> Callable[[TrialResult], Cell]:
    return lambda trial: time_cell(read(trial) if trial.state == "done" else None, _remark(trial))


def _size(read: Callable[[TrialResult], float | None]) -> Callable[[TrialResult], Cell]:
    def read_cell(trial: TrialResult) -> Cell:
        value = read(trial) if trial.state == "done" else None
        return absent_cell(_remark(trial)) if value is None else Cell(format_size_bytes(value), value)

    return read_cell


def _service(trial: TrialResult) -> LatencySummary:
    """In a closed model they are the response times again."""
    return trial.service_ns if trial.load_model == "open" else LatencySummary()


def _percentile(kind: Callable[[TrialResult], LatencySummary], name: Percentile) -> Callable[[TrialResult], Cell]:
    def read_cell(trial: TrialResult) -> Cell:
        summary = kind(trial) if trial.state == "done" else LatencySummary()
        return percentile_cell(summary, name, _remark(trial))

    return read_cell


def _failed(trial: TrialResult) -> Cell:
    done = trial.state == "done" and trial.outcomes
    return failures_cell(trial.outcomes) if done else absent_cell(_remark(trial))


def _alive(trial: TrialResult) -> Cell:
    if trial.idle is None:
        return absent_cell(_remark(trial))
    note = f"{trial.idle.opened:,} of {trial.idle.wanted:,} opened, in {trial.idle.open_seconds:.2f} s"
    return Cell(f"{trial.idle.alive:,}", trial.idle.alive, note)


def _memory_bytes(trial: TrialResult) -> float | None:
    usage = trial.target
    return None if usage is None else usage.rss_bytes if usage.pss_bytes is None else usage.pss_bytes


def _dropped(trial: TrialResult) -> Cell:
    return _count(trial, Outcome.DROPPED)


def _cut(trial: TrialResult) -> Cell:
    """In a closed model each user always has one in flight, so their number tells nothing."""
    return absent_cell("") if trial.load_model == "closed" else _count(trial, Outcome.CUT)


def _count(trial: TrialResult, outcome: Outcome) -> Cell:
    number = trial.outcomes.get(outcome, 0)
    done = trial.state == "done" and trial.outcomes
    return Cell(f"{number:,}", number) if done else absent_cell(_remark(trial))


_RATES: Final[tuple[TrialColumn, ...]] = (
    (Column("offered", True), _offered),
    (Column("requests/s", True), _rate),
    (Column("failed", True), _failed),
)
_NOT_ANSWERED: Final[tuple[TrialColumn, ...]] = ((Column("dropped", True), _dropped), (Column("cut", True), _cut))
_FIGURES: Final[tuple[TrialColumn, ...]] = (
    (Column("p50", True), _percentile(lambda trial: trial.response_ns, "p50")),
    (Column("service p50", True), _percentile(_service, "p50")),
    (Column("p90", True), _percentile(lambda trial: trial.response_ns, "p90")),
    (Column("p99", True), _percentile(lambda trial: trial.response_ns, "p99")),
    (Column("service p99", True), _percentile(_service, "p99")),
    (Column("p99.9", True), _percentile(lambda trial: trial.response_ns, "p99.9")),
    (Column("max", True), _time(lambda trial: trial.response_ns.max)),
    (Column("client p50", True), _percentile(lambda trial: trial.client_ns, "p50")),
    (Column("client p99", True), _percentile(lambda trial: trial.client_ns, "p99")),
    (Column("CPU", True), _time(CPU_TOTAL.read)),
    (Column("CPU user", True), _time(lambda trial: trial.target.cpu_user_ns_per_request if trial.target else None)),
    (Column("CPU system", True), _time(lambda trial: trial.target.cpu_system_ns_per_request if trial.target else None)),
    (Column("memory", True), _size(_memory_bytes)),
    (Column("cost", True), _time(lambda trial: trial.cost_ns)),
    (Column("least cost", True), _time(lambda trial: trial.cost_ns_min)),
    (Column("of that, measuring", True), _time(lambda trial: trial.overhead_ns)),
    (Column("operation", True), _time(lambda trial: trial.operation_ns)),
    (Column("whole run", True), _time(lambda trial: trial.run_ns)),
    (Column("memory of one", True), _size(lambda trial: trial.bytes_per_unit)),
    (Column("alive", True), _alive),
)


_KIND_PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p99")
_KIND_FIGURES = ("requests", "requests/s", "p50", "service p50", "p99", "service p99", "failed")


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
            *(Column(title, True) for title in _KIND_FIGURES),
        ),
        rows=tuple(
            Row((*(read(trial) for _, read in identity), *_kind_cells(trial, kind)))
            for trial in trials
            if trial.state == "done"
            for kind in _in_order(trial.kinds, order)
        ),
    )


def _in_order(kinds: Iterable[KindResult], order: Sequence[str]) -> Iterable[KindResult]:
    return sorted(kinds, key=lambda kind: order.index(kind.name))


def _kind_cells(trial: TrialResult, kind: KindResult) -> Iterator[Cell]:
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
    for percentile in _KIND_PERCENTILES:
        for summary in (kind.response_ns, kind.service_ns):
            yield percentile_cell(summary, percentile, "no request was answered")
    yield failures_cell(kind.outcomes)
