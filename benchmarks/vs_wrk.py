"""loadlab against wrk and its kin: CPU time per request of each client, in turn, against the same server.

    .venv/bin/python benchmarks/vs_wrk.py [--answers same unique ...] [--connections 64 1000] [--rounds 7] [--seconds 3]

The server (nginx with one worker process, or Node.js) is bound to the first core, the client to the second. Each round
runs every client once: wrk, loadlab's closed loop, and, where the server always answers with the same bytes, loadlab's
open model at half of wrk's throughput (without spinning, as that is CPU time spent on purpose), and of ab, hey and
locust those that are installed. For the others the CPU time is that of the whole process over all its requests; for
loadlab that of a load worker, started as an experiment starts it and recording all that an experiment records, over its
measured window, as the interpreter alone takes longer to start than wrk. Prints each round, then the medians of the
ratios to wrk in the same round. docs/benchmarks.md keeps the figures.
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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from loadlab.experiment.workers import format_request
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    Finished,
    LoadPart,
    OpenPacing,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    SlowSending,
    WeightedRequest,
)
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
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /same {{ return 200 "Hello, world!\n"; }}
        location /unique {{ add_header X-Request-Id $request_id; return 200 "$request_id says hello, world!\n"; }}
        location /file {{ alias {directory}/file; }}
    }}
}}
"""

# What a request costs Node.js itself is not the point, so there is no framework; its own fields are unique enough.
_NODE_PROGRAM = """
let number = 0;
require("http").createServer((request, response) => {{
    number += 1;
    const body = JSON.stringify({{id: number, name: "user " + number, tags: ["a", "b"], at: Date.now()}});
    const head = {{"ETag": `W/"${{number}}"`, "Content-Type": "application/json; charset=utf-8"}};
    if (request.url === "/close") head["Connection"] = "close";
    if (request.url !== "/chunked") head["Content-Length"] = Buffer.byteLength(body);
    response.writeHead(200, head);
    if (request.url === "/chunked") response.write(body.slice(0, 20)), response.end(body.slice(20));
    else response.end(body);
}}).listen({{port: {port}, host: "127.0.0.1", backlog: 4096}});
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers with: the server and the path that it is asked for."""

    about: str
    server: str
    path: str


_ANSWERS: Final = {
    "same": Answer("the same bytes each time", "nginx", "/same"),
    "unique": Answer("a unique X-Request-Id and body", "nginx", "/unique"),
    "json": Answer("a unique ETag, JSON body", "node", "/json"),
    "chunked": Answer("chunked, unique head", "node", "/chunked"),
    "file": Answer("100 kB body", "nginx", "/file"),
    "close": Answer("a connection for each request", "node", "/close"),
}
_FILE_BYTES: Final = 100_000


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


@dataclass(frozen=True, slots=True)
class Job:
    """What each client is to do, and on which core."""

    port: int
    path: str
    connections: int
    seconds: int
    core: int


# By client: its command line, and what its output says of the number of requests.
_COMMANDS: Final[dict[str, tuple[list[str], str]]] = {
    "wrk": (
        ["wrk", "-t1", "-c{connections}", "-d{seconds}s", "--latency", "http://127.0.0.1:{port}{path}"],
        r"(\d+) requests in",
    ),
    "ab": (
        ["ab", "-q", "-k", "-c{connections}", "-t{seconds}", "-n100000000", "http://127.0.0.1:{port}{path}"],
        r"Complete requests:\s+(\d+)",
    ),
    "hey": (
        ["hey", "-cpus=1", "-c={connections}", "-z={seconds}s", "http://127.0.0.1:{port}{path}"],
        r"\[200\]\s+(\d+) responses",
    ),
    "locust": (
        ["locust", "--headless", "--only-summary", "-f", "{file}", "-H", "http://127.0.0.1:{port}",
         "-u{connections}", "-r{connections}", "-t{seconds}s"],
        r"Aggregated\s+(\d+) ",
    ),
}  # fmt: skip
_OTHERS: Final = ("ab", "hey", "locust")
_LOCUST_FILE: Final = Path(__file__).parent / "locustfile.py"
_WARMUP_NS: Final = 300_000_000


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    answers = [_ANSWERS[name] for name in arguments.answers]
    for program in {"wrk", *(answer.server for answer in answers)}:
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt-get install {'nodejs' if program == 'node' else program}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores: one for the server, one for the client")
    others = [client for client in _OTHERS if shutil.which(client)]
    print(f"core 1: server, core 2: client; CPU time of the client per request; also installed: {', '.join(others)}")
    medians = []
    with ExitStack() as servers:
        ports = {
            server: servers.enter_context(_STARTS[server](arguments.port + number, cores[0]))
            for number, server in enumerate(sorted({answer.server for answer in answers}))
        }
        for answer in answers:
            for connections in arguments.connections:
                job = Job(ports[answer.server], answer.path, connections, arguments.seconds, cores[1])
                plain = answer.path == "/same"
                rounds = [
                    _run_round(job, others if plain else [], plain, number + 1) for number in range(arguments.rounds)
                ]
                medians += [_summarise(answer, connections, client, rounds) for client in rounds[0]]
    print("\n".join(medians))


def _summarise(answer: Answer, connections: int, client: str, rounds: Sequence[dict[str, Cost]]) -> str:
    ratios = [costs[client].total_us / costs["wrk"].total_us for costs in rounds]
    return (
        f"{answer.about} ({answer.server}), {connections} connections: {client:14} "
        f"{statistics.median(costs[client].total_us for costs in rounds):6.2f} us at "
        f"{statistics.median(costs[client].rate for costs in rounds):,.0f}/s, {statistics.median(ratios):.2f} x wrk "
        f"({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds)"
    )


def _run_round(job: Job, others: Sequence[str], open_model: bool, number: int) -> dict[str, Cost]:
    costs = {"wrk": measure_other("wrk", job)}
    costs["loadlab closed"] = measure_loadlab(job, None)
    if open_model:
        costs["loadlab open"] = measure_loadlab(job, costs["wrk"].rate / 2)
    costs |= {client: measure_other(client, job) for client in others}
    for client, cost in costs.items():
        print(f"{job.path:9} {job.connections:5} connections, round {number}: {client:14} {cost}", flush=True)
    return costs


def measure_other(client: str, job: Job) -> Cost:
    """Run another client once."""
    arguments, requests_line = _COMMANDS[client]
    command = [part.format(**asdict(job), file=_LOCUST_FILE) for part in arguments]
    with spawn(client, command, cpus=[job.core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        output = child.stdout.read().decode()
        # It has ended but is not reaped yet, so its counters are still there.
        usage = usage_between(read_group([], 0), read_group([child.pid], 1))
        output += child.stderr_tail(100)
    requests = sum(map(int, re.findall(requests_line, output)))
    if not requests:
        sys.exit(f"{client} reported no request:\n{output}")
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, requests / job.seconds)


def measure_loadlab(job: Job, rate: float | None) -> Cost:
    """Run one load worker once: in the open model at `rate` requests a second, or in the closed one."""
    duration_ns = job.seconds * 1_000_000_000
    part = LoadPart(
        share=0,
        shares=1,
        endpoint=Endpoint(("127.0.0.1", job.port), [(None, job.connections)]),
        requests=[WeightedRequest([format_request(f"127.0.0.1:{job.port}", job.path)], [200])],
        seed=0,
        pacing=ClosedPacing() if rate is None else OpenPacing([(duration_ns, rate, rate)], "constant", spin_ns=0),
        slow=SlowSending(all=False, connections=0, pace_ns=0),
        timeout_ns=5_000_000_000,
    )
    with LocalFleet([job.core]) as fleet:
        worker = _Worker(fleet)
        fleet.start_workers([part])
        worker.listen_until(Ready)
        start_ns = time.monotonic_ns() + _WARMUP_NS
        fleet.measure(Plan([PlannedWindow(time.time_ns() + _WARMUP_NS, _WARMUP_NS, duration_ns, 250_000_000)]))
        worker.listen_until(start_ns)
        before = read_group(fleet.worker_pids(), time.monotonic_ns())
        worker.listen_until(start_ns + duration_ns)
        usage = usage_between(before, read_group(fleet.worker_pids(), time.monotonic_ns()))
        worker.listen_until(Finished)
    requests = worker.totals.outcomes["ok"]
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, requests / job.seconds)


class _Worker:
    """What the one load worker of a fleet reports."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet = fleet
        self._kinds: set[type] = set()
        self.totals = Totals()

    def listen_until(self, what: type | int) -> None:
        """Add up what it reports, until it has sent a message of that type, or the monotonic clock reads so much."""
        while not self._has_come(what):
            left_ns = what - time.monotonic_ns() if isinstance(what, int) else 1_000_000_000
            for event in self._fleet.next_events(max(left_ns, 0) / 1e9):
                self._kinds.add(type(event.message))
                if isinstance(event.message, Recorded):
                    self.totals.add(Snapshot.from_bytes(event.message.snapshots[0]))

    def _has_come(self, what: type | int) -> bool:
        return time.monotonic_ns() >= what if isinstance(what, int) else what in self._kinds


@contextmanager
def _start_nginx(port: int, core: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # its worker is another user
        (Path(directory) / "file").write_bytes(b"0123456789" * (_FILE_BYTES // 10))
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(_NGINX_CONF.format(directory=directory, port=port))
        with _serving(["nginx", "-c", str(configuration)], port, core):
            yield port


@contextmanager
def _start_node(port: int, core: int) -> Iterator[int]:
    with _serving(["node", "-e", _NODE_PROGRAM.format(port=port)], port, core):
        yield port


_STARTS: Final = {"nginx": _start_nginx, "node": _start_node}


@contextmanager
def _serving(command: list[str], port: int, core: int) -> Iterator[None]:
    with spawn(command[0], command, cpus=[core]) as child:
        while True:
            if child.poll() is not None:
                sys.exit(f"{command[0]} {child.describe_exit()}: {child.stderr_tail()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per request of loadlab, wrk and others")
    parser.add_argument("--connections", type=int, nargs="+", default=[64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8099, help="where the first server listens (default %(default)s)")
    parser.add_argument("--answers", nargs="+", choices=_ANSWERS, default=list(_ANSWERS), help="kinds of answers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
