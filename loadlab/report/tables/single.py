"""The figures of a run with a single setting: with nothing to compare, numbers say more than points in empty panels."""

from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.changes import write_value
from loadlab.report.charts import Value, panel_of
from loadlab.report.connection_memory import ALL_TOLD, PARTS, note_on
from loadlab.report.load_model import models_of
from loadlab.report.measures import (
    ANSWERED_SHARE,
    BYTES_PER_UNIT,
    COST,
    CPU_TOTAL,
    EVENTS_PER_WAIT,
    RUN_OF_CHAIN,
    THROUGHPUT,
    Measure,
    measure_of,
)
from loadlab.report.tables.plain import PlainTable

# In a closed model they are the response times again.
_SERVICE: Final = tuple(measure_of(f"service_ns.{percentile}") for percentile in ("p50", "p99"))
_MEASURES: Final = (
    THROUGHPUT,
    ANSWERED_SHARE,
    *(measure_of(f"response_ns.{percentile}") for percentile in ("p50", "p90", "p99", "p99.9")),
    *_SERVICE,
    CPU_TOTAL,
    measure_of("target.cpu_user_ns_per_request"),
    measure_of("target.cpu_system_ns_per_request"),
    measure_of("target.context_switches_per_request"),
    measure_of("target.run_queue_wait_ns_per_request"),
    EVENTS_PER_WAIT,
    measure_of("target.pss_bytes"),
    ALL_TOLD,
    *(part.called(f"{ALL_TOLD.title}: {part.phrase}") for part in PARTS),
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
    is_open = "open" in models_of(setting.trials)
    measures = [measure for measure in _MEASURES if is_open or measure not in _SERVICE]
    rows = [(measure.title, _tell(measure, value)) for measure in measures if (value := _value(arrangement, measure))]
    if not rows:
        return None
    name = arrangement.name_of(setting) or "measured"
    return PlainTable("Figures", (), ("", name), tuple(rows), note_on(arrangement))


def _value(arrangement: Arrangement, measure: Measure) -> Value | None:
    [line] = panel_of(arrangement, measure).lines
    return next((value for _, value in line.measured), None)


def _tell(measure: Measure, value: Value) -> str:
    told = write_value(value, measure.quantity)
    if value.low == value.high:
        return told
    return f"{told} ({measure.quantity.format(value.low)} to {measure.quantity.format(value.high)} over repeats)"
