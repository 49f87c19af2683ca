"""How long the steps of a scenario took, in a chart and in words: over x, or beside each other where there is no x."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.report.drawing.charts import describe_marks
from loadlab.report.layout import Arrangement
from loadlab.report.load_model import model_suffix
from loadlab.report.measures import TIME, measure_of
from loadlab.report.panels import Chart, Line, Panel, panel_of
from loadlab.report.scenario import kinds_of, names_of, step_measure, tail_of
from loadlab.report.sections.changes import changes_of
from loadlab.report.sections.charts import CaptionedChart, captioned
from loadlab.report.sections.dependence import describe_dependence
from loadlab.report.sections.plan import NAMES_OF_TAILS, Plan, describe_others
from loadlab.report.sections.section import Run
from loadlab.report.sentences import describe_lines, join_names, write_value

# Of more steps those that took longest are drawn; a table has all of them.
_MOST_STEPS: Final = 8
_MOST_NAMED: Final = 5


def chart_of_steps(run: Run) -> CaptionedChart | None:
    """Return the chart; None where nothing can be compared.

    With one server it has a line for each step, with several a panel for each. Without a sweep the steps are bars.
    """
    arrangement = run.drawn
    steps = _longest(arrangement)
    title = f"Step time{model_suffix(run.models)}"
    left_out = len(names_of(run.trials, "step")) - len(steps)
    note = describe_others("took longest", left_out)
    tail = _tail(arrangement)
    if len(arrangement.settings) == 1:
        chart = _side_by_side(arrangement, steps, tail, title) if len(steps) > 1 else None
    elif len(arrangement.line_names) == 1:
        chart = _over_x(arrangement, steps, tail, title)
    else:
        measures = tuple(step_measure(step, tail).called(f"{step} ({tail})") for step in steps)
        chart = captioned(Plan("steps", title, measures, measures, columns=3), run.document, arrangement)
    if chart is None or not chart.chart.legend:
        return None
    return replace(chart, notes=(*chart.notes, note)) if note else chart


def describe_steps(arrangement: Arrangement) -> Iterator[str]:
    """Yield which steps of one server depend on x, or of a single setting how long each took."""
    steps = _longest(arrangement)
    if not steps or len(arrangement.line_names) > 1:
        return
    tail = _tail(arrangement)
    panel = _panel(arrangement, steps, tail, f"{tail} of the steps")
    measured = [line for line in panel.lines if line.measured]
    if arrangement.x_is_number and (changes := changes_of(arrangement, measured, panel.measure, ())):
        measure = panel.measure
        if len(steps) == 1 or {change.direction for change in changes} == {"stays"}:  # said of them by their names
            measure = measure.called(f"{tail} of {join_names([change.line.name for change in changes])}")
            changes = [replace(change, line=replace(change.line, name="")) for change in changes]
        yield from describe_dependence(arrangement, changes, measure)
    elif len(arrangement.settings) == 1 and measured:
        slowest = sorted(measured, key=lambda line: -line.measured[0][1].median)[:_MOST_NAMED]
        values = [f"{line.name} {write_value(line.measured[0][1], TIME)}" for line in slowest]
        more = len(measured) - len(slowest)
        yield f"{tail} of its steps: {join_names(values)}{f'; {more} more are faster' if more else ''}."


def _longest(arrangement: Arrangement) -> tuple[str, ...]:
    """The steps in their order; of very many those that took longest anywhere."""
    names = names_of((trial for setting in arrangement.settings for trial in setting.trials), "step")
    if len(names) <= _MOST_STEPS:
        return names
    tail = _tail(arrangement)
    longest = {name: max((*panel_of(arrangement, step_measure(name, tail)).values, 0.0)) for name in names}
    chosen = sorted(names, key=lambda name: -longest[name])[:_MOST_STEPS]
    return tuple(name for name in names if name in chosen)


def _tail(arrangement: Arrangement) -> Percentile:
    trials = [trial for setting in arrangement.settings for trial in setting.measured]
    return tail_of(step.response_ns for trial in trials for step in kinds_of(trial, "step"))


def _panel(arrangement: Arrangement, steps: Sequence[str], percentile: Percentile, title: str) -> Panel:
    """A line for each step, of an arrangement with a single line."""
    lines = []
    for index, step in enumerate(steps):
        [line] = panel_of(arrangement, step_measure(step, percentile)).lines
        lines.append(Line(index, step, line.points))
    return Panel(measure_of(f"response_ns.{percentile}").called(title), tuple(lines))


def _over_x(arrangement: Arrangement, steps: Sequence[str], tail: Percentile, title: str) -> CaptionedChart:
    panels = (
        _panel(arrangement, steps, "p50", "Median (p50)"),
        _panel(arrangement, steps, tail, NAMES_OF_TAILS[tail]),
    )
    return _caption(replace(arrangement, line_names=tuple(steps)), Chart("steps", title, panels))


def _side_by_side(arrangement: Arrangement, steps: Sequence[str], tail: Percentile, title: str) -> CaptionedChart:
    """The steps as places on x."""
    of_steps = replace(arrangement, x_path=None, x_values=tuple(steps), line_names=("",))
    over_x = _over_x(arrangement, steps, tail, title).chart
    panels = (
        replace(panel, lines=(Line(0, "", tuple(replace(line.points[0], x=line.name) for line in panel.lines)),))
        for panel in over_x.panels
    )
    return _caption(of_steps, replace(over_x, panels=tuple(panels)))


def _caption(arrangement: Arrangement, chart: Chart) -> CaptionedChart:
    sentences = [
        f"{panel.measure.title}. {sentence}"
        for panel in chart.panels
        if (sentence := describe_lines(arrangement, panel.lines, TIME))
    ]
    shown = replace(chart, panels=tuple(panel for panel in chart.panels if any(line.measured for line in panel.lines)))
    return CaptionedChart(arrangement, shown, tuple(sentences), tuple(describe_marks(arrangement, chart)))
