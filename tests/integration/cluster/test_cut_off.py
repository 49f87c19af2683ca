"""A client's machine that is cut off or dies in the middle of a run: it is named, and what was measured is kept."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from loadlab.results.directory import RunDirectory
from tests.namespaces import Namespace, Network, switched_network

from ..cli.program import Program, wait_until
from .dask_cluster import DaskCluster
from .networked import networked_cluster, serving_on

pytestmark = pytest.mark.timeout(180)

PROFILE: Final = """\
name: cut-off
target: {{address: "{host}:{port}"}}
allow_remote: ["{host}"]
load: {{connections: 8, idle: 100, rate: 500, warmup: 0s, duration: {duration}}}
rounds: {rounds}
"""
PACKETS_UNTIL_MEASURED: Final = 500
"""Once a machine has sent so many it has been under load for more than a second, and some of that is recorded."""

BOUND_SECONDS: Final = 40.0


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as it ships."""
    return Program(tmp_path)


@pytest.fixture
def network(need_namespaces: None) -> Iterator[Network]:
    """A network of this test's own, to be harmed."""
    with switched_network({"target": 1, "one": 1, "two": 1}) as made:
        yield made


@pytest.fixture
def networked(network: Network, tmp_path: Path) -> Iterator[DaskCluster]:
    """The same with a Dask worker on each client's machine."""
    with networked_cluster(network, tmp_path) as running:
        yield running


def cut_off(network: Network, dask: DaskCluster) -> None:
    network.unplug("two")


def kill(network: Network, dask: DaskCluster) -> None:
    os.kill(dask.workers["two"].pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("harm", "rounds", "duration", "expected"),
    [
        (cut_off, 1, "60s", "client machine two has not answered for 10 s: its network may be cut"),
        (kill, 100, "500ms", "client machine two has been lost: its Dask worker has ended"),
    ],
    ids=["cut off in a window", "killed between rounds"],
)
def test_it_is_named_and_what_was_measured_is_kept(
    program: Program,
    network: Network,
    networked: DaskCluster,
    harm: Callable[[Network, DaskCluster], None],
    rounds: int,
    duration: str,
    expected: str,
) -> None:
    two = network.machines["two"]
    with serving_on(network.machines["target"], "callback") as server:
        profile = PROFILE.format(host=server.host, port=server.port, rounds=rounds, duration=duration)
        with program.started(*program.measure_arguments(profile, "--cluster", networked.address)) as running:
            wait_until(lambda: running.poll() is not None or count_sent(two) > PACKETS_UNTIL_MEASURED)
            harm(network, networked)
            began = time.monotonic()
            ended = program.finish(running)
    assert time.monotonic() - began < BOUND_SECONDS
    assert ended.code == 3, ended.stderr
    assert expected in ended.stderr

    [trial] = RunDirectory.open(program.run_directory()).read_document().trials
    assert trial.state == "failed"
    assert trial.reason is not None
    assert expected in trial.reason
    assert sum(machine.requests for machine in trial.machines) == trial.requests > 0
    assert all(machine.requests > 0 for machine in trial.machines)
    drawn = program.run("report", str(program.run_directory()))
    assert drawn.code == 0, drawn.stderr
    # The one by its lease, as it does not hear of the end.
    wait_until(lambda: not load_in(network, networked), lambda: f"still there: {load_in(network, networked)}")


def count_sent(machine: Namespace) -> int:
    """Return how many packets a machine has sent."""
    lines = Path(f"/proc/{machine.holder.pid}/net/dev").read_text(encoding="ascii").splitlines()
    (counts,) = (line.split(":")[1].split() for line in lines if line.strip().startswith("eth0:"))
    return int(counts[9])


def load_in(network: Network, dask: DaskCluster) -> list[int]:
    """Return what runs on the clients' machines beside the workers of Dask's."""
    running = [pid for name in dask.workers for pid in network.machines[name].processes()]
    return [pid for pid in running if pid not in {worker.pid for worker in dask.workers.values()}]
