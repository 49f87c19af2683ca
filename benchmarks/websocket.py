"""WebSockets: CPU time of the client per round trip, beside Python's `websockets` and loadlab's own HTTP; opening many.

    .venv/bin/python -m benchmarks.websocket [--connections 64] [--rounds 7] [--seconds 2] [--idle 19000]

The bundled server coroutine is bound to the first core, the client to the second. Each round runs every client once
against the same server: loadlab over WebSockets, loadlab over HTTP, and the client of `websockets` (asyncio, without
compression), each with so many connections that send again as soon as their answer is there. The CPU time is that of
the client's process over its measured window; loadlab's is a load worker, started as an experiment starts it and
recording all that an experiment records. Then so many idle WebSockets are opened, once a round. Prints each round, then
medians and ratios in the same round. docs/benchmarks.md keeps the figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.one_worker import measure_part
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.profile import make_profile
from loadlab.experiment.parts import load_parts
from loadlab.fleet.division import Share
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.processes import spawn
from loadlab.profile.address import TcpAddress, authority_of
from loadlab.targets import find_target, launch
from loadlab.units import parse_count

_MESSAGE: Final = "hello"
_WEBSOCKET: Final = "loadlab, WebSocket"
_HTTP: Final = "loadlab, HTTP"
_OTHER: Final = "Python's websockets"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of a client per round trip in microseconds, and round trips per second."""

    cpu_us: float
    rate: float

    def __str__(self) -> str:
        return f"{self.cpu_us:6.2f} us at {self.rate:,.0f}/s"


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores: one for the server, one for the client")
    rounds = []
    with launch(find_target("coroutine"), cpus=cores[:1]) as server:
        for number in range(1, arguments.rounds + 1):
            rounds.append(_run_round(server.address, arguments.connections, arguments.seconds, cores[1]))
            for client, cost in rounds[-1].items():
                print(f"round {number}: {client:20} {cost}", flush=True)
    openings = [_seconds_to_open(arguments.idle, cores) for _ in range(arguments.rounds)] if arguments.idle else []
    for client in (_WEBSOCKET, _OTHER, _HTTP):
        print(_summary(client, rounds))
    if openings:
        print(
            f"opening {arguments.idle:,} WebSockets: {statistics.median(openings):.2f} s "
            f"({min(openings):.2f} to {max(openings):.2f} over {len(openings)} times)"
        )


def _run_round(address: TcpAddress, connections: int, seconds: float, core: int) -> dict[str, Cost]:
    place = f"127.0.0.1:{address.port}"
    return {
        _WEBSOCKET: _measure_loadlab(f"ws://{place}/echo", address, connections, seconds, core),
        _OTHER: _measure_websockets(f"ws://{place}/echo", connections, seconds, core),
        _HTTP: _measure_loadlab(f"http://{place}/hello", address, connections, seconds, core),
    }


def _measure_loadlab(url: str, address: TcpAddress, connections: int, seconds: float, core: int) -> Cost:
    """Run one load worker with the load of `loadlab hit URL`."""
    message = _MESSAGE if url.startswith("ws:") else None
    profile = make_profile(HitOptions(url, connections=str(connections), message=message)).profile
    share: Share = [(None, connections)]
    [part] = load_parts(profile, address, authority_of(address), 0, STAMPED_EVERY, [share])
    measured = measure_part(core, part, seconds)
    usage = measured.usage
    round_trips = measured.totals.outcomes["ok"]
    return Cost((usage.cpu_user_ns + usage.cpu_system_ns) / round_trips / 1e3, measured.rate)


def _measure_websockets(url: str, connections: int, seconds: float, core: int) -> Cost:
    arguments = [url, _MESSAGE, str(connections), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.websockets_client", *arguments]
    with spawn("websockets", command, cpus=[core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        output = child.stdout.read().decode()
        if not output:
            sys.exit(f"the client of websockets {child.describe_exit()}: {child.stderr_tail()}")
    round_trips, cpu_seconds, wall_seconds = json.loads(output)
    return Cost(cpu_seconds / round_trips * 1e6, round_trips / wall_seconds)


def _seconds_to_open(count: int, cores: Sequence[int]) -> float:
    """Return how long `loadlab hit` takes to open so many idle WebSockets to a server that has just started."""
    with launch(find_target("coroutine"), cpus=cores[:1]) as server:
        url = f"ws://127.0.0.1:{server.address.port}/echo"
        command = ["hit", url, "--idle", str(count), "-c", "1", "-z", "100ms", "--json"]
        shown = subprocess.run([sys.executable, "-m", "loadlab", *command], capture_output=True, text=True, check=False)
    idle = json.loads(shown.stdout)["trials"][0]["idle"] if shown.stdout else None
    if not idle or idle["opened"] < count:
        sys.exit(f"the idle WebSockets could not be opened: {idle or shown.stderr}")
    seconds: float = idle["open_seconds"]
    print(f"opening {count:,} WebSockets: {seconds:.2f} s", flush=True)
    return seconds


def _summary(client: str, rounds: Sequence[dict[str, Cost]]) -> str:
    costs = [costs[client] for costs in rounds]
    line = (
        f"{client:20} {statistics.median(cost.cpu_us for cost in costs):6.2f} us at "
        f"{statistics.median(cost.rate for cost in costs):,.0f}/s"
    )
    if client == _WEBSOCKET:
        return line
    ratios = [each[_WEBSOCKET].cpu_us / each[client].cpu_us for each in rounds]
    return (
        f"{line}; loadlab's WebSocket takes {statistics.median(ratios):.2f} times that "
        f"({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds)"
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per WebSocket round trip of loadlab and Python's websockets")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--idle", type=parse_count, default="19k", help="idle WebSockets to open, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
