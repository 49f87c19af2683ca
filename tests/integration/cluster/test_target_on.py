"""A target on a machine of the cluster, with load from the others: started there, watched there, and ended there."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from loadlab.cluster import remote, workers
from loadlab.cluster.connecting import connect
from loadlab.cluster.remote import Cluster
from loadlab.errors import NotPossible, TargetDied, TrialFailed
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.rig import NO_LOGS, TrialLogs
from loadlab.experiment.rounds import Batch
from loadlab.experiment.trial import TrialRun
from loadlab.probes.cpu.probe import why_none_works
from loadlab.probes.syscalls.choice import choose_backend
from loadlab.processes import list_family
from loadlab.profile import LoadProfile, plan_trials
from loadlab.profile.address import format_address
from loadlab.results.trial import TrialResult
from tests.namespaces import Network, switched_network

from .dask_cluster import DaskCluster, Place, dask_cluster, load_processes, wait_until_none

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000
SERVER: Final = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
print("serving on", sys.argv[1], flush=True)
server.serve_forever()
"""


LOAD = {"connections": 4, "idle": 50, "warmup": "50ms", "duration": "500ms", "timeout": "5s"}


def profile(target: Mapping[str, object], **changes: object) -> LoadProfile:
    data = {"name": "hosted", "target": {"on": "db", **target}, "load": LOAD, "retries": 0}
    return LoadProfile.model_validate({**data, **changes})


def long(target: Mapping[str, object]) -> LoadProfile:
    """Return one whose window does not end by itself; its rate leaves the cores to others meanwhile."""
    return profile(target, load={**LOAD, "rate": 500, "duration": "30s"})


def run_of(one: LoadProfile, cluster: Cluster, observer: Unobserved | None = None, log: Path | None = None) -> TrialRun:
    context = RunContext(resources_of_host(), observer or Unobserved(), lambda: None).with_cluster(cluster)
    [trial] = plan_trials(one, seed=1)
    return TrialRun(trial, context, logs=NO_LOGS if log is None else TrialLogs(target=log))


def measured(one: LoadProfile, cluster: Cluster, log: Path | None = None) -> TrialResult:
    run = run_of(one, cluster, log=log)
    run.measure()
    return run.result("done", None)


def children(dask: DaskCluster, name: str) -> set[int]:
    """Return the processes that a Dask worker has started, without its watchdog."""
    pids = list_family([dask.workers[name].pid]) - {dask.workers[name].pid}
    return {pid for pid in pids if b"loadlab.cluster.watchdog" not in command_of(pid)}


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask"), names=("db", "one", "two")) as running:
        yield running


@pytest.fixture
def cluster(dask: DaskCluster) -> Iterator[Cluster]:
    with connect(dask.address) as claimed:
        yield claimed
    assert all(children(dask, name) == set() for name in dask.workers)


def check_watched(result: TrialResult) -> None:
    """It has all figures of a target on this machine, and the load is that of the other machines."""
    assert [machine.name for machine in result.machines] == ["one", "two"]
    assert sum(machine.requests for machine in result.machines) == result.requests > 0
    assert result.server is not None
    assert result.server.on == "db"
    assert result.idle is not None
    assert (result.idle.alive, result.idle.problem) == (50, None)
    target = result.target
    assert target is not None
    assert target.processes >= 1
    assert 0 < target.cpu_ns < 10 * result.window_ns
    assert target.cpu_ns_per_request == pytest.approx(target.cpu_ns / result.requests)
    assert target.context_switches > 0
    assert target.rss_bytes > 1 << 20
    assert target.open_descriptors is not None
    assert target.open_descriptors > 54
    assert result.speed.target is not None
    assert 400 * MS < target.window_ns < 5_000 * MS
    assert not {"target_unseen", "unseen"} & {finding.code for finding in result.verdict.findings}


def test_a_bundled_server_is_started_and_watched_there(cluster: Cluster) -> None:
    result = measured(profile({"server": "callback"}), cluster)
    check_watched(result)
    assert result.server is not None
    assert result.server.address.startswith("127.0.0.1:")  # all share their network
    assert result.placement["target"]
    assert set(result.placement["target"]) <= os.sched_getaffinity(0)


def test_a_command_is_started_there_and_its_log_is_here(cluster: Cluster, tmp_path: Path) -> None:
    script, log = tmp_path / "server.py", tmp_path / "target.log"
    script.write_text(SERVER)
    command = [sys.executable, str(script), "{host}", "{port}"]
    check_watched(measured(profile({"command": command}), cluster, log))
    assert log.read_text().startswith("serving on 127.0.0.1\n")


def test_a_server_that_runs_there_is_attached_to_and_left_alone(cluster: Cluster) -> None:
    with run_of(profile({"server": "callback"}), cluster)._rig as rig:
        address = rig.ends.target.address
        assert rig.ends.target.pids() == []
        result = measured(profile({"address": format_address(address)}), cluster)
        check_watched(result)
        assert rig.ends.side.poll_exit() is None


def test_what_its_handlers_ask_is_started_there_too(cluster: Cluster) -> None:
    result = measured(profile({"server": "callback", "handler": "upstream"}), cluster)
    assert result.outcomes["ok"] > 0
    assert result.target is not None
    assert result.target.processes == 1  # the server behind it is beside it


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            {"command": [sys.executable, "-c", "raise SystemExit('no config')", "{port}"]},
            "on machine db: .* ended with code 1 before it was ready: no config",
        ),
        (
            {"command": [sys.executable, "-c", "import time; time.sleep(60)", "{port}"], "ready": {"within": "500ms"}},
            r"on machine db: .* does not listen at port [0-9]+ after 500ms",
        ),
    ],
    ids=["ends", "never listens"],
)
def test_a_server_that_does_not_start_is_named_with_its_machine(
    cluster: Cluster, target: dict[str, object], expected: str
) -> None:
    with pytest.raises(TrialFailed, match=expected):
        measured(profile(target), cluster)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"server": "callback", "on": "dbb"}, r"the cluster has no machine dbb \(target.on\); it has db, one and two"),
        ({"command": ["no-such-program", "{port}"]}, "on machine db: there is no program no-such-program on the PATH"),
        ({"address": "127.0.0.1:1"}, "on machine db: nothing listens at 127.0.0.1:1; start the server first"),
        ({"address": "203.0.113.5:80"}, "on machine db: 203.0.113.5:80 .* is not an address of that machine"),
    ],
    ids=["no machine", "no program", "nothing listens", "elsewhere"],
)
def test_what_is_not_possible_there_is_said(cluster: Cluster, target: dict[str, object], expected: str) -> None:
    with pytest.raises(NotPossible, match=expected):
        measured(profile(target), cluster)


def test_load_has_to_come_from_another_machine(tmp_path: Path) -> None:
    with (
        dask_cluster(tmp_path, names=("db",)) as dask,
        connect(dask.address) as cluster,
        pytest.raises(NotPossible, match=r"machine db has the target .* the cluster has no other: start a Dask worker"),
    ):
        measured(profile({"server": "callback"}), cluster)


class Harm(Unobserved):
    """Does something once the load has been measured for a while."""

    def __init__(self, harm: Callable[[], None]) -> None:
        self._harm = harm
        self._seen = 0

    def so_far(self, measured: object) -> None:
        self._seen += 1
        if self._seen == 4:
            self._harm()


def test_a_server_that_dies_is_named_and_what_was_measured_is_kept(dask: DaskCluster, cluster: Cluster) -> None:
    def harm() -> None:
        [pid] = children(dask, "db")
        os.kill(pid, signal.SIGKILL)

    run = run_of(long({"server": "callback"}), cluster, Harm(harm))
    with pytest.raises(TargetDied, match="on machine db: target 'callback' was killed by SIGKILL"):
        run.measure()
    assert run.result("failed", "died").requests > 0


def test_a_machine_that_dies_takes_its_target_with_it_and_is_named(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, names=("db", "one")) as dask, connect(dask.address) as cluster:
        pids: list[int] = []

        def harm() -> None:
            pids.extend(children(dask, "db"))
            os.kill(dask.workers["db"].pid, signal.SIGKILL)

        run = run_of(long({"server": "callback"}), cluster, Harm(harm))
        with pytest.raises(TrialFailed, match=r"machine db has been lost: its Dask worker has ended") as caught:
            run.measure()
        assert not isinstance(caught.value, TargetDied)
        assert "client" not in str(caught.value)
        assert run.result("failed", "lost").requests > 0
        assert pids
        assert not list_family(pids)
        wait_until_none(dask.workers["one"])


@pytest.mark.parametrize("kind", ["server", "command"])
def test_a_machine_that_hangs_keeps_no_target(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(remote, "_RENEW_SECONDS", 0.2)
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 2.0)
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    target: dict[str, object] = {"server": "callback"}
    if kind == "command":
        target = {"command": [sys.executable, str(script), "{host}", "{port}"]}
    with dask_cluster(tmp_path, names=("db", "one")) as dask, connect(dask.address) as cluster:
        pids: set[int] = set()

        def harm() -> None:
            pids.update(children(dask, "db"))
            os.kill(dask.workers["db"].pid, signal.SIGSTOP)

        run = run_of(long(target), cluster, Harm(harm))
        with pytest.raises(TrialFailed, match="machine db has not answered for 2 s"):
            run.measure()
        assert pids
        deadline = time.monotonic() + 30
        while any(
            command_of(pid) for pid in pids
        ):  # those that have ended have none, though nobody has waited for them
            assert time.monotonic() < deadline, "the target is still there"
            time.sleep(0.1)


def test_nothing_is_left_when_the_run_lets_go_in_the_middle(dask: DaskCluster) -> None:
    with connect(dask.address) as cluster:
        rig = run_of(profile({"server": "callback"}), cluster)._rig
        rig.__enter__()
        assert children(dask, "db")
    assert not children(dask, "db")
    assert not load_processes(dask.workers["one"])
    rig.__exit__(None, None, None)  # has nothing left to do


def test_hosted_targets_are_measured_in_turn(cluster: Cluster) -> None:
    swept = profile({"server": "callback"}, sweep={"target.server": ["callback", "epoll"]}, rounds=3)
    short = swept.model_copy(update={"load": swept.load.model_copy(update={"duration_ns": 50 * MS})})
    context = RunContext(resources_of_host(), Unobserved(), lambda: None).with_cluster(cluster)
    batch = Batch(plan_trials(short, seed=2), context, 1, lambda _: NO_LOGS)
    batch.measure(lambda _: None)
    for run in batch.runs:
        result = run.result()
        assert (result.state, len(result.rounds)) == ("done", 3)
        assert result.requests > 0
        assert result.target is not None
        assert result.target.cpu_ns > 0
        assert result.target.cpu_ns_per_request is not None
        assert result.speed.target is not None
        assert result.probes.sockets is not None
        assert (result.target.pss_bytes or 0) > 1 << 20


@pytest.mark.skipif(choose_backend().backend is None, reason="no tracer of system calls works here")
def test_its_system_calls_and_stacks_are_seen_there(cluster: Cluster) -> None:
    context = RunContext(resources_of_host(), Unobserved(), lambda: None).with_cluster(cluster)
    [trial] = plan_trials(profile({"server": "callback"}, probes=["procfs", "sockets", "syscalls", "cpu"]), seed=1)
    kept: dict[str, object] = {}
    run = TrialRun(trial, context, keep_stacks=lambda name, stacks: kept.update({name: stacks}))
    run.measure()
    probes = run.result("done", None).probes
    assert probes.procfs is not None
    assert sum(stretch.cpu_ns for stretch in probes.procfs.target) > 0
    assert probes.procfs.target_at_start is not None
    assert (probes.procfs.target_at_start.pss_bytes or 0) > 1 << 20
    assert probes.sockets is not None
    assert probes.syscalls is not None
    assert probes.syscalls.target is not None, probes.syscalls.problems
    assert sum(probes.syscalls.calls_per_request.values()) > 1
    assert probes.cpu is not None
    if not why_none_works():
        assert probes.cpu.target is not None, probes.cpu.problems
        assert any("target" in name for name in kept)


@pytest.fixture
def apart(need_namespaces: None, tmp_path: Path) -> Iterator[tuple[Network, DaskCluster]]:
    """The machine of the target and that of a client, with networks of their own, and a Dask worker on each."""
    with switched_network({"db": 1, "one": 1}) as network:
        places = {name: Place(machine.address, machine.command(())) for name, machine in network.machines.items()}
        with dask_cluster(tmp_path, ("db", "one"), places={**places, "scheduler": Place(network.address)}) as running:
            yield network, running


def test_it_listens_where_the_machines_of_the_load_reach_it(apart: tuple[Network, DaskCluster]) -> None:
    network, dask = apart
    with connect(dask.address) as cluster:
        result = measured(profile({"server": "callback"}), cluster)
    assert result.server is not None
    assert result.server.remote
    assert result.server.on == "db"
    assert result.server.address.startswith(f"{network.machines['db'].address}:")
    assert result.target is not None
    assert result.target.cpu_ns > 0
    assert result.idle is not None
    assert result.idle.alive == 50
    assert [(machine.name, machine.requests) for machine in result.machines] == [("one", result.requests)]
    assert result.requests > 0
    assert network.machines["db"].processes() == [dask.workers["db"].pid]


def test_a_server_that_keeps_to_loopback_is_said_to(apart: tuple[Network, DaskCluster], tmp_path: Path) -> None:
    network, dask = apart
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    command = {"command": [sys.executable, str(script), "127.0.0.1", "{port}"], "ready": {"within": "3s"}}
    address = network.machines["db"].address.replace(".", r"\.")
    expected = rf"on machine db: .* does not listen at {address}:[0-9]+ after 3s .*, but at 127\.0\.0\.1:[0-9]+"
    with connect(dask.address) as cluster:
        with pytest.raises(TrialFailed, match=expected):
            measured(profile(command), cluster)
        reached = rf"on machine db: other machines cannot connect to 127\.0\.0\.1:1 .* such as {address}:1"
        with pytest.raises(NotPossible, match=reached):
            measured(profile({"address": "127.0.0.1:1"}), cluster)


def test_a_machine_that_is_cut_off_is_named_and_ends_its_target(apart: tuple[Network, DaskCluster]) -> None:
    network, dask = apart
    with connect(dask.address) as cluster:
        run = run_of(long({"server": "callback"}), cluster, Harm(lambda: network.unplug("db")))
        with pytest.raises(TrialFailed, match="machine db has not answered for 10 s: its network may be cut"):
            run.measure()
        assert run.result("failed", "cut").requests > 0
    deadline = time.monotonic() + 30
    while network.machines["db"].processes() != [dask.workers["db"].pid]:
        assert time.monotonic() < deadline, "the target is still there"
        time.sleep(0.1)
