"""Figures of each machine that generated the load of a trial, by their names in run.json; none without a cluster."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from loadlab.analysis.summary import Percentile, trusted_ns
from loadlab.results.machine import MachineResult
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import Scalar, TrialResult

Figure = Callable[[MachineResult], float | None]


def _time(summary_of: Callable[[MachineResult], LatencySummary], name: Percentile) -> Figure:
    return lambda machine: trusted_ns(summary_of(machine), name)


_COUNTS: Final[Mapping[str, Figure]] = {
    "connections": lambda machine: machine.connections,
    "idle": lambda machine: machine.idle,
    "requests": lambda machine: machine.requests,
}
_OF_TARGET: Final[Mapping[str, Figure]] = {
    "requests_per_second": lambda machine: machine.requests_per_second,
    "response_ns.p50": _time(lambda machine: machine.response_ns, "p50"),
    "response_ns.p99": _time(lambda machine: machine.response_ns, "p99"),
}
_OF_CLIENT: Final[Mapping[str, Figure]] = {
    "lateness_ns.p99": _time(lambda machine: machine.lateness_ns, "p99"),
    "client_ns.p99": _time(lambda machine: machine.client_ns, "p99"),
    "client.cpu_ns_per_request": lambda machine: machine.client.cpu_ns_per_request if machine.client else None,
    "speed.client": lambda machine: machine.speed.client,
    "clock.offset_ns": lambda machine: machine.clock.offset_ns if machine.clock else None,
    "clock.bound_ns": lambda machine: machine.clock.bound_ns if machine.clock else None,
}
_ALL: Final[Mapping[str, Figure]] = {**_COUNTS, **_OF_TARGET, **_OF_CLIENT}
FIGURES: Final = tuple(_ALL)
"""The names of all figures."""


def figure_of(trial: TrialResult, machine: MachineResult, name: str) -> float | None:
    """Return a figure; None where it was not measured, or as one of the target says nothing in an invalid trial."""
    if name in _OF_TARGET and not trial.is_credible:
        return None
    return _ALL[name](machine)


def columns_of(trials: list[TrialResult]) -> Iterator[tuple[str, Callable[[TrialResult], Scalar]]]:
    """Yield a column for each figure of each machine, as `machines.NAME.requests`, and for its verdict."""
    for machine_name in dict.fromkeys(machine.name for trial in trials for machine in trial.machines):
        for figure in FIGURES:
            yield f"machines.{machine_name}.{figure}", _Cell(machine_name, figure)
        yield f"machines.{machine_name}.verdict", _Cell(machine_name, None)


class _Cell:
    """Reads a figure of one machine in a trial, or its verdict; None if the trial had no such machine."""

    def __init__(self, machine: str, figure: str | None) -> None:
        self._machine = machine
        self._figure = figure

    def __call__(self, trial: TrialResult) -> Scalar:
        machine = next((machine for machine in trial.machines if machine.name == self._machine), None)
        if machine is None or not trial.window_ns:
            return None
        return machine.verdict.state if self._figure is None else figure_of(trial, machine, self._figure)
