"""A fleet on two Dask workers of this machine: parts, windows, clocks, and everything that may happen to a machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from loadlab.cluster import remote, workers
from loadlab.cluster.connecting import connect
from loadlab.cluster.fleet import ClusterFleet
from loadlab.cluster.machine import Claimed
from loadlab.cluster.remote import Cluster
from loadlab.errors import ClusterFailed, LoadlabError, TrialFailed
from loadlab.fleet.coordinator import Event
from loadlab.fleet.division import Share
from loadlab.fleet.messages import (
    Alive,
    ClosedPacing,
    Drained,
    Endpoint,
    IdlePart,
    LoadPart,
    Opened,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    SlowSending,
    WeightedRequest,
)
from loadlab.processes import module_command, spawn
from loadlab.profile.address import TcpAddress
from loadlab.recording.recorder import Snapshot

from .dask_cluster import DaskCluster, dask_cluster, load_processes, wait_until_none

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE_SECONDS: Final = 40.0


@contextmanager
def target() -> Iterator[TcpAddress]:
    """Run a bundled server."""
    command = module_command("loadlab")
    with spawn("target", [*command, "serve", "callback", "--port", "0"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        ready = child.stdout.readline()
        host, port = json.loads(ready.removeprefix(b"READY "))["address"]
        yield TcpAddress(host, port)


@pytest.fixture
def server() -> Iterator[TcpAddress]:
    with target() as address:
        yield address


def load_parts(server: TcpAddress, shares: list[Share]) -> list[LoadPart]:
    return [
        LoadPart(
            share=number,
            shares=len(shares),
            endpoint=Endpoint((server.host, server.port), share),
            requests=[WeightedRequest([REQUEST], [200])],
            seed=1,
            pacing=ClosedPacing(),
            slow=SlowSending(all=False, connections=0, pace_ns=MS),
            timeout_ns=1000 * MS,
        )
        for number, share in enumerate(shares)
    ]


def idle_parts(server: TcpAddress, shares: list[Share]) -> list[IdlePart]:
    return [
        IdlePart(Endpoint((server.host, server.port), share), REQUEST, 64, 1000 * MS, "silent", MS) for share in shares
    ]


def listen(fleet: ClusterFleet, kind: type, count: int) -> list[Event]:
    """Return what the fleet says until `count` senders have sent a message of that kind."""
    heard: list[Event] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len({event.sender for event in heard if isinstance(event.message, kind)}) < count:
        assert time.monotonic() < deadline, f"heard only {heard}"
        heard += fleet.next_events(0.1)
    return heard


@contextmanager
def loaded(cluster: Cluster, server: TcpAddress, connections: int = 8, idle: int = 100) -> Iterator[ClusterFleet]:
    """Give a fleet with load workers and idle holders on all machines, connected and silent."""
    with ClusterFleet(cluster, {}) as fleet:
        division = fleet.divide(server, connections, 4, idle)
        fleet.start_holders(idle_parts(server, division.holders))
        listen(fleet, Opened, len(division.holders))
        fleet.start_workers(load_parts(server, division.workers))
        listen(fleet, Ready, len(division.workers))
        yield fleet


def plan(seconds: float = 0.5) -> Plan:
    return Plan([PlannedWindow(time.time_ns() + 1_000 * MS, 0, round(seconds * 1e9), 250 * MS)])


def test_a_window_on_two_machines(dask: DaskCluster, server: TcpAddress) -> None:
    with connect(dask.address) as cluster:
        assert [machine.name for machine in cluster.machines] == ["one", "two"]
        assert cluster.warnings == []
        with loaded(cluster, server) as fleet:
            processes = {name: load_processes(worker) for name, worker in dask.workers.items()}
            assert [len(pids) for pids in processes.values()] == [3, 3]
            ours = {*fleet.worker_pids(), *fleet.holder_pids()}
            assert ours == {pid for pids in processes.values() for pid in pids}

            fleet.measure_clocks()
            start = fleet.read()
            fleet.measure(plan())
            heard = listen(fleet, Drained, 4)
            end = fleet.read(start)
            requests: Counter[str] = Counter()
            for event in heard:
                if isinstance(event.message, Recorded):
                    for each in event.message.snapshots:
                        requests[event.sender] += Snapshot.from_bytes(each).outcomes["ok"]
            assert sorted(requests) == [
                f"load worker {number} on {'one' if number < 3 else 'two'}" for number in range(1, 5)
            ]
            assert min(requests.values()) > 0
            assert {name: len(reading.client.processes) for name, reading in end.items()} == {"one": 2, "two": 2}
            assert all(end[name].client.time_ns > start[name].client.time_ns for name in end)

            fleet.count_alive()
            alive = [event.message.alive for event in listen(fleet, Alive, 2) if isinstance(event.message, Alive)]
            assert sum(alive) == 100
            assert all(fleet.read_speed().values())
        assert all(load_processes(worker) == [] for worker in dask.workers.values())


def test_a_machine_that_gets_its_plan_too_late_is_named(dask: DaskCluster, server: TcpAddress) -> None:
    with connect(dask.address) as cluster, loaded(cluster, server) as fleet:
        begun = Plan([PlannedWindow(time.time_ns() - 100 * MS, 0, 500 * MS, 250 * MS)])
        with pytest.raises(TrialFailed, match=r"client machine one got its plan [\d,]+ ms after the window had begun"):
            fleet.measure(begun)


def test_a_nanny_changes_nothing(tmp_path: Path, server: TcpAddress) -> None:
    with dask_cluster(tmp_path, nanny=True) as dask, connect(dask.address) as cluster:
        with loaded(cluster, server) as fleet:
            fleet.measure(plan())
            listen(fleet, Drained, 4)
        assert all(load_processes(worker) == [] for worker in dask.workers.values())


def test_several_rigs_stand_at_the_same_time(dask: DaskCluster, server: TcpAddress) -> None:
    with connect(dask.address) as cluster, loaded(cluster, server) as first, loaded(cluster, server) as second:
        for fleet in (first, second, first):
            fleet.measure(plan(0.2))
            listen(fleet, Drained, 4)


def test_a_second_run_is_refused_and_named(dask: DaskCluster) -> None:
    with connect(dask.address), pytest.raises(Claimed, match=rf"is held by the run of .*@.* \(process {os.getpid()}\)"):
        connect(dask.address)
    with connect(dask.address) as cluster:  # free again
        assert len(cluster.machines) == 2


def raised(fleet: ClusterFleet) -> LoadlabError:
    """Return what the fleet raises within some seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            fleet.next_events(0.1)
        except LoadlabError as error:
            return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda dask: os.kill(dask.workers["two"].pid, signal.SIGKILL), "client machine two has been lost"),
        (lambda dask: os.kill(load_processes(dask.workers["two"])[0], signal.SIGKILL), "on two was killed by SIGKILL"),
        (lambda dask: os.kill(dask.scheduler.pid, signal.SIGKILL), "the Dask scheduler at tcp://.* has ended"),
    ],
    ids=["killed", "process", "scheduler"],
)
def test_what_fails_in_a_window_is_named(
    own_dask: DaskCluster,
    server: TcpAddress,
    harm: Callable[[DaskCluster], None],
    expected: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    processes: list[int] = []
    with connect(own_dask.address) as cluster:
        with loaded(cluster, server) as fleet:
            processes = [*fleet.worker_pids(), *fleet.holder_pids()]
            fleet.measure(plan(60.0))
            listen(fleet, Recorded, 4)
            harm(own_dask)
            with pytest.raises(TrialFailed, match=expected):
                raise raised(fleet)
            began = time.monotonic()
        assert time.monotonic() - began < 30
    wait_until_gone(processes)
    assert "Traceback" not in capfd.readouterr().err  # it is said once, and not by Dask


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]:
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(0.05)


def test_a_dask_worker_that_hangs_leaves_no_load_behind(
    own_dask: DaskCluster, server: TcpAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(remote, "_RENEW_SECONDS", 0.2)
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 2.0)
    stopped = own_dask.workers["two"]
    with connect(own_dask.address) as cluster, loaded(cluster, server) as fleet:
        os.kill(stopped.pid, signal.SIGSTOP)
        with pytest.raises(ClusterFailed, match="client machine two has not answered for 2 s"):
            raise raised(fleet)
        wait_until_none(stopped)  # by its watchdog, as it hangs itself
    wait_until_none(own_dask.workers["one"])
    os.kill(stopped.pid, signal.SIGCONT)
    with connect(own_dask.address) as cluster:  # it is free again as well
        assert len(cluster.machines) == 2


HOLD: Final = """
import sys, time
from loadlab.cluster import workers
from loadlab.cluster.connecting import connect
from tests.integration.cluster.test_machines import loaded
from loadlab.profile.address import TcpAddress

workers.LEASE_SECONDS = 4.0  # its renewal is every 2 s
with connect(sys.argv[1]) as cluster, loaded(cluster, TcpAddress(sys.argv[2], int(sys.argv[3]))):
    print("standing", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_nothing_is_left_of_a_coordinator_that_is_killed_or_stands_still(
    dask: DaskCluster, server: TcpAddress, end: signal.Signals
) -> None:
    command = [sys.executable, "-c", HOLD, dask.address, server.host, str(server.port)]
    with spawn("coordinator", command, stdout=subprocess.PIPE) as coordinator, ExitStack() as after:
        assert coordinator.stdout is not None
        assert coordinator.stdout.readline() == b"standing\n", coordinator.stderr_tail()
        assert all(load_processes(worker) for worker in dask.workers.values())
        os.kill(coordinator.pid, end)
        after.callback(os.kill, coordinator.pid, signal.SIGCONT)
        for worker in dask.workers.values():
            wait_until_none(worker)
    with connect(dask.address) as cluster:  # free for another run
        assert len(cluster.machines) == 2
