"""The load by machine, where several generated it: figures and verdict of each, and its part of the throughput."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from loadlab.report.drawing.charts import describe_marks
from loadlab.report.load_model import model_suffix
from loadlab.report.machines import tabulate_machines, with_machines
from loadlab.report.measures import THROUGHPUT
from loadlab.report.panels import Chart, Line, Panel, Point, Value
from loadlab.report.sections.charts import CaptionedChart
from loadlab.report.sections.section import Run, Section
from loadlab.report.sentences import describe_lines
from loadlab.report.tables import Table
from loadlab.results.machine import MachineResult
from loadlab.results.trial import TrialResult
from loadlab.units import format_duration_ns

SECTION: Final = "load-by-machine"
"""Its id."""

# Longer tables are folded: a row for each machine of each trial can be hundreds.
_MOST_ROWS: Final = 40
_MOST_BARS: Final = 32
_LEAST_DIFFERENCE: Final = 0.05
_LOWER_BOUND: Final = "client_bound"


@dataclass(frozen=True, slots=True)
class LoadByMachine(Section):
    """The table; `clocks` says how well the machines' clocks are known, empty if they all have the same one."""

    suffix: str
    table: Table
    clocks: str
    template: ClassVar[str] = "machines.html"

    @property
    def is_long(self) -> bool:
        """Whether the page should not begin with all of its rows."""
        return len(self.table.rows) > _MOST_ROWS


def sections_of(run: Run) -> Iterator[Section]:
    """Yield the table, before it the bars of a run with one setting; nothing where this machine generated the load."""
    trials = with_machines(run.trials)
    if not trials:
        return
    if run.document.ab is None and len(run.arrangement.settings) == 1 and (chart := _chart(run, trials)) is not None:
        yield chart
    yield LoadByMachine(model_suffix(run.models), tabulate_machines(trials), describe_clocks(trials))


def describe_clocks(trials: Sequence[TrialResult]) -> str:
    """Say to within which time the windows of all machines began together; empty if they have one clock."""
    bounds = [
        machine.clock.bound_ns
        for trial in trials
        for machine in trial.machines
        if machine.clock and machine.clock.bound_ns
    ]
    if not bounds:
        return ""
    return (
        "Clock offset is against the coordinator's clock, by the shortest of several round trips before and after a "
        f"window: windows began together to within {format_duration_ns(max(bounds))}."
    )


def _chart(run: Run, trials: Sequence[TrialResult]) -> CaptionedChart | None:
    """Return the throughput of each machine as bars, of the only setting; None where they hardly differ."""
    credible = [trial for trial in trials if trial.is_credible]
    names = [*dict.fromkeys(machine.name for trial in credible for machine in trial.machines)]
    if not 1 < len(names) <= _MOST_BARS:
        return None
    machines = [machine for trial in credible for machine in trial.machines]
    points = [Point(name, _value([machine for machine in machines if machine.name == name])) for name in names]
    rates = [point.value.median for point in points if point.value]
    if not rates or min(rates) > (1 - _LEAST_DIFFERENCE) * max(rates):
        return None
    measure = THROUGHPUT.worded(run.words)
    title = f"{measure.title} by machine{model_suffix(run.models)}"
    lines = (Line(0, "", tuple(points)),)
    chart = Chart("machines", title, (Panel(measure.called(title), lines),))
    arrangement = replace(run.arrangement, x_path=None, x_values=tuple(names), line_names=("",))
    sentence = describe_lines(arrangement, lines, measure.quantity)
    return CaptionedChart(
        arrangement, chart, (sentence,) if sentence else (), tuple(describe_marks(arrangement, chart))
    )


def _value(of_repeats: Sequence[MachineResult]) -> Value | None:
    rates = [machine.requests_per_second for machine in of_repeats if machine.requests_per_second is not None]
    if not rates:
        return None
    codes = {
        finding.code for machine in of_repeats for finding in machine.verdict.findings if finding.severity != "note"
    }
    return Value(
        statistics.median(rates),
        min(rates),
        max(rates),
        repeats=len(rates),
        at_least=_LOWER_BOUND in codes,
        doubts=tuple(sorted(codes - {_LOWER_BOUND})),
    )
