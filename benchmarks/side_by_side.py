"""Clients that do the same work side by side, for benchmarks: what each costs, and ratios in the same round."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.one_worker import Measured
from loadlab.processes import spawn


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of a client for one of what it does, in microseconds, and how many it does per second."""

    cpu_us: float
    rate: float

    def __str__(self) -> str:
        return f"{self.cpu_us:7.2f} us at {self.rate:,.0f}/s"


def cost_of(measured: Measured) -> Cost:
    """Return what a load worker costs."""
    usage = measured.usage
    return Cost((usage.cpu_user_ns + usage.cpu_system_ns) / measured.totals.outcomes["ok"] / 1e3, measured.rate)


def measure_client(module: str, arguments: Sequence[object], core: int) -> Cost:
    """Run the program of another client, which prints as a JSON list how many it did, CPU seconds and seconds."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with spawn(module, command, cpus=[core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        output = child.stdout.read().decode()
        if not output:
            sys.exit(f"{module} {child.describe_exit()}: {child.stderr_tail()}")
    count, cpu_seconds, wall_seconds = json.loads(output)
    return Cost(cpu_seconds / count * 1e6, count / wall_seconds)


def summarise(client: str, rounds: Sequence[dict[str, Cost]], measured: str) -> str:
    """Return a line on a client: medians, and how many times its cost the client `measured` takes in the same round."""
    costs = [costs[client] for costs in rounds]
    line = (
        f"{client:20} {statistics.median(cost.cpu_us for cost in costs):7.2f} us at "
        f"{statistics.median(cost.rate for cost in costs):,.0f}/s"
    )
    if client == measured:
        return line
    ratios = [each[measured].cpu_us / each[client].cpu_us for each in rounds]
    return (
        f"{line}; {measured} takes {statistics.median(ratios):.2f} times that "
        f"({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds)"
    )
