"""Scenarios: CPU time of the client per request through httpx, beside httpx without a network and httpx on asyncio.

    .venv/bin/python -m benchmarks.scenario [--users 16] [--rounds 7] [--seconds 2] [--idle-users 5000]

The bundled server epoll is bound to the first core, the client to the second. Each round runs every client once: a load
worker with a scenario of ten requests, started as an experiment starts it and recording all that an experiment records;
httpx.AsyncClient with a transport that only returns a ready response; one httpx.AsyncClient on asyncio with as many
requests at a time as there are users; the same load without a scenario; and Locust's FastHttpUser, where the command
`locust` is on the PATH. Then a worker with many users that do nothing yet: its memory, and that they all work. Prints
each round, then medians and ratios in the same round. docs/benchmarks.md keeps the figures.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.one_worker import measure_part
from benchmarks.side_by_side import Cost, cost_of, measure_client, summarise
from loadlab.experiment.parts import load_parts
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.division import Share
from loadlab.fleet.messages import LoadPart, Ready
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.probes.memory import read_pss
from loadlab.profile.address import TcpAddress, authority_of
from loadlab.profile.schema import LoadProfile
from loadlab.targets import find_target, launch
from loadlab.units import parse_count

_SCENARIO: Final = "loadlab, scenario"
_PLAIN: Final = "loadlab, no scenario"
_NOTHING: Final = "httpx, no network"
_ASYNCIO: Final = "httpx on asyncio"
_LOCUST: Final = "Locust, FastHttpUser"
_HTTPX: Final = "benchmarks.httpx_client"
_LOCUST_SECONDS: Final = 10
_FILE: Final = Path(__file__).with_name("scenario_of_gets.py")


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores: one for the server, one for the client")
    rounds = []
    with launch(find_target("epoll"), cpus=cores[:1]) as server:
        for number in range(1, arguments.rounds + 1):
            rounds.append(_run_round(server.address, arguments.users, arguments.seconds, cores[1]))
            for client, cost in rounds[-1].items():
                print(f"round {number}: {client:20} {cost}", flush=True)
        for client in rounds[0]:
            print(summarise(client, rounds, _SCENARIO))
        if arguments.idle_users:
            _measure_many(server.address, arguments.idle_users, cores[1])


def _run_round(address: TcpAddress, users: int, seconds: float, core: int) -> dict[str, Cost]:
    url = f"http://127.0.0.1:{address.port}"
    costs = {
        _SCENARIO: cost_of(measure_part(core, _part(address, users, scenario=True), seconds)),
        _NOTHING: measure_client(_HTTPX, ["nothing", url, users, seconds], core),
        _ASYNCIO: measure_client(_HTTPX, ["asyncio", url, users, seconds], core),
        _PLAIN: cost_of(measure_part(core, _part(address, users, scenario=False), seconds)),
    }
    if shutil.which("locust"):
        costs[_LOCUST] = _measure_locust(url, users, core)
    return costs


def _part(address: TcpAddress, users: int, scenario: bool) -> LoadPart:
    load = {"connections": users, "duration": "1s", "workers": 1}
    load |= {"scenario": f"{_FILE}:ask"} if scenario else {"path": "/hello"}
    data = {"name": "scenario", "target": {"address": f"127.0.0.1:{address.port}"}, "load": load}
    profile = LoadProfile.model_validate(data)
    share: Share = [(None, users)]
    [part] = load_parts(profile, address, authority_of(address), 0, STAMPED_EVERY, [share])
    return part


def _measure_locust(url: str, users: int, core: int) -> Cost:
    """Run Locust for 10 s; its CPU time is that of the whole process, whose start takes about a second of it."""
    script = str(Path(__file__).with_name("locustfile.py"))
    command = ["locust", "--headless", "--only-summary", "--json", "-f", script, "-H", url]
    command += [f"-u{users}", f"-r{users}", f"-t{_LOCUST_SECONDS}s"]
    before = os.times()
    shown = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True, check=False)
    after = os.times()
    if shown.returncode:
        sys.exit(f"locust failed: {shown.stderr}")
    [entry] = json.loads(shown.stdout)
    cpu_seconds = after.children_user - before.children_user + after.children_system - before.children_system
    return Cost(cpu_seconds / entry["num_requests"] * 1e6, entry["num_requests"] / _LOCUST_SECONDS)


def _measure_many(address: TcpAddress, users: int, core: int) -> None:
    """Have many users on one worker, first without a window, then at work."""
    memory = {count: _memory_bytes(_part(address, count, scenario=True), core) for count in (1, users)}
    each = (memory[users] - memory[1]) / (users - 1)
    measured = measure_part(core, _part(address, users, scenario=True), 5.0)
    failed = sum(count for outcome, count in measured.totals.outcomes.items() if outcome not in ("ok", "cut"))
    print(f"{users:,} users on one worker: {each:,.0f} bytes (PSS) for each, connected and with its client")
    print(f"{users:,} users on one worker, at work: {cost_of(measured)}, {failed} requests failed")


def _memory_bytes(part: LoadPart, core: int) -> int:
    with LocalFleet([core]) as fleet:
        fleet.start_workers([part])
        while not any(isinstance(event.message, Ready) for event in fleet.next_events(1.0)):
            pass
        memory = read_pss(fleet.worker_pids())
        assert memory is not None
        return memory


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per request of a scenario, and of httpx by itself")
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--idle-users", type=parse_count, default="5k", help="users of one worker, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
