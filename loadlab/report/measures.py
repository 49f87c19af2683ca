"""The figures of a trial that a chart can show, by their names in run.json: `response_ns.p99`, `target.pss_bytes`.

Beside those names there are `kinds.<name>.<figure>` for one kind of request, `target.cpu_ns_per_request` for user and
system time together, and `failures` for all outcomes that are one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from loadlab.analysis.metrics import measured
from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.report.kinds import find_kind
from loadlab.report.quantities import Quantity, quantity_of
from loadlab.results.model import KindResult, LatencySummary, TrialResult

_KIND_METRIC: Final = re.compile(r"kinds\.(?P<kind>.+?)\.(?P<figure>(?:response_ns|service_ns|outcomes)\.[\w.]+|\w+)")
_MORE_IS_BETTER: Final = re.compile(r"requests|requests_per_second|.*\.(requests|requests_per_second|count|ok|alive)")
_TITLES: Final = {
    "requests_per_second": "Requests per second",
    "requests": "Requests answered",
    "failures": "Requests that failed",
    "cost_ns": "Cost",
    "cost_ns_min": "Least cost",
    "operation_ns": "Time of one operation: make ready, wait, read",
    "run_ns": "Time of a whole run of the chain",
    "bytes_per_unit": "Memory of one unit",
    "target.rss_bytes": "Memory of the target (RSS)",
    "target.pss_bytes": "Memory of the target (PSS)",
    "target.threads": "Threads of the target",
    "target.processes": "Processes of the target",
    "target.context_switches": "Context switches of the target",
    "target.context_switches_per_request": "Context switches of the target per request",
    "target.cpu_ns_per_request": "CPU time of the target per request",
    "target.cpu_user_ns_per_request": "User CPU time of the target per request",
    "target.cpu_system_ns_per_request": "System CPU time of the target per request",
}
_TIMES: Final = {
    "response_ns": "Response time",
    "service_ns": "Service time",
    "lateness_ns": "Lateness",
    "dispatch_ns": "Dispatch time",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a trial: its name in run.json, what it is called, how it is read, whether it rests on enough
    samples, and whether the greater is the better.
    """

    metric: str
    title: str
    quantity: Quantity
    read: Callable[[TrialResult], float | None]
    is_firm: Callable[[TrialResult], bool]
    more_is_better: bool

    @property
    def phrase(self) -> str:
        """The title within a sentence."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]

    def called(self, title: str) -> "Measure":
        """Return the same measure under another title."""
        return replace(self, title=title)


def measure_of(metric: str) -> Measure:
    """Return the measure of a metric. One that no trial has reads as None everywhere."""
    return Measure(
        metric=metric,
        title=_title(metric),
        quantity=quantity_of(metric),
        read=lambda trial: _read(trial, metric),
        is_firm=lambda trial: _is_firm(trial, metric),
        more_is_better=_MORE_IS_BETTER.fullmatch(metric) is not None,
    )


def _title(metric: str) -> str:
    if of_kind := _KIND_METRIC.fullmatch(metric):
        title = _title(of_kind["figure"])
        name, _, rest = title.partition(" (")
        return f"{name} of {of_kind['kind']} ({rest}" if rest else f"{name} of {of_kind['kind']}"
    section, _, name = metric.partition(".")
    if section in _TIMES and name:
        return f"{_TIMES[section]} ({name})"
    return _TITLES.get(metric, metric)


def _read(trial: TrialResult, metric: str) -> float | None:
    if metric == "target.cpu_ns_per_request":
        user, system = _read(trial, "target.cpu_user_ns_per_request"), _read(trial, "target.cpu_system_ns_per_request")
        return None if user is None or system is None else user + system
    if of_kind := _KIND_METRIC.fullmatch(metric):
        kind = find_kind(trial, of_kind["kind"])
        return _figure(kind, of_kind["figure"]) if kind else None
    return measured(metric, trial)


def _figure(result: KindResult | TrialResult, metric: str) -> float | None:
    section, _, name = metric.partition(".")
    found: object = getattr(result, section, None)
    if isinstance(found, dict):
        found = found.get(name, 0)
    elif name:
        found = getattr(found, name.replace(".", "_"), None)  # the attribute of "p99.9" is p99_9
    return found if isinstance(found, int | float) else None


def _is_firm(trial: TrialResult, metric: str) -> bool:
    """Whether a percentile has enough samples beyond it; whatever is no percentile has."""
    result: TrialResult | KindResult | None = trial
    if of_kind := _KIND_METRIC.fullmatch(metric):
        result, metric = find_kind(trial, of_kind["kind"]), of_kind["figure"]
    section, _, name = metric.partition(".")
    summary = getattr(result, section, None)
    if not isinstance(summary, LatencySummary) or not re.fullmatch(r"p\d+(\.\d+)?", name):
        return True
    return name in trustworthy_percentiles(summary.count)


THROUGHPUT: Final = measure_of("requests_per_second")
RESPONSE_P50: Final = measure_of("response_ns.p50").called("Median (p50)")
RESPONSE_P99: Final = measure_of("response_ns.p99").called("99th percentile (p99)")
CPU_USER: Final = measure_of("target.cpu_user_ns_per_request").called("User")
CPU_SYSTEM: Final = measure_of("target.cpu_system_ns_per_request").called("System (kernel)")
CPU_TOTAL: Final = measure_of("target.cpu_ns_per_request").called("User and system")
MEMORY_SHARED_FAIRLY: Final = measure_of("target.pss_bytes").called("Memory (PSS)")
MEMORY_RESIDENT: Final = measure_of("target.rss_bytes").called("Memory (RSS)")
SWITCHES: Final = measure_of("target.context_switches_per_request").called("Context switches per request")
COST: Final = measure_of("cost_ns")
RUN_OF_CHAIN: Final = measure_of("run_ns")
BYTES_PER_UNIT: Final = measure_of("bytes_per_unit")
