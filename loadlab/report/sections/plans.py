"""Which charts a run is to have, and in which order: by its kind, its load model, and what differs in its figures.

In a closed model throughput is the result and comes first. In an open one the schedule gives it, and the result is the
response time. Of streams of events it is the time that these are under way, where they say when they were sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loadlab.report.idle_memory import MEMORY_OF_ONE, MEMORY_PARTS
from loadlab.report.layout import Arrangement, kind_names
from loadlab.report.load_model import model_suffix, models_of
from loadlab.report.measures import (
    ANSWERED_SHARE,
    BYTES_PER_UNIT,
    CLIENT_P99,
    COST,
    CPU_SYSTEM,
    CPU_TOTAL,
    CPU_USER,
    DELAY_P50,
    DELAY_P99,
    EVENTS_PER_WAIT,
    FIRST_P50,
    FIRST_P99,
    GAP_P50,
    GAP_P99,
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
from loadlab.report.scenario import has_scenario
from loadlab.report.sections import connection_memory, percentiles
from loadlab.report.sections.figures import switch_table, wait_table
from loadlab.report.sections.plan import Plan, by_kind, of_all
from loadlab.report.sections.scenario_plans import scenario_plans
from loadlab.report.sections.why.calls import describe_eagain, split_of_calls
from loadlab.report.sentences import describe_answered
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.vocabulary import Vocabulary

# Where the values of a panel do not spread by more than a fifth of the least and by more than this, it is left out.
_NOTEWORTHY_SPREAD: Final = 0.2
_NOTEWORTHY_BYTES: Final = 1 << 20
_NOTEWORTHY_SWITCHES: Final = 0.1
_NOTEWORTHY_WAIT_NS: Final = 1000
_PSS: Final = "PSS divides memory that processes share between them, so that it adds up."
_COUNTED: Final = (
    "Counted by a tracer in a pass of its own. A call that serves many {many}, such as a wait, is a fraction of each."
)
_DELAY_NOTE: Final = (
    "Delivery delay is the time from the server's sending of an event, by its own clock, until the client had read it."
)
_NOTES: Final = {
    MEMORY_PSS.metric: _PSS,
    RUN_QUEUE_WAIT.metric: "Run-queue wait is the time that the target was ready to run and had no core.",
}


def plans_of(document: RunDocument, arrangement: Arrangement) -> list[Plan]:
    """Return the plans of a run's charts, first the one of what its profile plots."""
    profile, trials = document.profile, document.trials
    asked, words = _plotted(profile), arrangement.words
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
            measure = measure_of(asked).worded(words)
            note = _PSS if asked == MEMORY_PSS.metric else ""
            plans.insert(0, Plan("plotted", measure.title, (measure,), (measure,), note=note))
    return [plan.worded(words) for plan in plans]


def _load_plans(profile: Mapping[str, Any], trials: Sequence[TrialResult], arrangement: Arrangement) -> Iterator[Plan]:
    models, words = models_of(trials), arrangement.words
    if delay := _delay(trials, _plotted(profile)):
        yield delay
    if has_scenario(trials):
        yield from scenario_plans(trials, models, arrangement)
    elif "open" in models:
        yield _times(trials, models, words)
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
    is_shown = "open" in models or has_scenario(trials)
    times = [*([] if is_shown else [_times(trials, models, words)]), *_streams(trials, words)]
    if not delay:
        yield from times
    yield Plan(
        "cpu",
        CPU_TOTAL.worded(words).title,
        (CPU_TOTAL,),
        (CPU_TOTAL,),
        laws=CPU_TOTAL.metric,
        split=Split("In the program and in the kernel", (CPU_USER, CPU_SYSTEM), f"per {words.one}"),
    )
    if delay:  # the pace of a server that was known before
        yield from times
    noteworthy = tuple(measure for measure in _noteworthy(arrangement) if measure.metric != _plotted(profile))
    yield Plan(
        "resources",
        "Memory and scheduling of the target",
        noteworthy,
        noteworthy,
        note=" ".join(_NOTES[measure.metric] for measure in noteworthy if measure.metric in _NOTES),
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
        note = f"{words.fill(_COUNTED)} {describe_eagain(arrangement)}".rstrip()
        yield Plan("calls", calls.title, (), note=note, split=calls)
    yield Plan(
        "connection-memory",
        MEMORY_OF_ONE.worded(words).title,
        (),
        (MEMORY_OF_ONE,),
        note=connection_memory.note_on(arrangement),
        table=connection_memory.memory_table(arrangement),
        split=Split(MEMORY_OF_ONE.worded(words).title, MEMORY_PARTS, "per connection"),
    )


def _plotted(profile: Mapping[str, Any]) -> str | None:
    """The metric that the profile asks for first."""
    return (profile.get("plot") or {}).get("y")


def _has_poisson(profile: Mapping[str, Any]) -> bool:
    load, sweep = profile.get("load") or {}, profile.get("sweep") or {}
    return "poisson" in sweep.get("load.arrivals", [load.get("arrivals")])


def _times(trials: Sequence[TrialResult], models: tuple[LoadModel, ...], words: Vocabulary) -> Plan:
    """Response times; in an open model, where they differ, each with the service time at its right."""
    suffix, kinds = model_suffix(models), kind_names(trials)
    if "open" in models:
        if kinds:
            figures = ("response_ns.p50", "service_ns.p50", "response_ns.p99", "service_ns.p99")
            of_kinds = tuple(measure_of(f"kinds.{kind}.{figure}") for kind in kinds for figure in figures)
            title = f"Response and service time by kind of {words.message}{suffix}"
            return Plan("kinds", title, of_kinds, of_kinds[2::4])
        measures = (RESPONSE_P50, SERVICE_P50, RESPONSE_P99, SERVICE_P99)
        return Plan("response", f"Response and service time{suffix}", measures, measures[2:])
    return by_kind(kinds, f"{words.time} by kind of {words.message}{suffix}") if kinds else of_all(suffix, words)


def _delay(trials: Sequence[TrialResult], asked: str | None) -> Plan | None:
    """How long events were under way; None where none says when it was sent."""
    if not any(trial.delay_ns.count for trial in trials):
        return None
    measures = tuple(sorted((DELAY_P50, DELAY_P99), key=lambda measure: measure.metric != asked))
    described = measures[:1] if measures[0].metric == asked else (DELAY_P99,)
    if not any(trial.client_ns.count for trial in trials):
        return Plan("delay", "Delivery delay", measures, described, note=_DELAY_NOTE)
    note = f"{_DELAY_NOTE} What the client added is a part of it, from the kernel having an event until it was read."
    return Plan("delay", "Delivery delay", (*measures, CLIENT_P99), described, note=note, columns=3)


def _streams(trials: Sequence[TrialResult], words: Vocabulary) -> Iterator[Plan]:
    """When streams and streamed answers began, and how far their pieces lie apart, where that is not shown already.

    Streams that are open when the window begins, as they should be, have begun before.
    """
    begun = [bool(trial.first_ns.count) for trial in trials if trial.is_credible]
    first = (FIRST_P50, FIRST_P99) if any(begun) and (sum(begun) > len(begun) / 2 or not words.pushed) else ()
    gaps = (GAP_P50, GAP_P99) if not words.pushed and any(trial.gap_ns.count for trial in trials) else ()
    if measures := (*first, *gaps):
        title = f"Time to the {words.first}{', and between pieces' if gaps else ''}"
        yield Plan("streams", title, measures, measures[1::2])


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
