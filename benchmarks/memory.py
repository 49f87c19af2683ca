"""A load worker's memory from its first requests to its last: it must not grow with their number.

    .venv/bin/python benchmarks/memory.py [--requests 10M] [--stretch 1M] [--connections 64]

One load worker, started as an experiment starts it and recording all that an experiment records, sends that many
requests to the bundled epoll server; each has a core of its own. Prints the worker's resident memory, read four times a
second, as the mean over each stretch of requests. Ends with code 1 if that of the last is 5 % above the first, or more.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Final

from loadlab.experiment.parts import format_request
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    LoadPart,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    SlowSending,
    WeightedRequest,
)
from loadlab.probes.procfs import read_process
from loadlab.profile.address import socket_address
from loadlab.recording.recorder import Snapshot
from loadlab.targets import find_target, launch
from loadlab.units import parse_count

_MOST_GROWTH: Final = 0.05
_INTERVAL_NS: Final = 250_000_000
_DAY_NS: Final = 24 * 3_600_000_000_000


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    first_bytes = growth = 0.0
    with closing(_readings(arguments.connections)) as readings:
        for limit in range(arguments.stretch, arguments.requests + 1, arguments.stretch):
            mean_bytes = statistics.fmean(_until(limit, readings))
            first_bytes = first_bytes or mean_bytes
            growth = mean_bytes / first_bytes - 1
            print(f"up to {limit:11,} requests: {mean_bytes / 2**20:7.2f} MiB ({growth:+.2%})", flush=True)
    if growth >= _MOST_GROWTH:
        sys.exit(f"the load worker's memory grew by {growth:.2%}; less than {_MOST_GROWTH:.0%} is expected")


def _until(limit: int, readings: Iterator[tuple[int, int]]) -> Iterator[int]:
    """Yield the memory of each reading, up to the one at which so many requests are answered."""
    for answered, rss_bytes in readings:
        yield rss_bytes
        if answered >= limit:
            return


def _readings(connections: int) -> Generator[tuple[int, int], None, None]:
    """Run a load worker until closed; yield, each interval, the requests answered and its resident memory in bytes."""
    cores = sorted(os.sched_getaffinity(0))
    with launch(find_target("epoll"), cpus=cores[:1]) as target, LocalFleet(cores[-1:]) as fleet:
        part = LoadPart(
            share=0,
            shares=1,
            endpoint=Endpoint(socket_address(target.address), [(None, connections)]),
            requests=[WeightedRequest([format_request(target.authority, "/hello")], [200])],
            seed=0,
            pacing=ClosedPacing(),
            slow=SlowSending(all=False, connections=0, pace_ns=0),
            timeout_ns=5_000_000_000,
        )
        fleet.start_workers([part])
        (pid,) = fleet.worker_pids()
        answered = 0
        while True:
            for event in fleet.next_events(1.0):
                match event.message:
                    case Ready():
                        # It is ended before its window is.
                        fleet.measure(Plan([PlannedWindow(time.time_ns(), 0, _DAY_NS, _INTERVAL_NS)]))
                    case Recorded(snapshots):
                        answered += Snapshot.from_bytes(snapshots[0]).outcomes["ok"]
                        if (reading := read_process(pid)) is not None:
                            yield answered, reading.rss_bytes


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="the memory of a load worker over many requests")
    parser.add_argument("--requests", type=parse_count, default="10M")
    parser.add_argument("--stretch", type=parse_count, default="1M")
    parser.add_argument("--connections", type=int, default=64)
    return parser.parse_args()


if __name__ == "__main__":
    main()
