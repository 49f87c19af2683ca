"""The table of all trials: text for the eye and a key to sort by, for each cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.recording.outcomes import FAILURES
from loadlab.report.arrangement import format_scalar, is_measured, path_title
from loadlab.report.quantities import format_rate
from loadlab.results.model import LatencySummary, Scalar, TrialResult
from loadlab.units import format_duration_ns, format_size_bytes

_DASH: Final = "\N{EN DASH}"


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
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has a cell for each column."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


TrialColumn = tuple[Column, Callable[[TrialResult], Cell]]


def tabulate(trials: Sequence[TrialResult]) -> Table:
    """Return the table of `trials`, a row each, in their order; a figure that none of them has gets no column."""
    columns = [*identity_columns(trials), (Column("verdict", False), _state)]
    for column, read in _FIGURES:
        if any(read(trial).sort is not None for trial in trials):
            columns.append((column, read))
    return Table(
        columns=tuple(column for column, _ in columns),
        rows=tuple(Row(tuple(read(trial) for _, read in columns), _remark(trial)) for trial in trials),
    )


def identity_columns(trials: Sequence[TrialResult]) -> list[TrialColumn]:
    """Return the columns that say which trial it is: its number, its factors, and its repeat where there are any."""
    paths = dict.fromkeys(path for trial in trials for path in trial.factors)
    columns: list[TrialColumn] = [(Column("trial", False), lambda trial: Cell(trial.id, trial.id))]
    columns += [_factor_column(path, trials) for path in paths]
    if any(trial.repeat > 1 for trial in trials):
        columns.append((Column("repeat", True), lambda trial: Cell(str(trial.repeat), trial.repeat)))
    return columns


def time_cell(value_ns: float | None, absent: str) -> Cell:
    """Return the cell of a time in nanoseconds; `absent` says why there is none."""
    return absent_cell(absent) if value_ns is None else Cell(format_duration_ns(value_ns), value_ns)


def percentile_cell(summary: LatencySummary, name: str, absent: str) -> Cell:
    """Return the cell of a percentile such as "p99.9", grey where too few samples lie beyond it."""
    value_ns: int | None = getattr(summary, name.replace(".", "_"))
    cell = time_cell(value_ns, absent)
    if value_ns is None or name in trustworthy_percentiles(summary.count):
        return cell
    note = f"Fewer than 10 of {summary.count:,} samples lie beyond {name}: too few to trust it."
    return Cell(cell.text, cell.sort, note, doubtful=True)


def failures_cell(outcomes: dict[str, int]) -> Cell:
    """Return the cell with the number of failures; its note tells them apart."""
    failures = {name: number for name, number in outcomes.items() if name in FAILURES and number}
    failed = sum(failures.values())
    return Cell(f"{failed:,}", failed, note=", ".join(f"{name} {number:,}" for name, number in failures.items()))


def absent_cell(why: str) -> Cell:
    """Return the cell for what was not measured."""
    return Cell(_DASH, None, note=why or "not measured")


def _factor_column(path: str, trials: Sequence[TrialResult]) -> TrialColumn:
    numeric = all(isinstance(trial.factors.get(path), int | float) for trial in trials)

    def read(trial: TrialResult) -> Cell:
        value = trial.factors.get(path)
        return Cell(format_scalar(value), _sort_key(value))

    return Column(path_title(path), numeric), read


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
    return Cell(format_rate(trial.requests_per_second), trial.requests_per_second)


def _time(read: Callable[[TrialResult], float | None]) -> Callable[[TrialResult], Cell]:
    return lambda trial: time_cell(read(trial) if trial.state == "done" else None, _remark(trial))


def _size(read: Callable[[TrialResult], float | None]) -> Callable[[TrialResult], Cell]:
    def read_cell(trial: TrialResult) -> Cell:
        value = read(trial) if trial.state == "done" else None
        return absent_cell(_remark(trial)) if value is None else Cell(format_size_bytes(value), value)

    return read_cell


def _percentile(kind: Callable[[TrialResult], LatencySummary], name: str) -> Callable[[TrialResult], Cell]:
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


_FIGURES: Final[tuple[TrialColumn, ...]] = (
    (Column("requests/s", True), _rate),
    (Column("p50", True), _percentile(lambda trial: trial.response_ns, "p50")),
    (Column("p90", True), _percentile(lambda trial: trial.response_ns, "p90")),
    (Column("p99", True), _percentile(lambda trial: trial.response_ns, "p99")),
    (Column("p99.9", True), _percentile(lambda trial: trial.response_ns, "p99.9")),
    (Column("max", True), _time(lambda trial: trial.response_ns.max)),
    (Column("service p99", True), _percentile(lambda trial: trial.service_ns, "p99")),
    (Column("CPU user", True), _time(lambda trial: trial.target.cpu_user_ns_per_request if trial.target else None)),
    (Column("CPU system", True), _time(lambda trial: trial.target.cpu_system_ns_per_request if trial.target else None)),
    (Column("memory", True), _size(_memory_bytes)),
    (Column("cost", True), _time(lambda trial: trial.cost_ns)),
    (Column("least cost", True), _time(lambda trial: trial.cost_ns_min)),
    (Column("of that, measuring", True), _time(lambda trial: trial.overhead_ns)),
    (Column("operation", True), _time(lambda trial: trial.operation_ns)),
    (Column("whole run", True), _time(lambda trial: trial.run_ns)),
    (Column("memory of one", True), _size(lambda trial: trial.bytes_per_unit)),
    (Column("failed", True), _failed),
    (Column("alive", True), _alive),
)
