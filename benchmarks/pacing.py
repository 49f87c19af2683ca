"""The open model: how late requests leave, how that compares with the machine itself and wrk2, and up to what rate.

    .venv/bin/python -m benchmarks.pacing [--rates 1000 20000 45000] [--spins 1ms 100us 0] [--rounds 5] [--seconds 3]

nginx has the first core, the client the second: one load worker, started as an experiment starts it. Each round also
runs

- a loop that does nothing but read the clock, on both cores at once. Where it stands still, the machine does: another
  process runs, or the hypervisor has the core. "machine" is how late a perfect client on that core would have been, at
  the same rate;
- wrk2 at the same rate with one thread, where it is on the PATH.

Prints each round, then for each rate and spin the medians of the lateness and of the response times, and the highest
rate that one core holds: at least 99 of 100 requests on time to within a millisecond, and all answered.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.one_worker import Measured, measure_worker, open_pacing
from benchmarks.servers import ANSWERS, start_nginx
from loadlab.fleet.messages import WeightedRequest
from loadlab.processes import Child, spawn
from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import Metric
from loadlab.units import format_duration_ns, parse_duration_ns

_PATH: Final = ANSWERS["same"].path
_ON_TIME_NS: Final = 1_000_000
_SHOWN: Final = (50.0, 99.0, 99.9)
_UNIT_NS: Final = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}

Percentiles = dict[float, int]


@dataclass(frozen=True, slots=True)
class Round:
    """What was seen at one rate: times by percentile, in ns; `wrk2` has its response times."""

    lateness: Percentiles
    response: Percentiles
    machine: Percentiles
    wrk2: Percentiles | None
    run_queue_wait_ns: int
    busy: float
    held: bool


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores: one for the server, one for the client")
    if shutil.which("nginx") is None:
        sys.exit("nginx is missing: apt-get install nginx")
    medians, highest = [], 0
    with start_nginx(arguments.port, cores[0]) as port:
        for rate in arguments.rates:
            for spin in arguments.spins:
                rounds = []
                for _ in range(arguments.rounds):
                    rounds.append(_run_round(rate, spin, port, cores, arguments))
                    print(f"{rate:7,}/s, spin {spin}: {_line(rounds[-1:])}", flush=True)
                medians.append(f"{rate:9,} {spin:>6}   {_line(rounds)}")
                if sum(each.held for each in rounds) * 2 > len(rounds):
                    highest = max(highest, rate)
    columns = [f"{what} p{percentile:g}" for what in ("late", "machine", "response") for percentile in _SHOWN]
    print(
        "\nmedians of", arguments.rounds, "rounds:", ", ".join(columns), "; of wrk2's response times where it is here"
    )
    print("\n".join(medians))
    print(f"highest rate held by one core, of those measured: {highest:,}/s")


def _run_round(rate: int, spin: str, port: int, cores: Sequence[int], arguments: argparse.Namespace) -> Round:
    seconds, connections = arguments.seconds, arguments.connections
    request = WeightedRequest([f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()], [200])
    pacing = open_pacing(rate, seconds, parse_duration_ns(spin))
    measured = measure_worker(cores[1], port, request, connections, pacing, seconds)
    lateness = measured.totals.histograms[Metric.LATENESS].values_at(_SHOWN)
    return Round(
        lateness,
        measured.totals.histograms[Metric.RESPONSE].values_at(_SHOWN),
        measure_machine(rate, seconds, cores),
        measure_wrk2(rate, port, cores[1], connections, seconds),
        measured.usage.run_queue_wait_ns,
        (measured.usage.cpu_user_ns + measured.usage.cpu_system_ns) / measured.usage.window_ns,
        lateness[99.0] <= _ON_TIME_NS and _all_answered(measured, rate),
    )


def _all_answered(measured: Measured, rate: float) -> bool:
    due = rate * measured.seconds
    return measured.totals.outcomes["ok"] >= 0.999 * due and measured.unanswered <= 0.001 * due


# What a process does that only wants to be on time. It prints its gaps of more than 5 us: when each began and ended.
_CLOCK_READER: Final = """
import json, sys, time
clock, gaps = time.monotonic_ns, []
last = start = clock()
end = start + int(sys.argv[1])
while last < end:
    now = clock()
    if now - last > 5_000:
        gaps.append((last - start, now - start))
    last = now
json.dump(gaps, sys.stdout)
"""


def measure_machine(rate: int, seconds: float, cores: Sequence[int]) -> Percentiles:
    """Return how late a perfect client on the last of `cores` would be; the others are kept as busy meanwhile."""
    command = [sys.executable, "-c", _CLOCK_READER, str(round(seconds * 1e9))]
    with ExitStack() as standing:
        readers = [
            standing.enter_context(spawn("clock reader", command, cpus=[core], stdout=subprocess.PIPE))
            for core in cores
        ]
        gaps = [json.loads(_output_of(reader)) for reader in readers][-1]
    return lateness_of_gaps(gaps, rate, seconds)


def lateness_of_gaps(gaps: Sequence[tuple[int, int]], rate: float, seconds: float) -> Percentiles:
    """Return the lateness of evenly spaced requests, by percentile, if each that falls into a gap leaves at its end."""
    every_ns, lateness = 1e9 / rate, Histogram()
    for start_ns, end_ns in gaps:
        first, last = -(-start_ns // every_ns), end_ns // every_ns
        lateness.fold([round(end_ns - number * every_ns) for number in range(int(first), int(last) + 1)])
    lateness.add(0, round(rate * seconds) - lateness.count)
    return lateness.values_at(_SHOWN)


def measure_wrk2(rate: int, port: int, core: int, connections: int, seconds: float) -> Percentiles | None:
    """Return wrk2's response times by percentile, None if it is not on the PATH."""
    if shutil.which("wrk2") is None:
        return None
    command = ["wrk2", "-t1", f"-c{connections}", f"-d{round(seconds)}s", f"-R{rate}", "--latency"]
    with spawn("wrk2", [*command, f"http://127.0.0.1:{port}{_PATH}"], cpus=[core], stdout=subprocess.PIPE) as child:
        return read_wrk2(_output_of(child).decode())


def read_wrk2(output: str) -> Percentiles:
    """Return the response times by percentile that wrk2 printed."""
    rows = re.findall(r"^\s*(\d+\.\d+)%\s+(\d+\.\d+)(us|ms|s|m)\s*$", output, re.MULTILINE)
    times = {float(percentile): round(float(number) * _UNIT_NS[unit]) for percentile, number, unit in rows}
    return {percentile: times[percentile] for percentile in _SHOWN}


def _output_of(child: Child) -> bytes:
    assert child.stdout is not None
    return child.stdout.read()


def _line(rounds: Sequence[Round]) -> str:
    groups = [_medians([each.lateness for each in rounds]), _medians([each.machine for each in rounds])]
    groups.append(_medians([each.response for each in rounds]))
    if wrk2 := [each.wrk2 for each in rounds if each.wrk2 is not None]:
        groups.append(_medians(wrk2))
    waited_ns = round(statistics.median(each.run_queue_wait_ns for each in rounds))
    busy = statistics.median(each.busy for each in rounds)
    held = sum(each.held for each in rounds)
    return f"{' |'.join(groups)} | waited for the core {format_duration_ns(waited_ns)}, {busy:.0%} busy, held {held}"


def _medians(times: Sequence[Percentiles]) -> str:
    medians = [round(statistics.median(each[percentile] for each in times)) for percentile in _SHOWN]
    return " ".join(f"{format_duration_ns(median):>8}" for median in medians)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="lateness of requests in the open model")
    parser.add_argument("--rates", type=int, nargs="+", default=[1_000, 10_000, 20_000, 45_000, 60_000, 75_000, 90_000])
    parser.add_argument("--spins", nargs="+", default=["1ms"])
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--port", type=int, default=8098, help="where nginx listens (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
