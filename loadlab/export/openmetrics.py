"""OpenMetrics text: a gauge for each figure, labelled with the trial's settings.

For node_exporter's textfile collector, the Pushgateway, and whatever else reads Prometheus's formats; all metrics are
gauges without timestamps, so the text is valid in the older format, too. Times are in seconds, sizes in bytes. Series
are identified by settings and not by the number of a trial, which is another one in each run.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from loadlab.export.machines import figure_of
from loadlab.export.rows import named_metrics, shown_figure, start_of
from loadlab.profile.metrics import CHECK_SECTION, KIND_SECTION, STEP_SECTION
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Judgement

_NS: Final = 1e-9
_PREFIX: Final = "loadlab"
_OWN_LABELS: Final = (
    *("profile", "repeat", "percentile", "side", "outcome", "verdict", "expectation", "series"),
    *("request", "step", "check", "result", "machine"),
)


@dataclass(frozen=True, slots=True)
class _Gauge:
    """A family: its name, its help, and what of a trial it shows, as (metric, further labels); `scale` is its unit."""

    name: str
    about: str
    metrics: tuple[tuple[str, Mapping[str, str]], ...]
    scale: float = 1.0


_PERCENTILES: Final = ("p50", "p90", "p99", "p99.9")
_GAUGES: Final = (
    _Gauge(
        "requests_per_second", "Successful requests, round trips or events per second.", (("requests_per_second", {}),)
    ),
    _Gauge(
        "response_time_seconds",
        "Time from when a request was due to its complete response.",
        tuple((f"response_ns.{name}", {"percentile": name}) for name in _PERCENTILES),
        _NS,
    ),
    _Gauge(
        "service_time_seconds",
        "Time from when a request was sent to its complete response.",
        tuple((f"service_ns.{name}", {"percentile": name}) for name in _PERCENTILES),
        _NS,
    ),
    *(
        _Gauge(
            f"{name}_seconds", about, tuple((f"{section}.{each}", {"percentile": each}) for each in _PERCENTILES), _NS
        )
        for name, section, about in (
            ("delivery_delay", "delay_ns", "Time from when the server sent an event until it was read."),
            ("first", "first_ns", "Time from a request until the first event, or byte of the body, was read."),
            ("gap", "gap_ns", "Time between two events of a stream, or pieces of a body."),
            ("connect", "connect_ns", "Time to connect."),
            ("tls_handshake", "handshake_ns", "Time of the TLS handshake."),
            ("websocket_upgrade", "upgrade_ns", "Time of the WebSocket upgrade."),
        )
    ),
    *(
        _Gauge(name, about, ((metric, {}),))
        for name, metric, about in (
            ("received_bytes", "received_bytes", "Bytes of events in the window."),
            ("streams_ended", "ended", "Streams that the server ended in the window."),
            ("unasked_messages", "unasked", "Messages in the window that nothing had asked for."),
            (
                "idle_connection_bytes",
                "connection_memory.bytes_per_connection",
                "Memory of an idle connection, both ends.",
            ),
        )
    ),
    _Gauge(
        "iterations_per_second", "Iterations of the scenario per second.", (("iterations.requests_per_second", {}),)
    ),
    _Gauge(
        "iteration_time_seconds",
        "Time of an iteration of the scenario, in an open load from when it was due.",
        tuple((f"iterations.response_ns.{name}", {"percentile": name}) for name in _PERCENTILES),
        _NS,
    ),
    _Gauge(
        "cpu_seconds_per_request",
        "CPU time per request, user and system.",
        tuple((f"{side}.cpu_ns_per_request", {"side": side}) for side in ("target", "client")),
        _NS,
    ),
    _Gauge("target_memory_bytes", "Memory of the target at the end (PSS).", (("target.pss_bytes", {}),)),
    _Gauge("cost_seconds", "Time of one call, event or switch, without a network.", (("cost_ns", {}),), _NS),
    _Gauge("operation_seconds", "Time to make ready, wait and read, without a network.", (("operation_ns", {}),), _NS),
    _Gauge("unit_memory_bytes", "Memory of one unit of execution.", (("bytes_per_unit", {}),)),
)


_OF_MACHINES: Final[tuple[tuple[str, str, tuple[tuple[str, Mapping[str, str]], ...], float], ...]] = (
    ("requests_per_second", "Throughput of a client machine.", (("requests_per_second", {}),), 1.0),
    (
        "response_time_seconds",
        "Response time of the requests of a client machine.",
        tuple((f"response_ns.{name}", {"percentile": name}) for name in ("p50", "p99")),
        _NS,
    ),
    ("cpu_seconds_per_request", "CPU time of a client machine per request.", (("client.cpu_ns_per_request", {}),), _NS),
    ("clock_offset_seconds", "Clock of a client machine minus the coordinator's.", (("clock.offset_ns", {}),), _NS),
    ("clock_bound_seconds", "Bound of the error of that offset.", (("clock.bound_ns", {}),), _NS),
)


def format_openmetrics(document: RunDocument) -> str:
    """Return all figures of a run."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.openmetrics.exposition import generate_latest

    class Collector:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            for name, about, samples in _families(document):
                family = GaugeMetricFamily(f"{_PREFIX}_{name}", about)
                for labels, value in samples:
                    family.add_metric([], value)
                    family.samples[-1] = family.samples[-1]._replace(labels=labels)
                if family.samples:
                    yield family

    registry = CollectorRegistry()
    registry.register(Collector())
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


_Sample = tuple[dict[str, str], float]


def _families(document: RunDocument) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    labels = _labels_of(document)
    labelled = [(trial, labels[trial.id]) for trial in document.trials]
    for gauge in (*_GAUGES, *_gauges_by_name(document)):
        found = [
            (trial, metric, of_trial | dict(further), value)
            for trial, of_trial in labelled
            for metric, further in gauge.metrics
            if (value := shown_figure(trial, metric)) is not None
        ]
        yield gauge.name, gauge.about, [(all_labels, value * gauge.scale) for _, _, all_labels, value in found]
        for end, which in enumerate(("low", "high")):
            yield (
                f"{gauge.name}_{which}",
                f"{which.capitalize()} end of its 95 % interval.",
                [
                    (all_labels, trial.confidence[metric][end] * gauge.scale)
                    for trial, metric, all_labels, _ in found
                    if metric in trial.confidence
                ],
            )
    yield "requests", "Requests in the window, by how they ended.", [
        (of_trial | {"outcome": outcome}, float(count))
        for trial, of_trial in labelled
        for outcome, count in trial.outcomes.items()
    ]  # fmt: skip
    yield "iterations", "Iterations of the scenario in the window, by how they ended.", [
        (of_trial | {"outcome": outcome}, float(count))
        for trial, of_trial in labelled
        if trial.iterations is not None
        for outcome, count in trial.iterations.outcomes.items()
    ]  # fmt: skip
    yield "trial_verdict", "1 for the verdict on a trial, 0 for the others.", [
        (of_trial | {"verdict": verdict}, float(trial.verdict.state == verdict))
        for trial, of_trial in labelled
        for verdict in get_args(Judgement)
    ]  # fmt: skip
    yield from _machines(labelled)
    yield "expectation_met", "Whether an expectation was met.", list(_expectations(document, labelled))
    yield from _differences(document)
    if (started := start_of(document)) is not None:
        yield (
            "run_start_timestamp_seconds",
            "When the run began.",
            [({"profile": _name_of(document)}, started.timestamp())],
        )


def _machines(
    labelled: Sequence[tuple[TrialResult, dict[str, str]]],
) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    """Yield families for the machines that generated the load; they are empty without a cluster."""
    machines = [
        (trial, machine, of_trial | {"machine": machine.name})
        for trial, of_trial in labelled
        for machine in trial.machines
        if trial.window_ns
    ]
    for name, about, figures, scale in _OF_MACHINES:
        yield f"machine_{name}", about, [
            (labels | dict(further), value * scale)
            for trial, machine, labels in machines
            for figure, further in figures
            if (value := figure_of(trial, machine, figure)) is not None
        ]  # fmt: skip
    yield "machine_verdict", "1 for the verdict on a client machine, 0 for the others.", [
        (labels | {"verdict": verdict}, float(machine.verdict.state == verdict))
        for _, machine, labels in machines
        for verdict in get_args(Judgement)
    ]  # fmt: skip


def _gauges_by_name(document: RunDocument) -> Iterator[_Gauge]:
    """Yield families for what a scenario calls by names of its own; they are empty for other loads."""
    named = [*named_metrics(document)]
    for label, section in (("request", KIND_SECTION), ("step", STEP_SECTION)):
        of_section = [metric for metric in named if metric.section == section]
        times = [
            (metric.full, {label: metric.name, "percentile": metric.figure.removeprefix("response_ns.")})
            for metric in of_section
            if metric.figure.startswith("response_ns.")
        ]
        yield _Gauge(f"{label}_time_seconds", f"Time of a {label} of the scenario, by name.", tuple(times), _NS)
        for figure, name in (("requests", f"{label}s_by_name"), ("failures", f"{label}s_failed_by_name")):
            about = f"{label.capitalize()}s of the scenario, by name: {_ENDS[figure]}."
            counted = [(metric.full, {label: metric.name}) for metric in of_section if metric.figure == figure]
            yield _Gauge(name, about, tuple(counted))
    checks = [
        (metric.full, {"check": metric.name, "result": metric.figure})
        for metric in named
        if metric.section == CHECK_SECTION
    ]
    yield _Gauge("checks", "Checks of the scenario, by name and result.", tuple(checks))


_ENDS: Final = {"requests": "as expected", "failures": "failed"}


def _differences(document: RunDocument) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    """Yield by which part B differs from A in a comparison in the same seconds; nothing of other runs."""
    if document.ab is None:
        return
    found = [
        ({"profile": _name_of(document), "metric": each.metric}, each.change, each.interval)
        for each in document.ab.differences
        if each.change is not None and each.interval is not None
    ]
    yield "change_ratio", "By which part B differs from A.", [(labels, change) for labels, change, _ in found]
    for end, which in enumerate(("low", "high")):
        about = f"{which.capitalize()} end of its 95 % interval."
        yield f"change_ratio_{which}", about, [(labels, interval[end]) for labels, _, interval in found]


def _expectations(document: RunDocument, labelled: Iterable[tuple[TrialResult, dict[str, str]]]) -> Iterator[_Sample]:
    met: dict[tuple[tuple[str, str], ...], float] = {}
    for trial, of_trial in labelled:
        for each in trial.expectations:
            met[tuple((of_trial | {"expectation": each.text}).items())] = float(each.met)
    for each in document.expectations:
        labels = {"profile": _name_of(document), "series": each.series, "expectation": each.text}
        met[tuple(labels.items())] = float(each.met)
    yield from ((dict(labels), value) for labels, value in met.items())


def _labels_of(document: RunDocument) -> dict[str, dict[str, str]]:
    """Return the labels of each trial by its id: the profile, all swept values, and the repeat where there are any."""
    names = _label_names(dict.fromkeys(path for trial in document.trials for path in trial.factors))
    has_repeats = any(trial.repeat > 1 for trial in document.trials)
    return {
        trial.id: {"profile": _name_of(document)}
        | {names[path]: _spell(value) for path, value in trial.factors.items()}
        | ({"repeat": str(trial.repeat)} if has_repeats else {})
        for trial in document.trials
    }


def _label_names(paths: Iterable[str]) -> dict[str, str]:
    """Return a label for each path: `load_idle` for load.idle, with a number behind it where two would be equal."""
    found: dict[str, str] = {}
    for path in paths:
        plain = re.sub(r"[^a-zA-Z0-9_]", "_", path)
        label, number = plain, 1
        while label in (*found.values(), *_OWN_LABELS):
            number += 1
            label = f"{plain}_{number}"
        found[path] = label
    return found


def _name_of(document: RunDocument) -> str:
    return str(document.profile.get("name") or "loadlab")


def _spell(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
