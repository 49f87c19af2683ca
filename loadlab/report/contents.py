"""Which charts a run has: by its kind, what it plots, and what there is to see in its figures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.charts import Chart, panel_of
from loadlab.report.kinds import kind_names
from loadlab.report.laws import LineLaw, laws_of
from loadlab.report.measures import (
    BYTES_PER_UNIT,
    COST,
    CPU_SYSTEM,
    CPU_TOTAL,
    CPU_USER,
    MEMORY_RESIDENT,
    MEMORY_SHARED_FAIRLY,
    RESPONSE_P50,
    RESPONSE_P99,
    RUN_OF_CHAIN,
    SWITCHES,
    THROUGHPUT,
    Measure,
    measure_of,
)
from loadlab.report.overview import describe_run
from loadlab.report.quantities import SIZE
from loadlab.report.sentences import describe_growth, describe_lines, describe_marks
from loadlab.report.yardsticks import PlainTable, switch_table, wait_table
from loadlab.results.model import RunDocument, TrialResult

# Where the values of a panel do not spread by more than a fifth of the least and by more than this, it is left out.
_NOTEWORTHY_SPREAD: Final = 0.2
_NOTEWORTHY_BYTES: Final = 1 << 20
_NOTEWORTHY_SWITCHES: Final = 0.1
_PSS: Final = "PSS counts memory that processes share in equal parts, so that it adds up."


@dataclass(frozen=True, slots=True)
class CaptionedChart:
    """A chart, what it shows in words, how to read its marks, the laws of its lines, and a table to set beside it."""

    chart: Chart
    sentence: str
    notes: tuple[str, ...]
    laws: tuple[LineLaw, ...] = ()
    table: PlainTable | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A chart to be: a panel for each of `measures`; its sentence tells of `told`. `laws` are those of that metric."""

    key: str
    title: str
    measures: tuple[Measure, ...]
    told: tuple[Measure, ...]
    laws: str = ""
    note: str = ""
    table: PlainTable | None = None


def charts_of(document: RunDocument, arrangement: Arrangement) -> tuple[CaptionedChart, ...]:
    """Return the charts of a run in their order, those that have no point left out."""
    built = (_build(plan, document, arrangement) for plan in _plans(document, arrangement))
    return tuple(captioned for captioned in built if captioned.chart.legend)


def overview_of(document: RunDocument, arrangement: Arrangement) -> tuple[str, ...]:
    """Return what a reader of the run sees first, in a few sentences on its first chart."""
    first, *_ = plans = _plans(document, arrangement)
    lawful = next(plan for plan in plans if plan.laws)
    laws = laws_of(arrangement, document.laws, lawful.laws)
    told = describe_run(arrangement, panel_of(arrangement, first.measures[0]), laws, lawful.title)
    if document.profile.get("kind") == "switch-cost":
        told += describe_run(arrangement, panel_of(arrangement, BYTES_PER_UNIT), (), "")
    return told


def _plans(document: RunDocument, arrangement: Arrangement) -> list[_Plan]:
    profile, trials = document.profile, document.trials
    asked = (profile.get("plot") or {}).get("y")
    match profile.get("kind"):
        case "wait-cost":
            plans = [*_wait_plans(profile, trials)]
        case "switch-cost":
            plans = [*_switch_plans(profile, trials)]
        case _:
            plans = [*_load_plans(arrangement, trials, asked)]
    if isinstance(asked, str) and asked != plans[0].measures[0].metric:
        measure = measure_of(asked)
        note = _PSS if asked == MEMORY_SHARED_FAIRLY.metric else ""
        plans.insert(0, _Plan("plotted", measure.title, (measure,), (measure,), note=note))
    return plans


def _load_plans(arrangement: Arrangement, trials: Iterable[TrialResult], asked: object) -> Iterator[_Plan]:
    yield _Plan("throughput", "Throughput", (THROUGHPUT,), (THROUGHPUT,))
    if kinds := kind_names(trials):
        p50s = [measure_of(f"kinds.{kind}.response_ns.p50").called(f"{kind}, median (p50)") for kind in kinds]
        p99s = [measure_of(f"kinds.{kind}.response_ns.p99").called(f"{kind}, 99th percentile (p99)") for kind in kinds]
        pairs = tuple(measure for pair in zip(p50s, p99s, strict=True) for measure in pair)
        yield _Plan("kinds", "Response time by kind of request", pairs, tuple(p99s))
    else:
        yield _Plan("response", "Response time", (RESPONSE_P50, RESPONSE_P99), (RESPONSE_P99,))
    yield _Plan(
        "cpu", "CPU time of the target per request", (CPU_USER, CPU_SYSTEM), (CPU_TOTAL,), "target.cpu_ns_per_request"
    )
    noteworthy = tuple(measure for measure in _noteworthy(arrangement) if measure.metric != asked)
    yield _Plan(
        "resources",
        "Memory and context switches of the target",
        noteworthy,
        noteworthy,
        note=_PSS if MEMORY_SHARED_FAIRLY in noteworthy else "",
    )


def _noteworthy(arrangement: Arrangement) -> Iterator[Measure]:
    """Memory and context switches, each where it differs enough over an axis of numbers to be a result."""
    if not arrangement.x_is_number or len(arrangement.x_values) < 2:
        return
    has_shared = any(panel_of(arrangement, MEMORY_SHARED_FAIRLY).values)
    memory = MEMORY_SHARED_FAIRLY if has_shared else MEMORY_RESIDENT
    for measure, least in ((memory, _NOTEWORTHY_BYTES), (SWITCHES, _NOTEWORTHY_SWITCHES)):
        values = [*panel_of(arrangement, measure).values]
        if values and max(values) - min(values) > max(least, _NOTEWORTHY_SPREAD * min(values)):
            yield measure


def _wait_plans(profile: dict[str, Any], trials: Iterable[TrialResult]) -> Iterator[_Plan]:
    chained = bool((profile.get("wait") or {}).get("writes"))
    cost = COST.called("Time for one event of the chain" if chained else "Time of one waiting call")
    yield _Plan("cost", cost.title, (cost,), (cost,), "cost_ns", table=wait_table(profile, trials))
    yield _Plan("run", RUN_OF_CHAIN.title, (RUN_OF_CHAIN,), (RUN_OF_CHAIN,))


def _switch_plans(profile: dict[str, Any], trials: Iterable[TrialResult]) -> Iterator[_Plan]:
    cost = COST.called("Time of one switch")
    measures = (cost, BYTES_PER_UNIT)
    yield _Plan("cost", "Time and memory of a unit", measures, measures, "cost_ns", table=switch_table(profile, trials))


def _build(plan: _Plan, document: RunDocument, arrangement: Arrangement) -> CaptionedChart:
    chart = Chart(plan.key, plan.title, tuple(panel_of(arrangement, measure) for measure in plan.measures))
    told = ((measure, panel_of(arrangement, measure)) for measure in plan.told)
    sentences = [
        (measure.title, sentence)
        for measure, panel in told
        if (sentence := describe_lines(arrangement, panel.lines, measure.quantity))
    ]
    growth = [describe_growth(arrangement, panel) for panel in chart.panels if panel.measure.quantity is SIZE]
    # A chart of one panel has its title for a heading already.
    named = len(chart.panels) > 1
    return CaptionedChart(
        chart=replace(
            chart, panels=tuple(panel for panel in chart.panels if any(line.measured for line in panel.lines))
        ),
        sentence=" ".join(f"{title}. {sentence}" if named else sentence for title, sentence in sentences),
        notes=tuple(note for note in (*growth, *describe_marks(arrangement, chart), plan.note) if note),
        laws=laws_of(arrangement, document.laws, plan.laws),
        table=plan.table,
    )
