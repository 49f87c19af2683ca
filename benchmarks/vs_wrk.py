"""loadlab's closed loop against wrk: CPU time per request of each, in turn, against the same nginx.

    python benchmarks/vs_wrk.py [--connections 64 1000] [--pairs 7] [--seconds 3]

nginx (one worker process) is bound to the first core, the client to the second. For wrk the CPU time is that of the
whole process over all its requests; it starts within two milliseconds. For loadlab it is that of a load worker, started
as an experiment starts it and recording all that an experiment records, over its measured window, as the interpreter
alone takes longer to start than wrk. Prints a line per pair, then the median of the pairs' ratios.
docs/benchmarks.md keeps the figures.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadlab.fleet.coordinator import Event, LocalFleet
from loadlab.fleet.messages import Finished, LoadPart, Ready, Recorded
from loadlab.probes.procfs import read_group, usage_between
from loadlab.processes import spawn
from loadlab.recording.recorder import Snapshot, Totals

_NGINX_CONF = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "Hello, world!\\n"; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time per request in microseconds, and requests per second."""

    user_us: float
    system_us: float
    rate: float

    @property
    def total_us(self) -> float:
        return self.user_us + self.system_us

    def __str__(self) -> str:
        return f"{self.total_us:5.2f} us ({self.user_us:.2f} user + {self.system_us:.2f} system) at {self.rate:,.0f}/s"


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    for program in ("nginx", "wrk"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt-get install {program}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores: one for nginx, one for the client")
    print("core 1: nginx, core 2: client; CPU time of the client per request")
    with _nginx(arguments.port, cores[0]):
        for connections in arguments.connections:
            ratios = []
            for pair in range(1, arguments.pairs + 1):
                wrk = measure_wrk(arguments.port, connections, arguments.seconds, cores[1])
                ours = measure_loadlab(arguments.port, connections, arguments.seconds, cores[1])
                ratios.append(ours.total_us / wrk.total_us)
                print(f"{connections:5} connections, pair {pair}: wrk {wrk}, loadlab {ours}: {ratios[-1]:.2f} x")
            print(
                f"{connections:5} connections: median {statistics.median(ratios):.2f} x wrk "
                f"(from {min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} pairs)"
            )


def measure_wrk(port: int, connections: int, seconds: int, core: int) -> Cost:
    """Run wrk once."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    with spawn("wrk", command, cpus=[core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        output = child.stdout.read().decode()
        # It has ended but is not reaped yet, so its counters are still there.
        usage = usage_between(read_group([], 0), read_group([child.pid], 1))
    requests = int(re.findall(r"(\d+) requests in", output)[0])
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, requests / seconds)


def measure_loadlab(port: int, connections: int, seconds: int, core: int) -> Cost:
    """Run one load worker once."""
    part = LoadPart(
        host="127.0.0.1",
        port=port,
        sources=[(None, connections)],
        kinds=[(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", 200, 1)],
        seed=0,
        senders="fast",
        slow_connections=0,
        pace_ns=0,
        timeout_ns=5_000_000_000,
        warmup_ns=300_000_000,
        duration_ns=seconds * 1_000_000_000,
        interval_ns=250_000_000,
    )
    with LocalFleet([core]) as fleet:
        fleet.start_workers([part])
        _listen_for(fleet, Ready)
        fleet.start_at(time.time_ns())
        time.sleep(part.warmup_ns / 1e9)
        before = read_group(fleet.worker_pids(), time.monotonic_ns())
        time.sleep(seconds)
        usage = usage_between(before, read_group(fleet.worker_pids(), time.monotonic_ns()))
        fleet.finish()
        events = _listen_for(fleet, Finished)
    totals = Totals()
    for event in events:
        if isinstance(event.message, Recorded):
            totals.add(Snapshot.from_plain(event.message.snapshots[0]))
    requests = totals.outcomes["ok"]
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, requests / seconds)


def _listen_for(fleet: LocalFleet, kind: type) -> list[Event]:
    events: list[Event] = []
    while not any(isinstance(event.message, kind) for event in events):
        events += fleet.next_events(1.0)
    return events


@contextmanager
def _nginx(port: int, core: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as directory:
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(_NGINX_CONF.format(directory=directory, port=port))
        with spawn("nginx", ["nginx", "-c", str(configuration)], cpus=[core]) as child:
            while True:
                if child.poll() is not None:
                    sys.exit(f"nginx {child.describe_exit()}: {child.stderr_tail()}")
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per request of wrk and loadlab against the same nginx")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 1000])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8099, help="where nginx listens (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
