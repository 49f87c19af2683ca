"""What a run's page shows in figures: its charts with their sentences, and what is seen of them at first glance."""

from dataclasses import dataclass, replace

from loadlab.report.layout import Arrangement
from loadlab.report.measures import BYTES_PER_UNIT
from loadlab.report.sections.breakdown import LineLaw, StackedChart, laws_of, stack
from loadlab.report.sections.charts import Chart, panel_of
from loadlab.report.sections.connection_memory import describe_split
from loadlab.report.sections.figures import figures_of
from loadlab.report.sections.overview import describe_run
from loadlab.report.sections.plans import Plan, plans_of
from loadlab.report.sections.tables import PlainTable
from loadlab.report.text.load_model import describe_models, models_of
from loadlab.report.text.sentences import describe_answered, describe_growth, describe_lines, describe_marks
from loadlab.results.model import RunDocument


@dataclass(frozen=True, slots=True)
class CaptionedChart:
    """A chart, what it shows in words, how to read its marks, the laws of its lines, and a table to set beside it.

    `split` shows what the values of the chart are made of; where that tells all, the chart has no panels.
    """

    chart: Chart
    sentence: str
    notes: tuple[str, ...]
    laws: tuple[LineLaw, ...] = ()
    table: PlainTable | None = None
    split: StackedChart | None = None


def charts_of(document: RunDocument, arrangement: Arrangement) -> tuple[CaptionedChart, ...]:
    """Return the charts of a run in their order, those with nothing to draw left out; none of one setting."""
    if len(arrangement.settings) == 1:
        return ()
    built = (_build(plan, document, arrangement) for plan in plans_of(document, arrangement))
    return tuple(captioned for captioned in built if captioned.chart.legend or captioned.split)


def tables_of(document: RunDocument, arrangement: Arrangement) -> tuple[PlainTable, ...]:
    """Return what stands in place of charts where there is one setting: its figures, and the tables of the charts."""
    figures = figures_of(arrangement)
    if figures is None:
        return ()
    return (figures, *(plan.table for plan in plans_of(document, arrangement) if plan.table))


def overview_of(document: RunDocument, arrangement: Arrangement) -> tuple[str, ...]:
    """Return what a reader of the run sees first, in a few sentences: on its first chart, and on its load model."""
    first, *_ = plans = plans_of(document, arrangement)
    lawful = next(plan for plan in plans if plan.laws)
    laws = laws_of(arrangement, document.laws, lawful.laws)
    told = describe_run(arrangement, panel_of(arrangement, first.told[0]), laws, lawful.title)
    if document.profile.get("kind") == "switch-cost":
        told += describe_run(arrangement, panel_of(arrangement, BYTES_PER_UNIT), (), "")
    models = models_of(document.trials)
    return (
        *told,
        *describe_answered(arrangement),
        *describe_split(arrangement),
        *describe_models(document.profile, models),
    )


def _build(plan: Plan, document: RunDocument, arrangement: Arrangement) -> CaptionedChart:
    panels = tuple(panel_of(arrangement, measure) for measure in plan.measures)
    told = ((measure, panel_of(arrangement, measure)) for measure in plan.told)
    # A chart of one panel has its title for a heading already.
    named = len(panels) > 1
    sentences = [
        f"{measure.title}. {sentence}" if named else sentence
        for measure, panel in told
        if (sentence := describe_lines(arrangement, panel.lines, measure.quantity))
    ]
    totals = [panel for panel in panels if panel.measure.metric.endswith("_bytes")]
    growth = [describe_growth(arrangement, panel) for panel in totals]
    chart = Chart(plan.key, plan.title, panels, plan.columns)
    return CaptionedChart(
        chart=replace(chart, panels=tuple(panel for panel in panels if any(line.measured for line in panel.lines))),
        sentence=" ".join([plan.seen, *sentences] if plan.seen else sentences),
        notes=tuple(note for note in (*growth, *describe_marks(arrangement, chart), plan.note) if note),
        laws=laws_of(arrangement, document.laws, plan.laws),
        table=plan.table,
        split=stack(arrangement, plan.split.title, plan.split.measures, plan.split.unit) if plan.split else None,
    )
