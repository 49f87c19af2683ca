"""What is compared of two runs, by the names in run.json.

`failures` are compared as their share of all requests. Of a scenario its iterations and the times of its steps are
compared as well.
"""

from collections.abc import Iterable
from typing import Final

from loadlab.profile.metrics import FAILED_REQUESTS, ITERATION_METRICS, STEP_SECTION, MetricName, split_metric
from loadlab.results.trial import TrialResult

RATE: Final = "requests_per_second"
CPU: Final = "target.cpu_ns_per_request"
MEMORY: Final = "target.pss_bytes"

TIMES: Final = ("response_ns.p50", "response_ns.p90", "response_ns.p99")
DELAYS: Final = ("delay_ns.p50", "delay_ns.p99")
OF_CLIENT: Final = ("cost_ns", "operation_ns", "run_ns")
"""A microbenchmark runs on the client's cores."""

OF_REQUESTS: Final = (RATE, CPU, *DELAYS, *TIMES, FAILED_REQUESTS, MEMORY)
_OF_ITERATIONS: Final = (RATE, "response_ns.p50", "response_ns.p99")
_OF_STEPS: Final = ("response_ns.p50", "response_ns.p99")
METRICS: Final = (
    *OF_REQUESTS,
    *(f"{ITERATION_METRICS}{figure}" for figure in _OF_ITERATIONS),
    *OF_CLIENT,
    "bytes_per_unit",
)
"""All of them but those of steps, which have names of their own."""


def metrics_of(trials: Iterable[TrialResult]) -> tuple[str, ...]:
    """Return what is compared of these trials."""
    steps = dict.fromkeys(kind.name for trial in trials for kind in trial.kinds if kind.level == "step")
    return (*METRICS, *(MetricName(STEP_SECTION, name, figure).full for name in steps for figure in _OF_STEPS))


def is_rate(metric: str) -> bool:
    """Return whether it is a throughput, of requests or of iterations."""
    return split_metric(metric).figure == RATE


def is_time(metric: str) -> bool:
    """Return whether it is a percentile of times, of requests, iterations or a step."""
    return split_metric(metric).figure in (*TIMES, *DELAYS)
