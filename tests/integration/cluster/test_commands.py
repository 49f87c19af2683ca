"""`--cluster` as a user types it: the verbs on two Dask workers of this machine, and what is refused."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import loadlab
from loadlab.cluster.connecting import connect
from loadlab.errors import ExitCode
from loadlab.processes import module_command, spawn
from tests.namespaces import Network

from ..cli.program import DEADLINE_SECONDS, QUICK, Program, set_each, wait_until
from .dask_cluster import DaskCluster, Place, dask_cluster, load_processes, wait_until_none
from .networked import networked_cluster, serving_on, with_clock_ahead

pytestmark = pytest.mark.timeout(180)

DONE_OR_INVALID: Final = {ExitCode.DONE, ExitCode.INVALID}
"""How a run ends that measured: what else runs on this machine may spoil its figures."""

BOTH: Final = "load from 2 machines: one (1 core), two (1 core)"
LONG: Final = "name: long\ntarget: {server: callback}\nload: {connections: 4, idle: 50, duration: 60s}\n"
HELD: Final = r"client machine (one|two) is held by the run of .+ \(process \d+\) since .+: wait until that has ended"
FEW_FILES: Final = 100


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    # Bound to one core, as this machine may have any number.
    place = Place(prefix=["taskset", "--cpu-list", "0"])
    with dask_cluster(tmp_path_factory.mktemp("dask"), places={"one": place, "two": place}) as running:
        yield running


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a server answers that runs already."""
    with spawn("server", [*module_command("loadlab"), "serve", "callback"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        host, port = json.loads(child.stdout.readline().removeprefix(b"READY "))["address"]
        yield f"http://{host}:{port}/"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def check_shared(trial: dict[str, Any], connections: int) -> None:
    """Both machines have had their share of a trial."""
    assert [each["name"] for each in trial["machines"]] == ["one", "two"]
    assert sum(each["connections"] for each in trial["machines"]) == connections
    assert all(each["requests"] > 0 for each in trial["machines"])


def check_free(dask: DaskCluster) -> None:
    """Nothing of a run is left, and another one may begin."""
    for worker in dask.workers.values():
        wait_until_none(worker)
    with connect(dask.address) as cluster:
        assert [machine.name for machine in cluster.machines] == ["one", "two"]


def test_run(program: Program, dask: DaskCluster) -> None:
    ended = program.measure(QUICK, "--cluster", dask.address)
    assert ended.code in DONE_OR_INVALID, ended.stderr
    assert ended.stderr.splitlines()[0] == BOTH
    assert "without TLS" not in ended.stderr
    (trial,) = program.document()["trials"]
    check_shared(trial, 4)
    check_free(dask)


def test_hit(program: Program, dask: DaskCluster, url: str) -> None:
    ended = program.run("hit", url, "--cluster", dask.address, "-c", "6", "-z", "500ms", "--json")
    assert ended.code in DONE_OR_INVALID, ended.stderr
    assert ended.stderr.splitlines()[0] == BOTH
    (trial,) = json.loads(ended.stdout)["trials"]
    check_shared(trial, 6)


def test_ab(program: Program, dask: DaskCluster, url: str) -> None:
    ended = program.run("ab", url, url, "--cluster", dask.address, "-c", "4", "-z", "2s", "--json")
    assert ended.code in DONE_OR_INVALID, ended.stderr
    assert ended.stderr.splitlines()[0] == BOTH
    for trial in json.loads(ended.stdout)["trials"]:
        check_shared(trial, 4)


def test_a_run_from_python(dask: DaskCluster) -> None:
    profile = {
        "name": "python",
        "target": {"server": "callback"},
        "load": {"connections": 4, "warmup": "50ms", "duration": "200ms"},
        "retries": 0,
    }
    trial = loadlab.run_profile(profile, cluster=loadlab.Scheduler(dask.address)).trial
    assert [machine.name for machine in trial.machines] == ["one", "two"]
    assert sum(machine.requests for machine in trial.machines) == trial.requests > 0


def test_the_doctor_has_a_row_for_each_machine(program: Program, dask: DaskCluster) -> None:
    profile = program.directory / "quick.yaml"
    profile.write_text(QUICK)
    ended = program.run("doctor", str(profile), "--set", "load.idle=101", "--cluster", dask.address)
    assert ended.code == ExitCode.DONE, ended.stderr
    lines = ended.stdout.splitlines()
    rows = [line.split() for line in lines if line.startswith(("one ", "two "))]
    assert [row[0] for row in rows] == ["one", "two", "one", "two"]
    assert [row[1:5] for row in rows[2:]] == [["1", "2", "1", "51"], ["1", "2", "1", "50"]]
    assert {row[-1] for row in rows[:2]} == {"ok"}
    assert lines[-1] == "quick can run with the load from these machines."
    check_free(dask)


def test_the_doctor_says_who_holds_the_machines(program: Program, dask: DaskCluster) -> None:
    with connect(dask.address):
        ended = program.run("doctor", "--cluster", dask.address, "--json")
    assert ended.code == ExitCode.DONE
    data = json.loads(ended.stdout)
    assert re.match(HELD, data["held"])
    assert [(each["name"], each["speed_ns"]) for each in data["machines"]] == [("one", None), ("two", None)]


def test_the_doctor_names_the_machine_whose_limit_is_in_the_way(program: Program, tmp_path: Path) -> None:
    places = {"two": Place(prefix=["prlimit", f"--nofile={FEW_FILES}"])}
    with dask_cluster(tmp_path, places=places) as dask:
        profile = tmp_path / "quick.yaml"
        profile.write_text(QUICK)
        arguments = ["--set", "load.idle=3M", "--cluster", dask.address]
        ended = program.run("doctor", str(profile), *arguments)
    assert ended.code == ExitCode.EXPECTATION_FAILED, ended.stdout
    assert f"client machine two has {FEW_FILES} open files for each process: raise the hard limit" in ended.stdout


def test_the_doctor_judges_machines_that_are_elsewhere(program: Program, network: Network, tmp_path: Path) -> None:
    """Of two machines with a kernel and a clock of their own the target has no limits here, and they have ports."""
    ahead = {name: with_clock_ahead(7, tmp_path / name) for name in ("one", "two")}
    with (
        serving_on(network.machines["target"], "callback") as target,
        networked_cluster(network, tmp_path, ahead) as dask,
    ):
        profile = tmp_path / "far.yaml"
        profile.write_text(QUICK)
        settings = f"target={{address: '{target.host}:{target.port}'}}", f"allow_remote=[{target.host}]"
        changes = set_each(*settings, "load.idle=[100,45k]")
        ended = program.run("doctor", str(profile), *changes, "--cluster", dask.address, "--json")
        by_reference = program.run("doctor", "--cluster", dask.address, "--json")
    assert ended.code == ExitCode.DONE, ended.stderr
    (warning,) = ended.stderr.splitlines()
    assert "takes connections without TLS" in warning
    data = json.loads(ended.stdout)
    assert (data["trials"], data["impossible"]) == (2, 1)
    (lack,) = [each["problem"] for each in data["checks"] if each["state"] == "blocker"]
    assert "45,004 connections do not fit on 2 client machines, which can hold 40,000" in lack
    assert "client machine one has ports for 20,000 connections" in lack
    for machine in data["machines"]:
        assert machine["part"]["idle"] == 50
        assert abs(machine["clock"]["offset_ns"] - 7 * 10**9) <= machine["clock"]["bound_ns"] + 10**6
    data = json.loads(by_reference.stdout)
    assert [each["part"]["idle"] for each in data["machines"]] == [5_000, 5_000]
    assert not [each for each in data["checks"] if each["check"] == "client machines"]


def test_a_second_run_is_refused_with_who_holds_the_machines(program: Program, dask: DaskCluster, url: str) -> None:
    with connect(dask.address):
        ended = program.run("hit", url, "--cluster", dask.address, "-z", "200ms")
    assert (ended.code, ended.stdout) == (ExitCode.USAGE, "")
    assert re.fullmatch(HELD, ended.stderr.rstrip("\n"))


@contextmanager
def running(program: Program, dask: DaskCluster) -> Iterator[subprocess.Popen[str]]:
    """A long run whose load workers are there."""
    with program.started(*program.measure_arguments(LONG, "--cluster", dask.address)) as process:
        wait_until(lambda: all(map(load_processes, dask.workers.values())))
        yield process


def test_ctrl_c_ends_the_processes_on_all_machines(program: Program, dask: DaskCluster) -> None:
    with running(program, dask) as process:
        process.send_signal(signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == ExitCode.INTERRUPTED
    assert program.document()["interrupted"]
    check_free(dask)


def test_ctrl_c_ends_the_wait_for_a_scheduler(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        host, port = silent.getsockname()
        arguments = program.measure_arguments(QUICK, "--cluster", f"tcp://{host}:{port}")
        with program.started(*arguments) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            ended = program.finish(process)
    assert ended.code == ExitCode.INTERRUPTED
    assert not program.reports.exists()


def test_a_cluster_that_cannot_be_reached_leaves_no_run(program: Program) -> None:
    ended = program.measure(QUICK, "--cluster", "nowhere")
    assert ended.code == ExitCode.USAGE
    assert ended.stderr.startswith("--cluster nowhere: ")
    assert not program.reports.exists()
