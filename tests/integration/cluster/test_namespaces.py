"""Clients' machines that have networks of their own: load and idle connections from both of them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from loadlab.capacity import PORTS_PER_SOURCE
from loadlab.cluster.connecting import connect
from loadlab.experiment.context import Unobserved
from loadlab.processes import spawn
from loadlab.results.directory import RunDirectory
from tests.namespaces import Network

from ..cli.program import ANY_VERDICT, Program
from .dask_cluster import DaskCluster, load_processes
from .measuring import measure, profile_of
from .networked import networked_cluster, serving_on

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000
ESTABLISHED: Final = "01"  # in /proc/net/tcp


def test_percentiles_are_those_of_one_machine(network: Network, networked: DaskCluster) -> None:
    """Three requests in four take 10 ms and one takes 60: p50 is the one and p90 the other, to within their intervals.

    The allowance is for requests that wait for one of two cores that are busy with something else.
    """
    mix = [{"path": "/sleep?ms=10", "weight": 3}, {"path": "/sleep?ms=60"}]
    with serving_on(network.machines["target"], "callback") as server, connect(networked.address) as cluster:
        profile = profile_of(server, rounds=5, connections=32, mix=mix, rate=300, warmup="50ms", duration="300ms")
        alone, together = measure(None, profile), measure(cluster, profile)
    assert [each.connections for each in together.machines] == [16, 16]
    for metric, delay_ns in (("response_ns.p50", 10 * MS), ("response_ns.p90", 60 * MS)):
        intervals = [result.confidence[metric] for result in (alone, together)]
        assert all(low >= delay_ns * 0.999 for low, _high in intervals), (metric, intervals)
        (low, high), (other_low, other_high) = intervals
        allowance_ns = 5 * MS
        assert low <= other_high + allowance_ns, (metric, intervals)
        assert other_low <= high + allowance_ns, (metric, intervals)


ON_THREE_MACHINES: Final = """\
name: three-machines
target: {server: callback, on: target}
load: {connections: 8, idle: 100, warmup: 100ms, duration: 500ms}
"""


def test_a_run_with_the_target_on_a_machine_of_its_own(network: Network, tmp_path: Path) -> None:
    program = Program(tmp_path)
    with networked_cluster(network, tmp_path, names=("target", "one", "two")) as dask:
        ended = program.measure(ON_THREE_MACHINES, "--cluster", dask.address, ANY_VERDICT)
        assert ended.code == 0, ended.stderr
        assert not any(load_processes(worker) for worker in dask.workers.values())
    [trial] = RunDirectory.open(program.run_directory()).read_document().trials
    assert trial.state == "done"
    assert {machine.name: machine.connections for machine in trial.machines} == {"one": 4, "two": 4}
    assert all(machine.requests > 0 for machine in trial.machines)
    assert trial.server is not None
    assert trial.server.address.startswith(network.machines["target"].address)
    assert trial.target is not None
    assert trial.target.cpu_ns > 0
    assert trial.idle is not None
    assert trial.idle.alive == 100


def test_load_and_thirty_thousand_idle_connections_come_from_both(network: Network, networked: DaskCluster) -> None:
    """An address has ports for ten thousand connections, so each machine needs both of its two."""
    counts: list[Counter[str]] = []

    class Count(Unobserved):
        def so_far(self, measured: object) -> None:
            counts.append(count_connections(network, "one") + count_connections(network, "two"))

    # Two processes, as one may be allowed too few open files.
    with (
        serving_on(network.machines["target"], "callback", "--processes", "2") as server,
        connect(networked.address) as cluster,
    ):
        result = measure(cluster, profile_of(server, idle=30_000, connections=9), Count())
    assert result.server is not None
    assert result.server.remote
    assert [(each.name, each.workers, each.idle) for each in result.machines] == [
        ("one", 1, 15_000),
        ("two", 1, 15_000),
    ]
    assert sum(each.connections for each in result.machines) == 9
    assert sum(each.requests for each in result.machines) == result.requests
    assert all(each.requests > 0 for each in result.machines)
    assert result.idle is not None
    assert (result.idle.opened, result.idle.alive) == (30_000, 30_000)
    assert counts[0].total() == 30_009
    assert counts[0].keys() == {*network.machines["one"].addresses, *network.machines["two"].addresses}
    assert max(counts[0].values()) <= PORTS_PER_SOURCE
    assert not any(load_processes(worker) for worker in networked.workers.values())


def count_connections(network: Network, name: str) -> Counter[str]:
    """Return how many connections a machine has to the target's, by its own addresses."""
    machine = network.machines[name]
    target = _in_hexadecimal(network.machines["target"].address)
    counts: Counter[str] = Counter()
    for line in Path(f"/proc/{machine.holder.pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state == ESTABLISHED and remote.startswith(target):
            counts[local.partition(":")[0]] += 1
    return Counter({address: counts[_in_hexadecimal(address)] for address in machine.addresses})


def _in_hexadecimal(address: str) -> str:
    """Return an address as /proc/net/tcp has it."""
    return socket.inet_aton(address)[::-1].hex().upper()


MAKE_NETWORK: Final = """
import time
from loadlab.results.directory import RunDirectory
from tests.namespaces import switched_network
with switched_network({"one": 1}) as network:
    print(network.switch.pid, network.machines["one"].holder.pid, flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_of_a_network_whose_maker_is_killed(need_namespaces: None) -> None:
    with spawn("maker", [sys.executable, "-c", MAKE_NETWORK], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        made = [Path(f"/proc/{int(pid)}/exe") for pid in maker.stdout.readline().split()]
        made.append(Path(f"/sys/class/net/lab{maker.pid}-1"))
        assert all(each.exists() for each in made), maker.stderr_tail()
        os.kill(maker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while left := [each for each in made if each.exists()]:
            assert time.monotonic() < deadline, f"{left} are left"
            time.sleep(0.02)
