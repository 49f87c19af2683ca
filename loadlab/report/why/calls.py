"""The system calls of one request over x, by their kind: a panel of stacked bars for each line of the run."""

import math
from dataclasses import dataclass, replace
from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.charts import Line, panel_of
from loadlab.report.measures import Measure
from loadlab.report.quantities import NUMBER, Quantity
from loadlab.results.model import TrialResult

OTHERS: Final = "others"
# The parts of a stack are compared with the whole, so the scale begins at zero.
COUNT: Final[Quantity] = replace(NUMBER, log_from_ratio=math.inf)
_MOST_NAMED: Final = 5
_LEAST_DRAWN: Final = 0.0005


@dataclass(frozen=True, slots=True)
class CallsPanel:
    """One line of the run; `heights` has the calls per request of each kind, for each x: None where not measured."""

    name: str
    heights: tuple[tuple[float | None, ...], ...]

    @property
    def totals(self) -> list[float]:
        """How high the bars are, where there is one."""
        columns = zip(*self.heights, strict=True)
        return [sum(height or 0.0 for height in column) for column in columns if None not in column]


@dataclass(frozen=True, slots=True)
class CallsChart:
    """`kinds` are the calls from the bottom of each bar to its top: the most frequent first, what is left last."""

    kinds: tuple[str, ...]
    panels: tuple[CallsPanel, ...]


def calls_of(arrangement: Arrangement) -> CallsChart | None:
    """Return the chart, medians over repeats; None where no trial has counted calls."""
    most: dict[str, float] = {}
    for setting in arrangement.settings:
        for trial in setting.measured:
            for name, number in (_calls(trial) or {}).items():
                most[name] = max(number, most.get(name, 0.0))
    drawn = [name for name in sorted(most, key=lambda name: -most[name]) if most[name] >= _LEAST_DRAWN]
    if not drawn:
        return None
    named = drawn[: _MOST_NAMED if len(drawn) > _MOST_NAMED + 1 else _MOST_NAMED + 1]
    measures = [_calls_named(name) for name in named]
    if len(drawn) > len(named):
        measures.append(_calls_beside(frozenset(named)))
    of_kinds = [panel_of(arrangement, measure).lines for measure in measures]
    return CallsChart(
        kinds=tuple(measure.title for measure in measures),
        panels=tuple(
            CallsPanel(lines[0].name, tuple(_heights(line) for line in lines))
            for lines in zip(*of_kinds, strict=True)
            if lines[0].measured
        ),
    )


def _heights(line: Line) -> tuple[float | None, ...]:
    return tuple(point.value.median if point.value else None for point in line.points)


def _calls(trial: TrialResult) -> dict[str, float] | None:
    syscalls = trial.probes.syscalls
    return (syscalls.calls_per_request or None) if syscalls else None


def _calls_named(name: str) -> Measure:
    """The calls of one kind; a trial that was watched and made none of them has 0."""

    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else calls.get(name, 0.0)

    return Measure(f"probes.syscalls.calls_per_request.{name}", name, COUNT, read)


def _calls_beside(named: frozenset[str]) -> Measure:
    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else sum(number for name, number in calls.items() if name not in named)

    return Measure("probes.syscalls.calls_per_request", OTHERS, COUNT, read)
