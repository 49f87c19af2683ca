"""The charts of a run, each with what it shows in words; of a run of one setting its figures in tables instead."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import plotly.graph_objects as go

from loadlab.report.drawing.bars import draw_stacked
from loadlab.report.drawing.charts import describe_marks, draw_chart
from loadlab.report.layout import Arrangement
from loadlab.report.load_model import model_suffix
from loadlab.report.panels import Chart, LineLaw, StackedChart, laws_of, panel_of, stack
from loadlab.report.sections.figures import figures_of
from loadlab.report.sections.plan import Plan
from loadlab.report.sections.plans import plans_of
from loadlab.report.sections.section import Run, Section
from loadlab.report.sentences import describe_growth, describe_lines
from loadlab.report.tables import PlainTable
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult


@dataclass(frozen=True, slots=True)
class CaptionedChart(Section):
    """A chart, what it shows in words, how to read its marks, the laws of its lines, and a table to set beside it.

    `split` shows what the values of the chart are made of; where that says all, the chart has no panels.
    """

    arrangement: Arrangement
    chart: Chart
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    laws: tuple[LineLaw, ...] = ()
    table: PlainTable | None = None
    split: StackedChart | None = None
    template: ClassVar[str] = "charts.html"

    @property
    def sentence(self) -> str:
        """All that it shows, in one line."""
        return " ".join(self.sentences)

    @property
    def has_legend(self) -> bool:
        """Whether there are several lines."""
        return len(self.arrangement.line_names) > 1

    def draw(self) -> dict[str, go.Figure]:
        """Return the figures of all panels."""
        figures = enumerate(draw_chart(self.arrangement, self.chart))
        parts = enumerate(draw_stacked(self.arrangement, self.split)) if self.split else ()
        return {f"{self.chart.key}-{number}": figure for number, figure in figures} | {
            f"{self.chart.key}-split-{number}": figure for number, figure in parts
        }


@dataclass(frozen=True, slots=True)
class Figures(Section):
    """What a run of a single setting has instead of charts."""

    title: str
    tables: tuple[PlainTable, ...]
    template: ClassVar[str] = "figures.html"


@dataclass(frozen=True, slots=True)
class NoFigures(Section):
    """What a run without a measured trial has instead; `gaps` says why."""

    gaps: str
    template: ClassVar[str] = "no_figures.html"


def sections_of(run: Run) -> Iterator[Section]:
    """Yield a section for each chart, or the one in place of all; a comparison has a section of its own."""
    if run.document.ab is not None:
        return
    charts, tables = charts_of(run), tables_of(run)
    yield from charts
    if tables:
        yield Figures(f"What was measured{model_suffix(run.models)}", tables)
    elif not charts:
        yield NoFigures(describe_gaps(run.trials))


def charts_of(run: Run) -> tuple[CaptionedChart, ...]:
    """Return the charts of a run in their order, those with nothing to draw left out; none of one setting."""
    if len(run.arrangement.settings) == 1:
        return ()
    built = (captioned(plan, run.document, run.drawn) for plan in plans_of(run.document, run.drawn))
    charts = [section for section in built if section.chart.legend or section.split]
    if charts and (gaps := describe_gaps(run.trials)):
        charts[0] = replace(charts[0], notes=(*charts[0].notes, gaps))
    return tuple(charts)


def tables_of(run: Run) -> tuple[PlainTable, ...]:
    """Return what stands in place of charts where there is one setting: its figures, and the tables of the charts."""
    figures = figures_of(run.arrangement)
    if figures is None:
        return ()
    return (figures, *(plan.table for plan in plans_of(run.document, run.arrangement) if plan.table))


def captioned(plan: Plan, document: RunDocument, arrangement: Arrangement) -> CaptionedChart:
    """Return the chart of a plan with its sentences; its panels are those that have anything to draw."""
    panels = tuple(panel_of(arrangement, measure) for measure in plan.measures)
    described = ((measure, panel_of(arrangement, measure)) for measure in plan.described)
    # A chart of one panel has its title for a heading already.
    named = len(panels) > 1
    sentences = [
        f"{measure.title}. {sentence}" if named else sentence
        for measure, panel in described
        if (sentence := describe_lines(arrangement, panel.lines, measure.quantity))
    ]
    growth = [describe_growth(arrangement, panel) for panel in panels]
    chart = Chart(plan.key, plan.title, panels, plan.columns)
    return CaptionedChart(
        arrangement=arrangement,
        chart=replace(chart, panels=tuple(panel for panel in panels if any(line.measured for line in panel.lines))),
        sentences=(*([plan.lead] if plan.lead else []), *sentences),
        notes=tuple(note for note in (*growth, *describe_marks(arrangement, chart), plan.note) if note),
        laws=laws_of(arrangement, document.laws, plan.laws),
        table=plan.table,
        split=stack(arrangement, plan.split) if plan.split else None,
    )


def describe_gaps(trials: Sequence[TrialResult]) -> str:
    """Say how many trials have no point in the figures, and why; empty when all have one."""
    reasons = Counter("invalid" if trial.state == "done" else trial.state for trial in trials if not trial.is_credible)
    if not reasons:
        return ""
    total = reasons.total()
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    has = "has" if total == 1 else "have"
    return f"{total} of {len(trials)} trials {has} no point here ({listed}); “All trials” gives the reasons."
