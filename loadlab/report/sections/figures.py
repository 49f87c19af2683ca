"""Tables beside or instead of charts: the figures of a single setting, and what to compare microbenchmarks with."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from loadlab.analysis.summary import median_of_known
from loadlab.report.idle_memory import CAPACITIES, MEMORY_OF_ONE, MEMORY_PARTS
from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.load_model import models_of
from loadlab.report.measures import (
    ANSWERED_SHARE,
    BYTES_PER_UNIT,
    COST,
    CPU_TOTAL,
    EVENTS_PER_WAIT,
    RECEIVED_PER_SECOND,
    RUN_OF_CHAIN,
    THROUGHPUT,
    Measure,
    measure_of,
)
from loadlab.report.panels import Value, panel_of
from loadlab.report.scenario import (
    COMPLETED_SHARE,
    ITERATION_RATE,
    ITERATION_SERVICE,
    OF_ITERATIONS,
    has_scenario,
)
from loadlab.report.sections.connection_memory import note_on
from loadlab.report.sentences import write_value
from loadlab.report.tables import Group, PlainTable
from loadlab.results.trial import Scalar, TrialResult
from loadlab.units import format_duration_ns, format_size_bytes

_DASH: Final = "\N{EN DASH}"
# Michael Kerrisk, "The Linux Programming Interface" (2010), table 63-9: CPU seconds for 100,000 monitoring operations
# on Linux 2.6.25, by the number of descriptors.
_METHODS: Final = ("poll", "select", "epoll")
_OF_THE_BOOK: Final[Mapping[int, Mapping[str, float]]] = {
    10: {"poll": 0.61, "select": 0.73, "epoll": 0.41},
    100: {"poll": 2.9, "select": 3.0, "epoll": 0.42},
    1000: {"poll": 35, "select": 35, "epoll": 0.53},
    10_000: {"poll": 990, "select": 930, "epoll": 0.66},
}
_OPERATIONS: Final = 100_000
_SERVICE: Final = tuple(measure_of(f"service_ns.{percentile}") for percentile in ("p50", "p99"))
_COUNTS: Final = ("ended", "unasked", "pings")
_PARTS: Final = ("delay", "first", "gap", "connect", "handshake", "upgrade")
_MEASURES: Final = (
    ITERATION_RATE,
    COMPLETED_SHARE,
    *OF_ITERATIONS,
    THROUGHPUT,
    ANSWERED_SHARE,
    *(measure_of(f"response_ns.{percentile}") for percentile in ("p50", "p90", "p99", "p99.9")),
    *_SERVICE,
    *(measure_of(f"{part}_ns.{percentile}") for part in _PARTS for percentile in ("p50", "p99")),
    RECEIVED_PER_SECOND,
    *map(measure_of, _COUNTS),
    CPU_TOTAL,
    measure_of("target.cpu_user_ns_per_request"),
    measure_of("target.cpu_system_ns_per_request"),
    measure_of("target.context_switches_per_request"),
    measure_of("target.run_queue_wait_ns_per_request"),
    EVENTS_PER_WAIT,
    measure_of("target.pss_bytes"),
    MEMORY_OF_ONE,
    *(replace(part, template=f"{MEMORY_OF_ONE.template}: {part.phrase}") for part in MEMORY_PARTS),
    *CAPACITIES,
    COST,
    measure_of("operation_ns"),
    RUN_OF_CHAIN,
    BYTES_PER_UNIT,
)


def figures_of(arrangement: Arrangement) -> PlainTable | None:
    """Return the table, medians over repeats; None where there are more settings than one, or nothing was measured."""
    if len(arrangement.settings) != 1:
        return None
    [setting] = arrangement.settings
    left_out = _repeated(setting.trials)
    rows = [
        (worded.title, _describe(worded, value))
        for worded in (measure.worded(arrangement.words) for measure in _MEASURES if measure not in left_out)
        if (value := _value(arrangement, worded)) and (value.high or worded.metric not in _COUNTS)
    ]
    if not rows:
        return None
    name = arrangement.name_of(setting) or "measured"
    return PlainTable("Figures", (), ("", name), tuple(rows), note_on(arrangement))


def wait_table(profile: Mapping[str, Any], trials: Iterable[TrialResult]) -> PlainTable | None:
    """Return what waiting costs here beside the book's figures, or None if nothing comparable was measured.

    Comparable is one ready descriptor of n, made ready, waited for and read: `operation_ns`.
    """
    measured: dict[tuple[Scalar, Scalar], list[float]] = {}
    channels: set[str] = set()
    for trial in trials:
        wait = {**(profile.get("wait") or {}), **_factors_of(trial, "wait.")}
        if trial.is_credible and trial.operation_ns is not None and wait.get("active", 1) == 1:
            measured.setdefault((wait.get("descriptors"), wait.get("method")), []).append(trial.operation_ns)
            channels.add(str(wait.get("channel", "pipe")))
    rows = [
        (
            format_scalar(number),
            *(_format_seconds(of_book[method]) for method in _METHODS),
            *(_format_operations(measured.get((number, method))) for method in _METHODS),
        )
        for number, of_book in _OF_THE_BOOK.items()
        if any((number, method) in measured for method in _METHODS)
    ]
    if not rows:
        return None
    return PlainTable(
        title=f"Seconds for {_OPERATIONS:,} operations",
        groups=(Group("Linux 2.6.25, the book", len(_METHODS)), Group("this machine", len(_METHODS))),
        columns=("descriptors", *_METHODS, *_METHODS),
        rows=tuple(rows),
        note=(
            "The book: M. Kerrisk, “The Linux Programming Interface”, table 63-9, CPU time. This machine: elapsed time "
            f"of one operation times {_OPERATIONS:,}; one of n descriptors ({', '.join(sorted(channels))}) is made "
            "ready, waited for, and read."
        ),
    )


def switch_table(profile: Mapping[str, Any], trials: Iterable[TrialResult]) -> PlainTable | None:
    """Return what each unit of execution costs in time and memory, the cheapest switch first; None without any."""
    found: dict[str, list[TrialResult]] = {}
    for trial in trials:
        if trial.is_credible and trial.cost_ns is not None:
            switch = {"unit": (profile.get("switch") or {}).get("unit"), **_factors_of(trial, "switch.")}
            found.setdefault(", ".join(format_scalar(value) for value in switch.values()), []).append(trial)
    if not found:
        return None
    cost = {unit: median_of_known(trial.cost_ns for trial in same) or 0.0 for unit, same in found.items()}
    return PlainTable(
        title="What a unit of execution costs",
        groups=(),
        columns=("unit", "a switch", "measuring overhead, included", "memory of one"),
        rows=tuple(
            (
                unit,
                format_duration_ns(cost[unit]),
                _format_present(median_of_known(trial.overhead_ns for trial in found[unit]), format_duration_ns),
                _format_present(median_of_known(trial.bytes_per_unit for trial in found[unit]), format_size_bytes),
            )
            for unit in sorted(cost, key=lambda unit: cost[unit])
        ),
        note="Memory is what each takes in user space; the kernel's own part, for threads and processes, is not in it.",
    )


def _repeated(trials: Sequence[TrialResult]) -> tuple[Measure, ...]:
    """Service times that are the response times again: in a closed model, and of requests that no schedule asks for."""
    if "open" not in models_of(trials):
        return (*_SERVICE, *ITERATION_SERVICE.values())
    return _SERVICE if has_scenario(trials) else ()


def _value(arrangement: Arrangement, measure: Measure) -> Value | None:
    [line] = panel_of(arrangement, measure).lines
    return next((value for _, value in line.measured), None)


def _describe(measure: Measure, value: Value) -> str:
    written = measure.quantity.format
    ranges = []
    if value.interval is not None:
        ranges.append(f"95 %: {' to '.join(map(written, value.interval))}")
    if value.low != value.high:
        ranges.append(f"{written(value.low)} to {written(value.high)} over repeats")
    within = f" ({'; '.join(ranges)})" if ranges else ""
    return f"{write_value(value, measure.quantity)}{within}"


def _factors_of(trial: TrialResult, section: str) -> dict[str, Scalar]:
    """The swept values of one section of the profile, by their keys there."""
    return {path.removeprefix(section): value for path, value in trial.factors.items() if path.startswith(section)}


def _format_present(value: float | None, write: Callable[[float], str]) -> str:
    return _DASH if value is None else write(value)


def _format_operations(found_ns: Iterable[float] | None) -> str:
    return _DASH if found_ns is None else _format_seconds(statistics.median(found_ns) * _OPERATIONS / 1e9)


def _format_seconds(seconds: float) -> str:
    """As the book writes it, to two digits: `0.61`, `35`, `990`."""
    return f"{float(f'{seconds:.2g}'):g}"
