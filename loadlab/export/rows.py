"""One row for each trial, with its settings, figures, intervals and verdict: for spreadsheets and data frames.

The columns are the same for all runs of a kind, whatever was measured, so that the rows of several runs fit together.
Figures have their names in run.json; the ends of an interval are `<figure>.low` and `<figure>.high`. Behind them come
those of what a scenario calls by names of its own (requests, steps and checks), and of the machines of a cluster.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from loadlab.analysis.metrics import is_too_low, measured, times_of
from loadlab.analysis.summary import trustworthy_percentiles
from loadlab.analysis.verdict import throughput_is_lower_bound
from loadlab.export.machines import columns_of
from loadlab.profile.metrics import (
    CHECK_SECTION,
    FAILED_CHECKS,
    ITERATION_METRICS,
    KIND_SECTION,
    STEP_SECTION,
    MetricName,
    split_metric,
)
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadProtocol, Scalar, TrialResult

# Counted by one protocol only.
_OF_PROTOCOL: Final[Mapping[str, LoadProtocol]] = {
    "received_bytes": "events",
    "ended": "events",
    "unasked": "websocket",
    "pings": "websocket",
}
_OF_ITERATIONS: Final = ("requests", "failures", "outcomes.dropped", "outcomes.cut", "outcomes.script_error")
_COUNTS: Final = (
    *("requests", "failures", "outcomes.dropped", "outcomes.cut", "retried", "idle.alive", "idle.pings"),
    *_OF_PROTOCOL,
    *(f"{ITERATION_METRICS}{figure}" for figure in _OF_ITERATIONS),
    FAILED_CHECKS,
)
_COUNTS_BY_NAME: Final = ("requests", "failures")
_TIMES_BY_NAME: Final = ("response_ns.p50", "response_ns.p90", "response_ns.p99")
_TIMES: Final = ("response_ns", "service_ns", "delay_ns", "first_ns", "gap_ns")
_SETTING_UP: Final = ("connect_ns", "handshake_ns", "upgrade_ns")
_WITH_INTERVAL: Final = (
    "requests_per_second",
    *(f"{section}.{name}" for section in _TIMES for name in ("p50", "p90", "p99", "p99.9")),
    "target.cpu_ns_per_request",
    "client.cpu_ns_per_request",
    *(f"{ITERATION_METRICS}response_ns.{name}" for name in ("p50", "p90", "p99", "p99.9")),
)
_PLAIN: Final = (
    *(f"{section}.{name}" for section in _SETTING_UP for name in ("p50", "p99")),
    f"{ITERATION_METRICS}requests_per_second",
    "response_ns.mean",
    "response_ns.max",
    "offered_per_second",
    "target.rss_bytes",
    "target.pss_bytes",
    "connection_memory.bytes_per_connection",
)
_SECTIONS: Final = {"request": KIND_SECTION, "step": STEP_SECTION}
_WITHOUT_NETWORK: Final = ("cost_ns", "cost_ns_min", "overhead_ns", "operation_ns", "run_ns", "bytes_per_unit")
_IDENTITY: Final[Mapping[str, Callable[[TrialResult], Scalar]]] = {
    "state": lambda trial: trial.state,
    "reason": lambda trial: trial.reason,
    "verdict": lambda trial: trial.verdict.state if trial.state == "done" else None,
    "findings": lambda trial: " ".join(dict.fromkeys(finding.code for finding in trial.verdict.findings)),
    "speed.target": lambda trial: trial.speed.target,
    "speed.client": lambda trial: trial.speed.client,
}


def format_csv(document: RunDocument) -> str:
    """Return the rows as CSV (RFC 4180, but lines end with a line feed alone, as programs on Linux expect)."""
    rows = rows_of(document)
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns_of(document), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _spell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def format_json(document: RunDocument) -> str:
    """Return the rows as a JSON array of objects."""
    return json.dumps(rows_of(document), indent=1, allow_nan=False) + "\n"


def rows_of(document: RunDocument) -> list[dict[str, Scalar]]:
    """Return a row for each trial, in running order; None for what it does not have."""
    paths = _factor_paths(document.trials)
    named = [metric.full for metric in named_metrics(document)]
    by_machine = dict(columns_of(document.trials))

    def read(trial: TrialResult) -> dict[str, Scalar]:
        return _load_figures(trial, named) if _is_load(document) else _micro_figures(trial)

    def row_of(trial: TrialResult) -> dict[str, Scalar]:
        row: dict[str, Scalar] = {"trial": trial.id, "repeat": trial.repeat}
        row |= {"attempt": trial.attempt, "batch": trial.batch}
        row |= {path: trial.factors.get(path) for path in paths}
        row |= {name: value(trial) for name, value in _IDENTITY.items()} | read(trial)
        return row | {name: value(trial) for name, value in by_machine.items()}

    return [row_of(trial) for trial in document.trials]


def named_metrics(document: RunDocument) -> Iterator[MetricName]:
    """Yield the figures of what the scenarios of a run call by names of their own; none for other loads."""
    kinds: dict[tuple[str, str], None] = {}
    checks: dict[str, None] = {}
    for trial in document.trials:
        if trial.iterations is not None:
            kinds |= {(_SECTIONS[kind.level], kind.name): None for kind in trial.kinds if kind.level in _SECTIONS}
            checks |= {check.name: None for check in trial.checks}
    for section, name in kinds:
        yield from (MetricName(section, name, figure) for figure in (*_COUNTS_BY_NAME, *_TIMES_BY_NAME))
    for name in checks:
        yield from (MetricName(CHECK_SECTION, name, figure) for figure in ("passed", "failed"))


def shown_figure(trial: TrialResult, metric: str) -> float | None:
    """Return a figure as the page shows it: None where it says nothing about the target, or rests on too few samples.

    Counts are returned of any trial that was measured, as they may say why it has no figures.
    """
    if _OF_PROTOCOL.get(metric, trial.protocol) != trial.protocol:
        return None
    if metric == FAILED_CHECKS and trial.iterations is None:
        return None
    parts = split_metric(metric)
    of_name = parts.section == CHECK_SECTION or (parts.name and parts.figure in _COUNTS_BY_NAME)
    if metric in _COUNTS or of_name:
        return measured(metric, trial) if trial.window_ns else None
    if not trial.is_credible or is_too_low(metric, trial):
        return None
    times, name = times_of(metric, trial)
    if times is not None and name.startswith("p") and name not in trustworthy_percentiles(times.count):
        return None
    return measured(metric, trial)


def start_of(document: RunDocument) -> datetime | None:
    """Return when a run began, in UTC; None if that cannot be read."""
    try:
        return datetime.fromisoformat(document.started).astimezone(UTC)
    except ValueError:
        return None


def _load_figures(trial: TrialResult, named: Sequence[str]) -> dict[str, Scalar]:
    row: dict[str, Scalar] = {
        "load_model": trial.load_model,
        "protocol": trial.protocol,
        "rounds": len(trial.rounds) or 1,
        "window_ns": trial.window_ns,
    }
    row |= {metric: shown_figure(trial, metric) for metric in _COUNTS}
    for metric in _WITH_INTERVAL:
        value = shown_figure(trial, metric)
        low, high = trial.confidence.get(metric, (None, None)) if value is not None else (None, None)
        row |= {metric: value, f"{metric}.low": low, f"{metric}.high": high}
        if metric == "requests_per_second":
            row["is_lower_bound"] = None if value is None else throughput_is_lower_bound(trial)
    return row | {metric: shown_figure(trial, metric) for metric in (*_PLAIN, *named)}


def _micro_figures(trial: TrialResult) -> dict[str, Scalar]:
    return {metric: shown_figure(trial, metric) for metric in _WITHOUT_NETWORK}


def _columns_of(document: RunDocument) -> list[str]:
    """Return the columns, of a run without trials too."""
    rows = rows_of(document)
    if rows:
        return list(rows[0])
    empty = TrialResult.model_validate(
        {"id": "0", "repeat": 1, "factors": {}, "state": "failed", "verdict": {"state": "invalid"}}
    )
    return list(rows_of(document.model_copy(update={"trials": [empty]}))[0])


def _factor_paths(trials: Iterable[TrialResult]) -> list[str]:
    return list(dict.fromkeys(path for trial in trials for path in trial.factors))


def _is_load(document: RunDocument) -> bool:
    return (document.profile.get("kind") or "load") == "load"


def _spell(value: Scalar) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
