"""A client's machine with another wall clock, and another monotonic one: its windows are those of the others."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from loadlab.cluster.connecting import connect
from loadlab.processes import Child, spawn
from loadlab.profile.address import TcpAddress
from loadlab.results.trial import TrialResult
from tests.namespaces import Namespace, Network, switched_network

from .measuring import measure, profile_of
from .networked import networked_cluster, with_clock_ahead

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
AHEAD: Final = {"one": -40, "two": 3600}
RATE: Final = 400
SERVER: Final = Path(__file__).with_name("arrivals_server.py")


@pytest.fixture
def prefixes(tmp_path: Path) -> dict[str, list[str]]:
    """What gives each machine its own clocks."""
    return {name: with_clock_ahead(seconds, tmp_path / name) for name, seconds in AHEAD.items()}


def test_windows_of_machines_with_different_clocks_are_the_same(
    network: Network, prefixes: dict[str, list[str]], tmp_path: Path
) -> None:
    one, two = network.machines["one"], network.machines["two"]
    with arrivals_server(network.machines["target"]) as (server, child):
        profile = profile_of(server, rate=RATE, warmup="0s", duration="1s")
        with networked_cluster(network, tmp_path, prefixes) as dask, connect(dask.address) as cluster:
            shifted = measure(cluster, profile)
        arrivals = end_and_read(child)
    check_clocks(shifted)
    assert 0.8 * RATE <= shifted.requests <= RATE

    bound_ns = sum(each.clock.bound_ns for each in shifted.machines if each.clock is not None)
    begins, ends = ([edge(arrivals[machine.address]) for machine in (one, two)] for edge in (min, max))
    # Both send in turn, at constant distances; the rest is what a process may wait for a core.
    allowance_ns = bound_ns + SECOND // RATE + SECOND // 4
    assert abs(begins[0] - begins[1]) < allowance_ns
    assert abs(ends[0] - ends[1]) < allowance_ns
    assert len(arrivals[one.address]) == len(arrivals[two.address]) == RATE // 2
    print(
        [e - b for b, e in zip(begins, ends, strict=True)],
        begins[0] - begins[1],
        ends[0] - ends[1],
        bound_ns,
        shifted.intervals,
    )


def test_a_slow_network_makes_the_clock_less_certain(
    need_slow_wires: None, prefixes: dict[str, list[str]], tmp_path: Path
) -> None:
    with (
        switched_network({"target": 1, "one": 1, "two": 1}, delays_ms={"two": 20}) as network,
        arrivals_server(network.machines["target"]) as (server, _),
        networked_cluster(network, tmp_path, prefixes) as dask,
        connect(dask.address) as cluster,
    ):
        result = measure(cluster, profile_of(server, rate=RATE, warmup="0s", duration="300ms"))
    check_clocks(result)
    bounds_ns = [each.clock.bound_ns for each in result.machines if each.clock is not None]
    assert bounds_ns[1] >= 20 * MS, "half of a round trip of 40 ms"
    assert bounds_ns[0] < bounds_ns[1]
    assert (result.service_ns.p99 or 0) >= 40 * MS  # in the trial's figures are those of both
    [of_two] = [each for each in result.machines[1].verdict.findings if each.code == "clock_offset"]
    assert of_two.severity == "suspect"


def check_clocks(result: TrialResult) -> None:
    """Each clock is as far ahead as it was set, to within the bound that is reported."""
    for machine in result.machines:
        assert machine.clock is not None
        assert 0 < machine.clock.bound_ns < SECOND // 2
        assert abs(machine.clock.offset_ns - AHEAD[machine.name] * SECOND) <= machine.clock.bound_ns, machine.clock


@contextmanager
def arrivals_server(machine: Namespace) -> Iterator[tuple[TcpAddress, Child]]:
    """Run the server that notes arrivals on a machine."""
    command = machine.command([sys.executable, str(SERVER), machine.address])
    with spawn("arrivals server", command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield TcpAddress(machine.address, int(child.stdout.readline())), child


def end_and_read(child: Child) -> dict[str, list[int]]:
    """End the server; return what it noted."""
    os.kill(child.pid, signal.SIGTERM)
    assert child.stdout is not None
    arrivals: dict[str, list[int]] = json.loads(child.stdout.readline())
    return arrivals
