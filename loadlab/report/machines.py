"""The machines that generated the load of a trial, as a table: its rows on the page, and in the terminal."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.recording.outcomes import Outcome
from loadlab.report.tables import (
    Cell,
    Column,
    Row,
    Table,
    absent_cell,
    count_cell,
    failures_cell,
    percentile_cell,
    rate_cell,
)
from loadlab.report.trial_columns import identity_columns
from loadlab.results.machine import MachineResult
from loadlab.results.requests import KindResult, LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_duration_ns, format_percent

_UNCHANGED: Final = 0.01
_MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class _MachineColumn:
    """A figure of each machine; where none has it, or all have 0 and it is `rare`, the column is left out."""

    title: str
    read: Callable[[TrialResult, MachineResult], Cell]
    numeric: bool = True
    rare: bool = False

    def is_shown(self, rows: Iterable[tuple[TrialResult, MachineResult]]) -> bool:
        cells = [self.read(trial, machine) for trial, machine in rows]
        return any(cell.sort for cell in cells) if self.rare else any(cell.sort is not None for cell in cells)


def with_machines(trials: Iterable[TrialResult]) -> list[TrialResult]:
    """Return those trials whose load came from several machines, and that have figures."""
    figures = (trial for trial in trials if trial.window_ns and trial.state in ("done", "interrupted"))
    return [trial for trial in figures if trial.machines]


def tabulate_machines(trials: Sequence[TrialResult]) -> Table:
    """Return the table: a row for each machine of each trial, which begins with the trial where there are several."""
    rows = [(trial, machine) for trial in trials for machine in trial.machines]
    words = vocabulary_of(trials)
    columns = [column for column in _COLUMNS if column.is_shown(rows)]
    identity = identity_columns(trials) if len(trials) > 1 else []
    return Table(
        columns=(
            *(Column(column.title, column.numeric) for column in identity),
            *(Column(words.fill(column.title), column.numeric, broken=column is _NAME) for column in columns),
        ),
        rows=tuple(
            Row(
                cells=(
                    *(column.read(trial) for column in identity),
                    *(column.read(trial, machine) for column in columns),
                ),
                remark=_remark(machine),
                anchor=anchor_of_machine(trial.id, machine.name),
            )
            for trial, machine in rows
        ),
    )


def scheduled_by(machine: MachineResult) -> MachineResult | KindResult:
    """Return what a schedule is about: the iterations of a machine, or else its requests."""
    return machine.iterations or machine


def anchor_of_machine(trial_id: str, name: str) -> str:
    """Return the id of the row of a machine in a trial, on the page."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "-", name)
    return f"machine-{trial_id}-{plain}"


def describe_origin(trials: Iterable[TrialResult]) -> str:
    """Say from how many machines the load came, and how many cores it had there; empty for a run without a cluster."""
    machines = {machine.name: machine for trial in trials for machine in trial.machines}
    if not machines:
        return ""
    cores = sum(machine.cores for machine in machines.values())
    return f"load from {_counted(len(machines), 'machine')} with {_counted(cores, 'core')}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _remark(machine: MachineResult) -> str:
    return " ".join(finding.text for finding in machine.verdict.findings if finding.severity != "note")


def _percentile(
    summary_of: Callable[[MachineResult], LatencySummary], name: Percentile
) -> Callable[[TrialResult, MachineResult], Cell]:
    return lambda _trial, machine: percentile_cell(summary_of(machine), name, "it had none")


def _rate(trial: TrialResult, machine: MachineResult) -> Cell:
    if machine.requests_per_second is None or not trial.is_credible:
        return absent_cell("")
    return rate_cell(machine.requests_per_second)


def _dropped(_trial: TrialResult, machine: MachineResult) -> Cell:
    return count_cell(scheduled_by(machine).outcomes.get(Outcome.DROPPED, 0))


def _busy(_trial: TrialResult, machine: MachineResult) -> Cell:
    if machine.client is None:
        return absent_cell("it was not read")
    busy = machine.client.busy
    return Cell(f"{busy:.2f}", busy, f"cores that its load workers kept busy, of {machine.cores}")


def _speed(_trial: TrialResult, machine: MachineResult) -> Cell:
    speed = machine.speed.client
    if speed is None:
        return absent_cell("")
    change = speed - 1
    if abs(change) < _UNCHANGED:
        return Cell("as usual", speed, "within 1 % of the median over the run")
    return Cell(f"{format_percent(abs(change))} {'faster' if change > 0 else 'slower'}", speed, "than over the run")


def _clock(_trial: TrialResult, machine: MachineResult) -> Cell:
    clock = machine.clock
    if clock is None:
        return absent_cell("")
    if not clock.bound_ns:
        return Cell("the same", 0, "it runs on the coordinator's kernel, whose clock it has")
    offset = format_duration_ns(clock.offset_ns).replace("-", _MINUS)
    text = f"{offset} ± {format_duration_ns(clock.bound_ns)}"
    return Cell(text, clock.offset_ns, f"drift {clock.drift_ppm:+.1f} ± {clock.drift_bound_ppm:.1f} ppm")


def _verdict(_trial: TrialResult, machine: MachineResult) -> Cell:
    state = machine.verdict.state
    notes = ", ".join(finding.code for finding in machine.verdict.findings)
    return Cell(state, state, notes, badge=state)


_NAME: Final = _MachineColumn(
    "machine",
    lambda _trial, machine: Cell(machine.name, machine.name, machine.host if machine.host != machine.name else ""),
    numeric=False,
)
_COLUMNS: Final = (
    _NAME,
    _MachineColumn("verdict", _verdict, numeric=False),
    _MachineColumn("cores", lambda _trial, machine: count_cell(machine.cores, f"{machine.workers} load workers")),
    _MachineColumn("connections", lambda _trial, machine: count_cell(machine.connections)),
    _MachineColumn("idle", lambda _trial, machine: count_cell(machine.idle), rare=True),
    _MachineColumn("{many}/s", _rate),
    _MachineColumn("failed", lambda _trial, machine: failures_cell(machine.outcomes), rare=True),
    _MachineColumn(
        "dropped", lambda _trial, machine: count_cell(scheduled_by(machine).outcomes.get(Outcome.DROPPED, 0)), rare=True
    ),
    _MachineColumn("delay p99", _percentile(lambda machine: machine.delay_ns, "p99")),
    _MachineColumn("p50", _percentile(lambda machine: machine.response_ns, "p50")),
    _MachineColumn("p99", _percentile(lambda machine: machine.response_ns, "p99")),
    _MachineColumn("late p99", _percentile(lambda machine: scheduled_by(machine).lateness_ns, "p99"), rare=True),
    _MachineColumn("added p99", _percentile(lambda machine: machine.client_ns, "p99")),
    _MachineColumn("CPU, cores", _busy),
    _MachineColumn("speed", _speed),
    _MachineColumn("clock offset", _clock),
)
