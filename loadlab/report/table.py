"""The table of all trials: text for the eye and a key to sort by, for each cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.recording.outcomes import FAILURES
from loadlab.report.arrangement import format_scalar, is_measured, path_title
from loadlab.report.charts import format_rate
from loadlab.results.model import LatencySummary, Scalar, TrialResult
from loadlab.units import format_duration_ns

_DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Cell:
    """`sort` is a number, a text, or None for a cell that has nothing and always comes last.

    `note` explains the cell to who asks; `doubtful` greys it; `badge` makes it one of that kind.
    """

    text: str
    sort: float | str | None
    note: str = ""
    doubtful: bool = False
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
    remark: str


@dataclass(frozen=True, slots=True)
class Table:
    """One row for each trial; each row has a cell for each column."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def tabulate(trials: Sequence[TrialResult]) -> Table:
    """Return the table of `trials`, in their order."""
    paths = list(dict.fromkeys(path for trial in trials for path in trial.factors))
    factors = [_factor_column(path, trials) for path in paths]
    columns = [*factors, *_COLUMNS]
    if any(trial.repeat > 1 for trial in trials):
        columns.insert(len(factors), (Column("repeat", True), lambda trial: Cell(str(trial.repeat), trial.repeat)))
    columns.insert(0, (Column("trial", False), lambda trial: Cell(trial.id, trial.id)))
    return Table(
        columns=tuple(column for column, _ in columns),
        rows=tuple(
            Row(
                cells=tuple(read(trial) for _, read in columns),
                remark=_remark(trial),
            )
            for trial in trials
        ),
    )


def _factor_column(path: str, trials: Sequence[TrialResult]) -> tuple[Column, Callable[[TrialResult], Cell]]:
    numeric = all(isinstance(trial.factors.get(path), int | float) for trial in trials)

    def read(trial: TrialResult) -> Cell:
        value = trial.factors.get(path)
        return Cell(format_scalar(value), _sort_key(value))

    return Column(path_title(path), numeric), read


def _state(trial: TrialResult) -> Cell:
    """The verdict of a trial that is done, else why it is not."""
    state = trial.verdict.state if trial.state == "done" else trial.state
    return Cell(state, state, badge=state.replace(" ", "-"))


def _sort_key(value: Scalar) -> float | str | None:
    return float(value) if isinstance(value, int | float) else value


def _remark(trial: TrialResult) -> str:
    """Why there are no figures, or what casts doubt on them; the notes stand under "What was found" only."""
    if trial.state != "done":
        return trial.reason or ""
    doubts = [finding.text for finding in trial.verdict.findings if finding.severity != "note"]
    return " ".join(doubts)


def _absent(trial: TrialResult) -> Cell:
    return Cell(_DASH, None, note=_remark(trial) or "not measured")


def _rate(trial: TrialResult) -> Cell:
    if trial.requests_per_second is None or not is_measured(trial):
        return _absent(trial)
    return Cell(format_rate(trial.requests_per_second), trial.requests_per_second)


def _time(read: Callable[[TrialResult], float | None]) -> Callable[[TrialResult], Cell]:
    def read_cell(trial: TrialResult) -> Cell:
        value_ns = read(trial) if trial.state == "done" else None
        return _absent(trial) if value_ns is None else Cell(format_duration_ns(value_ns), value_ns)

    return read_cell


def _percentile(
    kind: Callable[[TrialResult], LatencySummary], name: str, read: Callable[[LatencySummary], int | None]
) -> Callable[[TrialResult], Cell]:
    def read_cell(trial: TrialResult) -> Cell:
        summary = kind(trial)
        cell = _time(lambda _: read(summary))(trial)
        if cell.sort is None or name in trustworthy_percentiles(summary.count):
            return cell
        note = f"Fewer than 10 of {summary.count:,} samples lie beyond {name}: too few to trust it."
        return Cell(cell.text, cell.sort, note, doubtful=True)

    return read_cell


def _failed(trial: TrialResult) -> Cell:
    if trial.state != "done":
        return _absent(trial)
    failures = {name: number for name, number in trial.outcomes.items() if name in FAILURES and number}
    failed = sum(failures.values())
    return Cell(f"{failed:,}", failed, note=", ".join(f"{name} {number:,}" for name, number in failures.items()))


def _alive(trial: TrialResult) -> Cell:
    if trial.idle is None:
        return _absent(trial)
    note = f"{trial.idle.opened:,} of {trial.idle.wanted:,} opened, in {trial.idle.open_seconds:.2f} s"
    return Cell(f"{trial.idle.alive:,}", trial.idle.alive, note)


_COLUMNS: tuple[tuple[Column, Callable[[TrialResult], Cell]], ...] = (
    (Column("verdict", False), _state),
    (Column("requests/s", True), _rate),
    (Column("p50", True), _percentile(lambda trial: trial.response_ns, "p50", lambda times: times.p50)),
    (Column("p90", True), _percentile(lambda trial: trial.response_ns, "p90", lambda times: times.p90)),
    (Column("p99", True), _percentile(lambda trial: trial.response_ns, "p99", lambda times: times.p99)),
    (Column("p99.9", True), _percentile(lambda trial: trial.response_ns, "p99.9", lambda times: times.p99_9)),
    (Column("max", True), _time(lambda trial: trial.response_ns.max)),
    (Column("service p99", True), _percentile(lambda trial: trial.service_ns, "p99", lambda times: times.p99)),
    (Column("CPU user", True), _time(lambda trial: trial.target.cpu_user_ns_per_request if trial.target else None)),
    (Column("CPU system", True), _time(lambda trial: trial.target.cpu_system_ns_per_request if trial.target else None)),
    (Column("failed", True), _failed),
    (Column("alive", True), _alive),
)
