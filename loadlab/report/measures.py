"""The figures of a trial by their names in run.json: what each is called, and how its values are written."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from loadlab.analysis.metrics import is_too_low, measured
from loadlab.analysis.verdict import throughput_is_lower_bound, trustworthy_percentiles
from loadlab.profile.metrics import (
    CHECK_SECTION,
    FAILED_CHECKS,
    ITERATION_SECTION,
    STEP_SECTION,
    Dimension,
    more_is_better,
    split_metric,
)
from loadlab.report.layout import metric_in
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import ITERATIONS_OF_A_SCENARIO, REQUESTS, STEPS_OF_A_SCENARIO, Vocabulary
from loadlab.units import format_count, format_duration_ns, format_rate, format_share, format_size_bytes

_PERCENTILE: Final = re.compile(r"(?P<summary>.+_ns)\.(?P<name>p[\d.]+)")
_TITLES: Final = {
    "requests_per_second": "{Many} per second",
    "offered_per_second": "Offered {many} per second",
    "requests": "{Many} {answered}",
    "received_bytes": "Bytes of events",
    "ended": "Streams ended by the server",
    "unasked": "Messages that nothing had asked for",
    "pings": "Pings answered",
    "failures": "{Many} that failed",
    FAILED_CHECKS: "Checks that failed",
    "outcomes.dropped": "{Many} never sent (dropped)",
    "outcomes.cut": "{Many} in flight at the end (cut)",
    "cost_ns": "Cost",
    "cost_ns_min": "Least cost",
    "operation_ns": "Time of one operation: make ready, wait, read",
    "run_ns": "Time of a complete chain of events",
    "bytes_per_unit": "Memory of one unit",
    "connection_memory.bytes_per_connection": "Memory of one {idle}",
    "target.rss_bytes": "Memory of the target (RSS)",
    "target.pss_bytes": "Memory of the target (PSS)",
    "target.threads": "Threads of the target",
    "target.processes": "Processes of the target",
    "target.context_switches": "Context switches of the target",
    "target.context_switches_per_request": "Context switches of the target per {one}",
    "target.run_queue_wait_ns_per_request": "Run-queue wait of the target per {one}",
    "target.cpu_ns_per_request": "CPU time of the target per {one}",
    "target.cpu_user_ns_per_request": "User CPU time of the target per {one}",
    "target.cpu_system_ns_per_request": "System CPU time of the target per {one}",
}
_TIMES: Final = {
    "response_ns": "{Time}",
    "service_ns": "Service time",
    "lateness_ns": "Lateness",
    "wire_ns": "Server and wire",
    "dispatch_ns": "Dispatch",
    "client_ns": "Time added by the client",
    "connect_ns": "Time to connect",
    "handshake_ns": "TLS handshake",
    "upgrade_ns": "WebSocket upgrade",
    "first_ns": "Time to the {first}",
    "gap_ns": "Time between {pieces}",
    "delay_ns": "Delivery delay",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """How the values of a chart are written, in full and on a tick, and the spread from which its axis is logarithmic.

    `unit` stands behind a value; a rate is one whatever it counts, so quantities that differ by it alone are equal.
    Falling rates read best from zero, until the low ones lie on the axis; times are compared as multiples. `base`
    is what round numbers are made of: a size is round in powers of 2. `lowest` and `highest` are words for extremes.
    Rates of something else than what a trial counts name it as `of`, and are not equal to others.
    """

    format: Callable[[float], str]
    format_tick: Callable[[float], str]
    log_from_ratio: float
    unit: str = field(default="", compare=False)
    base: Literal[2, 10] = 10
    lowest: str = "lowest"
    highest: str = "highest"
    of: str = ""

    def format_with_unit(self, value: float) -> str:
        """A value that stands alone."""
        return f"{self.format(value)} {self.unit}".rstrip()


RATE: Final = Quantity(
    format_rate, format_count, log_from_ratio=100, unit="requests/s", lowest="slowest", highest="fastest"
)
# A scale of its own: an iteration of a scenario may have one request, or a hundred.
ITERATIONS: Final = replace(RATE, unit="iterations/s", of="iterations")
TIME: Final = Quantity(format_duration_ns, format_duration_ns, log_from_ratio=20, lowest="fastest", highest="slowest")
CPU_TIME: Final = replace(TIME, lowest="cheapest", highest="dearest")
SIZE: Final = Quantity(
    format_size_bytes, format_size_bytes, log_from_ratio=20, base=2, lowest="smallest", highest="largest"
)
SIZE_RATE: Final = replace(
    SIZE,
    format=lambda rate: f"{format_size_bytes(rate)}/s",
    format_tick=lambda rate: f"{format_size_bytes(rate)}/s",
    lowest="slowest",
    highest="fastest",
)
NUMBER: Final = Quantity(format_rate, format_count, log_from_ratio=100)
# Parts of a whole are compared with it, however small they are: always from zero.
SHARE: Final = Quantity(format_share, format_share, log_from_ratio=math.inf)


def quantity_of(metric: str) -> Quantity:
    """Return what a metric of run.json counts, by its name."""
    if metric.endswith("_per_second"):
        return RATE
    if "cpu_" in metric:
        return CPU_TIME
    # `bytes_per_unit` begins with its unit; all others end with it, or contain it.
    dimension = Dimension.SIZE if metric.startswith("bytes_") else Dimension.of(metric)
    return {Dimension.DURATION: TIME, Dimension.SIZE: SIZE, Dimension.NUMBER: NUMBER}[dimension]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a trial: its name in run.json, what it is called, how it is read, and whether more is better.

    `template` is its title with places for words of the vocabulary: those for requests until it is `worded`. `is_firm`
    returns whether it rests on enough samples, `is_lower_bound` whether the target could have reached more.
    """

    metric: str
    template: str
    quantity: Quantity
    read: Callable[[TrialResult], float | None]
    more_is_better: bool = False
    is_firm: Callable[[TrialResult], bool] = lambda _: True
    is_lower_bound: Callable[[TrialResult], bool] = lambda _: False
    words: Vocabulary = REQUESTS

    @property
    def title(self) -> str:
        """What it is called."""
        return self.words.fill(self.template)

    @property
    def subject(self) -> str:
        """What a sentence begins with: the title, in the singular."""
        return "Throughput" if self.template == _TITLES["requests_per_second"] else self.title

    @property
    def phrase(self) -> str:
        """The subject within a sentence."""
        return self.subject if self.subject[1:2].isupper() else self.subject[:1].lower() + self.subject[1:]

    def called(self, title: str) -> "Measure":
        """Return the same measure under another title, which stands as it is."""
        return replace(self, template=_as_it_is(title))

    def worded(self, words: Vocabulary) -> "Measure":
        """Return the same measure, called as what is counted is called, which is what rates are of.

        What is about the iterations of a scenario is so whatever the requests are called.
        """
        if self.words == ITERATIONS_OF_A_SCENARIO:
            return self
        quantity = replace(self.quantity, unit=f"{words.many}/s") if self.quantity == RATE else self.quantity
        return replace(self, words=words, quantity=quantity)


def measure_of(metric: str, template: str = "") -> Measure:
    """Return the measure of a metric, with a title of its own if there is one.

    A metric that no trial has reads as None everywhere.
    """
    of_iterations = split_metric(metric).section == ITERATION_SECTION
    quantity = quantity_of(metric)
    return Measure(
        metric=metric,
        template=template or _template(metric),
        quantity=ITERATIONS if of_iterations and quantity == RATE else quantity,
        words=ITERATIONS_OF_A_SCENARIO if of_iterations else REQUESTS,
        read=lambda trial: _read(trial, metric) if _is_firm(trial, metric) else None,
        more_is_better=more_is_better(metric),
        is_firm=lambda trial: _is_firm(trial, metric),
        is_lower_bound=throughput_is_lower_bound if metric.endswith("requests_per_second") else lambda _: False,
    )


def _template(metric: str) -> str:
    section, kind, figure = split_metric(metric)
    if section == ITERATION_SECTION:
        return _template(figure)
    if section == CHECK_SECTION:
        return f"Checks {figure}: {_as_it_is(kind)}"
    if kind:
        words = {STEP_SECTION: STEPS_OF_A_SCENARIO}.get(section)
        of_all = _as_it_is(words.fill(_template(figure))) if words else _template(figure)
        name, parenthesis, rest = of_all.partition(" (")
        return f"{name} of {_as_it_is(kind)}{parenthesis}{rest}"
    times, _, name = metric.partition(".")
    if times in _TIMES and name:
        return f"{_TIMES[times]} ({name})"
    return _TITLES.get(metric) or _as_it_is(metric)


def _as_it_is(text: str) -> str:
    """Return a template that any vocabulary leaves alone."""
    return text.replace("{", "{{").replace("}", "}}")


def _read(trial: TrialResult, metric: str) -> float | None:
    found = measured(metric_in(trial, metric), trial)
    if found is None and metric == "target.cpu_ns_per_request":
        # Runs from before it was kept have its parts.
        user, system = (measured(f"target.cpu_{part}_ns_per_request", trial) for part in ("user", "system"))
        return None if user is None or system is None else user + system
    return found


def _is_firm(trial: TrialResult, metric: str) -> bool:
    """Whether a percentile may be shown; true of any other figure, and of what was not measured."""
    percentile = _PERCENTILE.fullmatch(metric)
    count = _read(trial, f"{percentile['summary']}.count") if percentile else None
    if not percentile or not count:
        return True
    return percentile["name"] in trustworthy_percentiles(int(count)) and not is_too_low(metric_in(trial, metric), trial)


def _answered_share(trial: TrialResult) -> float | None:
    """None with a scenario, where the rate is that of its iterations."""
    if trial.requests_per_second is None or not trial.offered_per_second or trial.iterations is not None:
        return None
    return trial.requests_per_second / trial.offered_per_second


def _received_per_second(trial: TrialResult) -> float | None:
    return trial.received_bytes * 1e9 / trial.window_ns if trial.received_bytes else None


THROUGHPUT: Final = measure_of("requests_per_second")
ANSWERED_SHARE: Final = Measure(
    metric="requests_per_second / offered_per_second",
    template="Share of the offered rate that was answered",
    quantity=SHARE,
    read=_answered_share,
    more_is_better=True,
)
RESPONSE_P50: Final = measure_of("response_ns.p50")
RESPONSE_P99: Final = measure_of("response_ns.p99")
SERVICE_P50: Final = measure_of("service_ns.p50")
SERVICE_P99: Final = measure_of("service_ns.p99")
RECEIVED_PER_SECOND: Final = Measure(
    metric="received_bytes / window_ns",
    template="Bytes of events per second",
    quantity=SIZE_RATE,
    read=_received_per_second,
    more_is_better=True,
)
DELAY_P50: Final = measure_of("delay_ns.p50")
DELAY_P99: Final = measure_of("delay_ns.p99")
FIRST_P50: Final = measure_of("first_ns.p50")
FIRST_P99: Final = measure_of("first_ns.p99")
GAP_P50: Final = measure_of("gap_ns.p50")
GAP_P99: Final = measure_of("gap_ns.p99")
CLIENT_P99: Final = measure_of("client_ns.p99")
CPU_USER: Final = measure_of("target.cpu_user_ns_per_request").called("User")
CPU_SYSTEM: Final = measure_of("target.cpu_system_ns_per_request").called("System (kernel)")
CPU_TOTAL: Final = measure_of("target.cpu_ns_per_request")
MEMORY_PSS: Final = measure_of("target.pss_bytes").called("Memory (PSS)")
MEMORY_RSS: Final = measure_of("target.rss_bytes").called("Memory (RSS)")
SWITCHES: Final = measure_of("target.context_switches_per_request", "Context switches per {one}")
RUN_QUEUE_WAIT: Final = measure_of("target.run_queue_wait_ns_per_request", "Run-queue wait per {one}")
EVENTS_PER_WAIT: Final = Measure(
    metric="probes.syscalls.target.waits",
    template="Events returned per waiting call",
    quantity=NUMBER,
    read=lambda trial: trial.events_per_wait,
)
COST: Final = measure_of("cost_ns")
RUN_OF_CHAIN: Final = measure_of("run_ns")
BYTES_PER_UNIT: Final = measure_of("bytes_per_unit")
