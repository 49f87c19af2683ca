"""How long the steps of a scenario took, in a chart and in words: over x, or beside each other where there is no x."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.report.drawing.charts import describe_marks
from loadlab.report.layout import Arrangement
from loadlab.report.load_model import model_suffix
from loadlab.report.measures import RESPONSE_P50, RESPONSE_P99, TIME
from loadlab.report.panels import Chart, Line, Panel, panel_of
from loadlab.report.scenario import names_of, step_measure
from loadlab.report.sections.changes import changes_of
from loadlab.report.sections.charts import CaptionedChart, captioned
from loadlab.report.sections.dependence import describe_dependence
from loadlab.report.sections.plan import Plan
from loadlab.report.sections.section import Run
from loadlab.report.sentences import describe_lines, join_names, write_value

# Of more steps those that took longest are drawn; a table has all of them.
_MOST_STEPS: Final = 8
_MOST_NAMED: Final = 5
_PERCENTILES: Final[tuple[tuple[Percentile, str], ...]] = (("p50", "Median (p50)"), ("p99", "99th percentile (p99)"))


def chart_of_steps(run: Run) -> CaptionedChart | None:
    """Return the chart; None where nothing can be compared.

    With one server it has a line for each step, with several a panel for each. Without a sweep the steps are bars.
    """
    arrangement = run.drawn
    steps = _longest(arrangement)
    title = f"Step time{model_suffix(run.models)}"
    left_out = len(names_of(run.trials, "step")) - len(steps)
    note = f"These took longest; the other {left_out} are in the table." if left_out else ""
    if len(arrangement.settings) == 1:
        chart = _side_by_side(arrangement, steps, title) if len(steps) > 1 else None
    elif len(arrangement.line_names) == 1:
        chart = _over_x(arrangement, steps, title)
    else:
        measures = tuple(step_measure(step, "p99").called(f"{step} (p99)") for step in steps)
        chart = captioned(Plan("steps", title, measures, measures, columns=3), run.document, arrangement)
    if chart is None or not chart.chart.legend:
        return None
    return replace(chart, notes=(*chart.notes, note)) if note else chart


def describe_steps(arrangement: Arrangement) -> Iterator[str]:
    """Yield which steps of one server depend on x, or of a single setting how long each took."""
    steps = _longest(arrangement)
    if not steps or len(arrangement.line_names) > 1:
        return
    panel = _panel(arrangement, steps, "p99", "p99 of the steps")
    measured = [line for line in panel.lines if line.measured]
    if arrangement.x_is_number and (changes := changes_of(arrangement, measured, panel.measure, ())):
        measure = panel.measure
        if len(steps) == 1 or {change.direction for change in changes} == {"stays"}:  # said of them by their names
            measure = measure.called(f"p99 of {join_names([change.line.name for change in changes])}")
            changes = [replace(change, line=replace(change.line, name="")) for change in changes]
        yield from describe_dependence(arrangement, changes, measure)
    elif len(arrangement.settings) == 1 and measured:
        slowest = sorted(measured, key=lambda line: -line.measured[0][1].median)[:_MOST_NAMED]
        values = [f"{line.name} {write_value(line.measured[0][1], TIME)}" for line in slowest]
        more = len(measured) - len(slowest)
        yield f"p99 of its steps: {join_names(values)}{f'; {more} more are faster' if more else ''}."


def _longest(arrangement: Arrangement) -> tuple[str, ...]:
    """The steps in their order; of very many those that took longest at p99 anywhere, or at their median."""
    names = names_of((trial for setting in arrangement.settings for trial in setting.trials), "step")
    if len(names) <= _MOST_STEPS:
        return names
    longest = {
        name: max((*panel_of(arrangement, step_measure(name, "p99")).values, 0.0))
        or max((*panel_of(arrangement, step_measure(name, "p50")).values, 0.0))
        for name in names
    }
    chosen = sorted(names, key=lambda name: -longest[name])[:_MOST_STEPS]
    return tuple(name for name in names if name in chosen)


def _panel(arrangement: Arrangement, steps: Sequence[str], percentile: Percentile, title: str) -> Panel:
    """A line for each step, of an arrangement with a single line."""
    lines = []
    for index, step in enumerate(steps):
        [line] = panel_of(arrangement, step_measure(step, percentile)).lines
        lines.append(Line(index, step, line.points))
    return Panel((RESPONSE_P50 if percentile == "p50" else RESPONSE_P99).called(title), tuple(lines))


def _over_x(arrangement: Arrangement, steps: Sequence[str], title: str) -> CaptionedChart:
    panels = tuple(_panel(arrangement, steps, percentile, name) for percentile, name in _PERCENTILES)
    return _caption(replace(arrangement, line_names=tuple(steps)), Chart("steps", title, panels))


def _side_by_side(arrangement: Arrangement, steps: Sequence[str], title: str) -> CaptionedChart:
    """The steps as places on x."""
    of_steps = replace(arrangement, x_path=None, x_values=tuple(steps), line_names=("",))

    def panel(percentile: Percentile, name: str) -> Panel:
        lines = _panel(arrangement, steps, percentile, name).lines
        points = tuple(replace(line.points[0], x=line.name) for line in lines)
        measure = RESPONSE_P50 if percentile == "p50" else RESPONSE_P99
        return Panel(measure.called(name), (Line(0, "", points),))

    return _caption(
        of_steps, Chart("steps", title, tuple(panel(percentile, name) for percentile, name in _PERCENTILES))
    )


def _caption(arrangement: Arrangement, chart: Chart) -> CaptionedChart:
    sentences = [
        f"{panel.measure.title}. {sentence}"
        for panel in chart.panels
        if (sentence := describe_lines(arrangement, panel.lines, TIME))
    ]
    shown = replace(chart, panels=tuple(panel for panel in chart.panels if any(line.measured for line in panel.lines)))
    return CaptionedChart(arrangement, shown, tuple(sentences), tuple(describe_marks(arrangement, chart)))
