"""Which charts a run is to have, and in which order: by its kind, its load model, and what differs in its figures.

In a closed model throughput is the result and comes first. In an open one the schedule gives it, and the result is the
response time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from loadlab.report.layout import Arrangement, kind_names
from loadlab.report.load_model import model_suffix, models_of
from loadlab.report.measures import (
    ANSWERED_SHARE,
    BYTES_PER_UNIT,
    COST,
    CPU_SYSTEM,
    CPU_TOTAL,
    CPU_USER,
    EVENTS_PER_WAIT,
    MEMORY_PSS,
    MEMORY_RSS,
    RESPONSE_P50,
    RESPONSE_P99,
    RUN_OF_CHAIN,
    RUN_QUEUE_WAIT,
    SERVICE_P50,
    SERVICE_P99,
    SWITCHES,
    THROUGHPUT,
    Measure,
    measure_of,
)
from loadlab.report.panels import Split, panel_of
from loadlab.report.sections import connection_memory, percentiles
from loadlab.report.sections.figures import switch_table, wait_table
from loadlab.report.sections.why.calls import describe_eagain, split_of_calls
from loadlab.report.sentences import describe_answered
from loadlab.report.tables import PlainTable
from loadlab.results.model import LoadModel, RunDocument, TrialResult

# Where the values of a panel do not spread by more than a fifth of the least and by more than this, it is left out.
_NOTEWORTHY_SPREAD: Final = 0.2
_NOTEWORTHY_BYTES: Final = 1 << 20
_NOTEWORTHY_SWITCHES: Final = 0.1
_NOTEWORTHY_WAIT_NS: Final = 1000
_PSS: Final = "PSS divides memory that processes share between them, so that it adds up."
_COUNTED: Final = (
    "Counted by a tracer in a pass of its own. A call that serves many requests, such as a wait, is a fraction of each."
)
_NOTES: Final = {
    MEMORY_PSS.title: _PSS,
    RUN_QUEUE_WAIT.title: "Run-queue wait is the time that the target was ready to run and had no core.",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart to be: a panel for each of `measures`; its sentences are about `described`, behind `lead`.

    `laws` are those of that metric; `split` is what the first measure is made of, or without one all that is drawn.
    """

    key: str
    title: str
    measures: tuple[Measure, ...]
    described: tuple[Measure, ...] = ()
    lead: str = ""
    laws: str = ""
    note: str = ""
    table: PlainTable | None = None
    split: Split | None = None
    columns: Literal[2, 3] = 2

    def shows_first(self, metric: str) -> bool:
        """Whether that metric is what the chart and its sentence begin with."""
        begun = {measures[0].metric for measures in (self.measures, self.described) if measures}
        return begun == {metric} and bool(self.described)


def plans_of(document: RunDocument, arrangement: Arrangement) -> list[Plan]:
    """Return the plans of a run's charts, first the one of what its profile plots."""
    profile, trials = document.profile, document.trials
    asked = _plotted(profile)
    match profile.get("kind"):
        case "wait-cost":
            plans = [*_wait_plans(profile, trials)]
        case "switch-cost":
            plans = [*_switch_plans(profile, trials)]
        case _:
            plans = [*_load_plans(profile, trials, arrangement)]
    if asked is not None:
        wanted = next((plan for plan in plans if plan.shows_first(asked)), None)
        if wanted is not None:
            plans.remove(wanted)
            plans.insert(0, wanted)
        else:
            measure = measure_of(asked)
            note = _PSS if asked == MEMORY_PSS.metric else ""
            plans.insert(0, Plan("plotted", measure.title, (measure,), (measure,), note=note))
    return plans


def _load_plans(profile: Mapping[str, Any], trials: Sequence[TrialResult], arrangement: Arrangement) -> Iterator[Plan]:
    models = models_of(trials)
    if "open" in models:
        yield _times(trials, models)
        yield Plan(
            "parts",
            "Where the response time goes",
            (*percentiles.P50S, *percentiles.P99S),
            lead=percentiles.describe_slowest(arrangement),
            note=percentiles.CAVEAT,
            columns=3,
        )
        yield Plan(
            "throughput",
            "Offered and answered",
            (THROUGHPUT, ANSWERED_SHARE),
            (THROUGHPUT,),
            lead=" ".join(describe_answered(arrangement)),
            note="Poisson arrivals scatter around their rate." if _has_poisson(profile) else "",
        )
    else:
        yield Plan("throughput", f"Throughput{model_suffix(models)}", (THROUGHPUT,), (THROUGHPUT,))
        yield _times(trials, models)
    yield Plan(
        "cpu",
        CPU_TOTAL.title,
        (CPU_TOTAL,),
        (CPU_TOTAL,),
        laws=CPU_TOTAL.metric,
        split=Split("In the program and in the kernel", (CPU_USER, CPU_SYSTEM), "per request"),
    )
    noteworthy = tuple(measure for measure in _noteworthy(arrangement) if measure.metric != _plotted(profile))
    yield Plan(
        "resources",
        "Memory and scheduling of the target",
        noteworthy,
        noteworthy,
        note=" ".join(_NOTES[measure.title] for measure in noteworthy if measure.title in _NOTES),
        columns=3 if len(noteworthy) == 3 else 2,
    )
    yield Plan(
        "waits",
        EVENTS_PER_WAIT.title,
        (EVENTS_PER_WAIT,),
        (EVENTS_PER_WAIT,),
        note="All events that one call returns share its cost.",
    )
    if calls := split_of_calls(arrangement):
        yield Plan("calls", calls.title, (), note=f"{_COUNTED} {describe_eagain(arrangement)}".rstrip(), split=calls)
    yield Plan(
        "connection-memory",
        connection_memory.TOTAL.title,
        (),
        (connection_memory.TOTAL,),
        note=connection_memory.note_on(arrangement),
        split=Split(connection_memory.TOTAL.title, connection_memory.PARTS, "per connection"),
    )


def _plotted(profile: Mapping[str, Any]) -> str | None:
    """The metric that the profile asks for first."""
    return (profile.get("plot") or {}).get("y")


def _has_poisson(profile: Mapping[str, Any]) -> bool:
    load, sweep = profile.get("load") or {}, profile.get("sweep") or {}
    return "poisson" in sweep.get("load.arrivals", [load.get("arrivals")])


def _times(trials: Sequence[TrialResult], models: tuple[LoadModel, ...]) -> Plan:
    """Response times; in an open model, where they differ, each with the service time at its right."""
    suffix, kinds = model_suffix(models), kind_names(trials)
    if "open" in models:
        if kinds:
            figures = ("response_ns.p50", "service_ns.p50", "response_ns.p99", "service_ns.p99")
            of_kinds = tuple(measure_of(f"kinds.{kind}.{figure}") for kind in kinds for figure in figures)
            return Plan("kinds", f"Response and service time by kind of request{suffix}", of_kinds, of_kinds[2::4])
        measures = (RESPONSE_P50, SERVICE_P50, RESPONSE_P99, SERVICE_P99)
        return Plan("response", f"Response and service time{suffix}", measures, measures[2:])
    if kinds:
        p50s = [measure_of(f"kinds.{kind}.response_ns.p50").called(f"{kind}, median (p50)") for kind in kinds]
        p99s = [measure_of(f"kinds.{kind}.response_ns.p99").called(f"{kind}, 99th percentile (p99)") for kind in kinds]
        pairs = tuple(measure for pair in zip(p50s, p99s, strict=True) for measure in pair)
        return Plan("kinds", f"Response time by kind of request{suffix}", pairs, tuple(p99s))
    p50, p99 = RESPONSE_P50.called("Median (p50)"), RESPONSE_P99.called("99th percentile (p99)")
    return Plan("response", f"Response time{suffix}", (p50, p99), (p99,))


def _noteworthy(arrangement: Arrangement) -> Iterator[Measure]:
    """Memory, context switches and run-queue wait: each that differs enough over an axis of numbers."""
    if not arrangement.x_is_number or len(arrangement.x_values) < 2:
        return
    has_shared = any(panel_of(arrangement, MEMORY_PSS).values)
    memory = MEMORY_PSS if has_shared else MEMORY_RSS
    for measure, least in (
        (memory, _NOTEWORTHY_BYTES),
        (SWITCHES, _NOTEWORTHY_SWITCHES),
        (RUN_QUEUE_WAIT, _NOTEWORTHY_WAIT_NS),
    ):
        values = [*panel_of(arrangement, measure).values]
        if values and max(values) - min(values) > max(least, _NOTEWORTHY_SPREAD * min(values)):
            yield measure


def _wait_plans(profile: Mapping[str, Any], trials: Sequence[TrialResult]) -> Iterator[Plan]:
    chained = bool((profile.get("wait") or {}).get("writes"))
    cost = COST.called("Time per event of the chain" if chained else "Time of one waiting call")
    yield Plan("cost", cost.title, (cost,), (cost,), laws="cost_ns", table=wait_table(profile, trials))
    yield Plan("run", RUN_OF_CHAIN.title, (RUN_OF_CHAIN,), (RUN_OF_CHAIN,))


def _switch_plans(profile: Mapping[str, Any], trials: Sequence[TrialResult]) -> Iterator[Plan]:
    cost = COST.called("Time of one switch")
    measures = (cost, BYTES_PER_UNIT)
    yield Plan(
        "cost", "Time and memory of a unit", measures, measures, laws="cost_ns", table=switch_table(profile, trials)
    )
