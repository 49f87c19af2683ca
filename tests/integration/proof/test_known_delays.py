"""A server that answers after delays of known distribution: the measured percentiles are those of its closed form.

How near they must be follows from three things, and nothing else is allowed for:

- The window cuts the row of delays at any place, so it holds whole cycles and two parts. Of the delays above the
  p-quantile each part may hold up to p (1 - p) cycles' worth more or less than its share; and the requests in flight,
  at most one for each connection, belong to another window than the one in which their delay was drawn. So the
  measured percentile lies between the quantiles of two probabilities near p.
- A time is never measured shorter than the delay was: the server counts from the reading of the request, which is after
  the client sent it. So the lower limit has no allowance but the histogram's resolution. A part that was left out, or
  a clock read too late at the beginning or too early at the end, falls below it.
- It is longer by the way there and back, by the lateness of the server, and by what the client itself added; the last
  the client measures, by the kernel's stamps. For the others there is an allowance, wide enough for a machine whose two
  cores are shared with two other busy processes. The upper limit still finds p95 in the place of p90, or a time that
  is counted twice. p99 has none: there, one request in a hundred waits for a core as long as the others please.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from loadlab.recording.histogram import Histogram

from ..cli.program import Program
from .measured import latencies, only_trial

MEAN_NS = 10_000_000
CYCLE = 200
RESOLUTION = 1e-3  # three significant digits
ALLOWANCE_NS = {50: 3_000_000, 90: 3_000_000, 99: math.inf}
PROFILE = """\
name: known-delay
target: {{server: known-delay, distribution: {distribution}, mean: 10000, cycle: 200}}
load: {{connections: {connections}, {model}warmup: 200ms, duration: 4s, workers: 1}}
"""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of the delays: the closed form of its quantiles, in ns."""

    name: str
    quantile: Callable[[float], float]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Load:
    """Who asks: so many connections, and in the open model a rate that they bear (by Little's law 15 are busy)."""

    connections: int
    model: str

    def __str__(self) -> str:
        return "open" if self.model else "closed"


DISTRIBUTIONS = (
    Distribution("exponential", lambda probability: -MEAN_NS * math.log(max(1 - probability, 1e-9))),
    Distribution("uniform", lambda probability: 2 * MEAN_NS * probability),
)
LOADS = (Load(16, ""), Load(32, "rate: 1500, "))


@pytest.mark.parametrize("load", LOADS, ids=str)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_service_times_are_the_delays(program: Program, distribution: Distribution, load: Load) -> None:
    ended = program.measure(
        PROFILE.format(distribution=distribution.name, connections=load.connections, model=load.model)
    )
    assert ended.code in (0, 3), ended.stderr  # a machine with other things to do makes it suspect, or invalid
    trial = only_trial(program)
    # None failed; where the load process had to wait for a core at the very end, some have not been sent.
    assert set(trial.outcomes) <= {"ok", "cut", "dropped"}
    assert trial.client_ns.p99 is not None
    measured = latencies(program)["service"]
    measured_at = measured.values_at(ALLOWANCE_NS)
    for percentile, allowance_ns in ALLOWANCE_NS.items():
        lowest, highest = probabilities(percentile / 100, measured, load.connections)
        at_least_ns = distribution.quantile(lowest) * (1 - RESOLUTION)
        longer_ns = trial.client_ns.p99 + allowance_ns
        at_most_ns = distribution.quantile(highest) * (1 + RESOLUTION) + longer_ns
        assert at_least_ns <= measured_at[percentile] <= at_most_ns, f"p{percentile}"


def probabilities(probability: float, measured: Histogram, connections: int) -> tuple[float, float]:
    """Return between which probabilities the delay at `probability` of a window lies; see above."""
    displaced = 2 * probability * (1 - probability) * CYCLE + connections
    return probability - displaced / measured.count, min(1.0, probability + displaced / measured.count)
