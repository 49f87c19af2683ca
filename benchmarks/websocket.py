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
from typing import Final

from benchmarks.one_worker import measure_part
from benchmarks.side_by_side import Cost, cost_of, measure_client, summarise
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.profile import make_profile
from loadlab.experiment.parts import load_parts
from loadlab.fleet.division import Share
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.profile.address import TcpAddress, authority_of
from loadlab.targets import find_target, launch
from loadlab.units import parse_count

_CLIENT: Final = "benchmarks.websockets_client"
_MESSAGE: Final = "hello"
_WEBSOCKET: Final = "loadlab, WebSocket"
_HTTP: Final = "loadlab, HTTP"
_OTHER: Final = "Python's websockets"


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
        print(summarise(client, rounds, _WEBSOCKET))
    if openings:
        print(
            f"opening {arguments.idle:,} WebSockets: {statistics.median(openings):.2f} s "
            f"({min(openings):.2f} to {max(openings):.2f} over {len(openings)} times)"
        )


def _run_round(address: TcpAddress, connections: int, seconds: float, core: int) -> dict[str, Cost]:
    place = f"127.0.0.1:{address.port}"
    return {
        _WEBSOCKET: _measure_loadlab(f"ws://{place}/echo", address, connections, seconds, core),
        _OTHER: measure_client(_CLIENT, [f"ws://{place}/echo", _MESSAGE, connections, seconds], core),
        _HTTP: _measure_loadlab(f"http://{place}/hello", address, connections, seconds, core),
    }


def _measure_loadlab(url: str, address: TcpAddress, connections: int, seconds: float, core: int) -> Cost:
    """Run one load worker with the load of `loadlab hit URL`."""
    message = _MESSAGE if url.startswith("ws:") else None
    profile = make_profile(HitOptions(url, connections=str(connections), message=message)).profile
    share: Share = [(None, connections)]
    [part] = load_parts(profile, address, authority_of(address), 0, STAMPED_EVERY, [share])
    return cost_of(measure_part(core, part, seconds))


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


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per WebSocket round trip of loadlab and Python's websockets")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--idle", type=parse_count, default="19k", help="idle WebSockets to open, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
