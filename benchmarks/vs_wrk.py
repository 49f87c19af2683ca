"""loadlab against wrk and its kin: CPU time per request of each client, in turn, against the same server.

    .venv/bin/python -m benchmarks.vs_wrk [--answers same unique ...] [--connections 64 1000] [--rounds 7] [--seconds 3]

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
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.one_worker import measure_worker, open_pacing
from benchmarks.servers import ANSWERS, NGINX_WITH_TLS, STARTS, Answer
from loadlab.fleet.messages import ClosedPacing, WeightedRequest
from loadlab.probes.procfs import read_group, usage_between
from loadlab.processes import spawn
from loadlab.results.probe_data import ProcessUsage
from loadlab.tls import TlsSettings


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
    posted_bytes: int
    connections: int
    seconds: int
    core: int
    over_tls: bool

    @property
    def url(self) -> str:
        """What to ask for."""
        return f"http{'s' if self.over_tls else ''}://127.0.0.1:{self.port}{self.path}"


# By client: its command line, and what its output says of the number of requests.
_COMMANDS: Final[dict[str, tuple[list[str], str]]] = {
    "wrk": (
        ["wrk", "-t1", "-c{connections}", "-d{seconds}s", "--latency", "{url}"],
        r"(\d+) requests in",
    ),
    "ab": (
        ["ab", "-q", "-k", "-c{connections}", "-t{seconds}", "-n100000000", "{url}"],
        r"Complete requests:\s+(\d+)",
    ),
    "hey": (
        ["hey", "-cpus=1", "-c={connections}", "-z={seconds}s", "{url}"],
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
_METHODS: Final = ("GET", "POST")
_POSTING: Final = 'wrk.method = "POST"\nwrk.body = string.rep("x", {posted_bytes})\n'


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    answers = [ANSWERS[name] for name in arguments.answers]
    for program in {"wrk", *(answer.server.removesuffix("-tls") for answer in answers)}:
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
            server: servers.enter_context(STARTS[server](arguments.port + number, cores[0]))
            for number, server in enumerate(sorted({answer.server for answer in answers}))
        }
        for answer in answers:
            for connections in arguments.connections:
                job = Job(
                    ports[answer.server],
                    answer.path,
                    answer.posted_bytes,
                    connections,
                    arguments.seconds,
                    cores[1],
                    answer.server == NGINX_WITH_TLS,
                )
                plain = answer is ANSWERS["same"]
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
        what = f"{_METHODS[bool(job.posted_bytes)]} {job.path}{' (TLS)' if job.over_tls else ''}"
        print(f"{what:16} {job.connections:5} connections, round {number}: {client:14} {cost}", flush=True)
    return costs


def measure_other(client: str, job: Job) -> Cost:
    """Run another client once."""
    arguments, requests_line = _COMMANDS[client]
    command = [part.format(**asdict(job), url=job.url, file=_LOCUST_FILE) for part in arguments]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if job.posted_bytes:
            assert client == "wrk", "only wrk is given a body"
            script.write(_POSTING.format(posted_bytes=job.posted_bytes))
            script.flush()
            command[1:1] = ["-s", script.name]
        output, usage = _run(client, command, job.core)
    requests = sum(map(int, re.findall(requests_line, output)))
    if not requests:
        sys.exit(f"{client} reported no request:\n{output}")
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, requests / job.seconds)


def _run(name: str, command: Sequence[str], core: int) -> tuple[str, ProcessUsage]:
    """Run a client to its end; return what it printed and used."""
    with spawn(name, command, cpus=[core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        output = child.stdout.read().decode()
        # It has ended but is not reaped yet, so its counters are still there.
        usage = usage_between(read_group([], 0), read_group([child.pid], 1))
        output += child.stderr_tail(100)
    return output, usage


def measure_loadlab(job: Job, rate: float | None) -> Cost:
    """Run one load worker once: in the open model at `rate` requests a second, or in the closed one."""
    pacing = ClosedPacing() if rate is None else open_pacing(rate, job.seconds, spin_ns=0)
    tls = TlsSettings("localhost", verify=False) if job.over_tls else None  # wrk does not verify either
    measured = measure_worker(job.core, job.port, _request(job), job.connections, pacing, job.seconds, tls)
    requests = measured.totals.outcomes["ok"]
    usage = measured.usage
    return Cost(usage.cpu_user_ns / requests / 1e3, usage.cpu_system_ns / requests / 1e3, measured.rate)


def _request(job: Job) -> WeightedRequest:
    method = _METHODS[bool(job.posted_bytes)]
    length = f"Content-Length: {job.posted_bytes}\r\n" if job.posted_bytes else ""
    head = f"{method} {job.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n{length}\r\n"
    return WeightedRequest([head.encode() + b"x" * job.posted_bytes], [200], method=method)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per request of loadlab, wrk and others")
    parser.add_argument("--connections", type=int, nargs="+", default=[64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8099, help="where the first server listens (default %(default)s)")
    parser.add_argument("--answers", nargs="+", choices=ANSWERS, default=list(ANSWERS), help="kinds of answers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
