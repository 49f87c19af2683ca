"""Clients' machines that have networks of their own: load and idle connections from both of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from loadlab.cluster.connecting import connect
from loadlab.cluster.remote import Cluster
from loadlab.experiment.context import RunContext, Unobserved, resources_for
from loadlab.experiment.preflight import names_for
from loadlab.experiment.trial import TrialRun
from loadlab.processes import spawn
from loadlab.profile import LoadProfile, plan_trials
from loadlab.profile.address import TcpAddress, format_address
from loadlab.results.trial import TrialResult
from tests.namespaces import Network

from .dask_cluster import DaskCluster
from .networked import serving_on

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def server(network: Network) -> Iterator[TcpAddress]:
    """A server on the target's machine."""
    with serving_on(network.machines["target"], "callback") as address:
        yield address


def profile(server: TcpAddress, **load: object) -> LoadProfile:
    """Return a profile that loads that server for a moment."""
    return LoadProfile.model_validate(
        {
            "name": "namespaces",
            "target": {"address": format_address(server)},
            "allow_remote": [server.host],
            "load": {"connections": 8, "idle": 0, "warmup": "100ms", "duration": "500ms", **load},
            "retries": 0,
        }
    )


def measure(cluster: Cluster | None, wanted: LoadProfile) -> TrialResult:
    """Measure the one trial of a profile."""
    trials = plan_trials(wanted, seed=1)
    context = RunContext(resources_for(wanted), Unobserved(), lambda: None, names_for(trials), cluster=cluster)
    run = TrialRun(trials[0], context)
    run.measure()
    return run.result("done", None)


def test_load_and_idle_connections_come_from_both(network: Network, networked: DaskCluster, server: TcpAddress) -> None:
    with connect(networked.address) as cluster:
        result = measure(cluster, profile(server, idle=101))
        assert result.server is not None
        assert result.server.remote
        assert [(each.name, each.workers, each.connections) for each in result.machines] == [
            ("one", 1, 4),
            ("two", 1, 4),
        ]
        assert sorted(each.idle for each in result.machines) == [50, 51]
        assert sum(each.requests for each in result.machines) == result.requests
        assert all(each.requests > 0 for each in result.machines)
        assert result.idle is not None
        assert result.idle.alive == 101
    left = {name: machine.processes() for name, machine in network.machines.items()}
    assert left["one"] == [networked.workers["one"].pid]
    assert left["two"] == [networked.workers["two"].pid]


MAKE_NETWORK: Final = """
import time
from tests.namespaces import switched_network
with switched_network({"one": 1}) as network:
    print(network.switch.pid, network.machines["one"].holder.pid, flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_of_a_network_whose_maker_is_killed(need_namespaces: None) -> None:
    with spawn("maker", [sys.executable, "-c", MAKE_NETWORK], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        made = [Path(f"/proc/{int(pid)}/exe") for pid in maker.stdout.readline().split()]
        made.append(Path(f"/sys/class/net/lab{maker.pid}"))
        assert all(each.exists() for each in made), maker.stderr_tail()
        os.kill(maker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while left := [each for each in made if each.exists()]:
            assert time.monotonic() < deadline, f"{left} are left"
            time.sleep(0.02)
