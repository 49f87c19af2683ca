"""Servers that run already: measured and probed like those that ship, and left as they were."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadlab.profile.address import TcpAddress, UnixAddress
from loadlab.targets import accepts

from . import own_server
from .foreign_servers import Foreign, faulty_serving, nginx_serving, node_serving
from .program import ANY_VERDICT, Program, wait_until

BUNDLED = """\
name: bundled
target: {server: epoll, handler: hello}
load: {connections: 4, idle: 60, warmup: 50ms, duration: 500ms}
sweep: {target.server: [epoll, poll]}
probes: [procfs, sockets, syscalls, cpu]
"""
RUNNING = """\
name: running
target: {address: 127.0.0.1:1}
load: {connections: 4, warmup: 50ms, duration: 200ms, timeout: 2s}
"""


@pytest.fixture(params=["nginx", "node"])
def server(request: pytest.FixtureRequest, need_program: Callable[[str], str], tmp_path: Path) -> Iterator[Foreign]:
    """A real server of somebody else's."""
    path = need_program(request.param)
    with nginx_serving(path, tmp_path) if request.param == "nginx" else node_serving(path) as running:
        yield running


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A socket on a port of its own where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def test_any_server_can_take_the_place_of_a_bundled_one(
    program: Program, server: Foreign, need_program: Callable[[str], str]
) -> None:
    need_program("perf")
    affinity = os.sched_getaffinity(server.process.pid)
    ended = program.measure(BUNDLED, "--set", f"target.address={server.address}", ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    document = program.document()
    assert document["profile"]["target"] == {"address": server.address, "pid": None, "tls": None}
    (trial,) = document["trials"]
    assert (trial["state"], trial["factors"]) == ("done", {})
    assert (trial["idle"]["opened"], trial["idle"]["problem"]) == (60, None)
    assert trial["target"]["cpu_system_ns"] + trial["target"]["cpu_user_ns"] > 0
    assert trial["placement"]["target"] == sorted(affinity)
    probes = trial["probes"]
    # Requests are read by the workers of nginx: its master waits in one call all the while.
    calls = probes["syscalls"]["calls_per_request"]
    assert sum(calls.get(name, 0) for name in ("epoll_wait", "epoll_pwait", "epoll_pwait2")) > 0
    assert sum(calls.get(name, 0) for name in ("recvfrom", "read")) > 0.5
    assert sum(profile["samples"] for profile in probes["cpu"]["target"]["profiles"]) > 0
    assert probes["procfs"]["target"]
    assert os.sched_getaffinity(server.process.pid) == affinity
    server.check_unharmed()
    program.check_drawable()


def test_its_end_ends_the_trial_and_the_next_one_says_that_nobody_listens(program: Program) -> None:
    # Long, so that it ends in the window however slowly it gets its requests.
    settings = ("--set", "load.duration=1m", "--repeat", "2")
    with faulty_serving("killed") as server:
        ended = program.measure(RUNNING, "--set", f"target.address={server.address}", *settings)
        pid = server.process.pid
    assert ended.code == 3
    first, second = program.document()["trials"]
    assert (first["state"], first["reason"]) == ("failed", f"the server at {server.address} (process {pid}) ended")
    assert [finding["code"] for finding in first["verdict"]["findings"]] == ["target_died"]
    assert second["state"] == "not possible"
    assert second["reason"] == f"nothing listens at {server.address}; start the server first"
    assert "run it alone" not in ended.stderr


def test_where_there_is_no_such_server_the_trial_is_not_possible(program: Program, taken: socket.socket) -> None:
    nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    addresses = f"sweep.target.address=['{nobody}', 'no-such-host.invalid:80', 'unix:/no/such.sock']"
    reasons = reasons_of(program, "--set", addresses)
    assert reasons[nobody] == f"nothing listens at {nobody}; start the server first"
    assert reasons["no-such-host.invalid:80"].startswith("the name no-such-host.invalid cannot be resolved (")
    assert reasons["unix:/no/such.sock"] == "nothing listens at unix:/no/such.sock; start the server first"


@pytest.mark.parametrize("verb", ["run", "doctor"])
def test_another_machine_is_refused_with_the_flag_that_allows_it(program: Program, verb: str) -> None:
    profile = program.directory / "profile.yaml"
    profile.write_text(RUNNING.replace("127.0.0.1:1", "192.0.2.1:80"))
    ended = program.run(verb, str(profile))
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "192.0.2.1:80 is not on this machine, and loadlab loads other machines only if asked to: add --allow-remote "
        "192.0.2.1, or allow_remote: [192.0.2.1] in the profile\n"
    )
    assert not program.reports.exists()


@pytest.mark.parametrize("allowed", ["--allow-remote=127.0.0.2", "--set=allow_remote=[127.0.0.2]"])
def test_another_machine_is_loaded_if_that_is_allowed(program: Program, allowed: str) -> None:
    foreign = program.driven("--foreign", "127.0.0.2")
    with faulty_serving("slow", host="127.0.0.2") as server:
        address = f"127.0.0.2:{server.port}"
        assert foreign.measure(RUNNING, "--set", f"target.address={address}").code == 2
        probes = ("--set", "probes=cpu", "--set", "load.idle=20")
        ended = foreign.measure(RUNNING, "--set", f"target.address={address}", allowed, ANY_VERDICT, *probes)
        assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    assert trial["requests"] > 0
    assert trial["idle"]["opened"] == 20
    assert (trial["target"], trial["connection_memory"]) == (None, None)
    program.check_drawable()


def test_its_host_may_be_called_localhost(program: Program) -> None:
    with faulty_serving("slow") as server:
        by_name = server.address.replace("127.0.0.1", "localhost")
        assert reasons_of(program, "--set", f"sweep.target.address=['{by_name}']") == {by_name: None}
        server.check_unharmed()


@pytest.mark.parametrize("fault", ["none", "ipv6"])
def test_it_may_listen_at_a_unix_socket_or_at_one_address_of_its_name(
    program: Program, tmp_path: Path, fault: str
) -> None:
    with socket.socket(socket.AF_INET6) as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that the server may have it beside us
        reserved.bind(("::1", 0))
        port = reserved.getsockname()[1]
        path = str(tmp_path / "app.sock")
        address, where = (f"unix:{path}", path) if fault == "none" else (f"localhost:{port}", str(port))
        with subprocess.Popen([sys.executable, own_server.__file__, fault, where]) as server:
            wait_until(lambda: accepts(UnixAddress(path) if fault == "none" else TcpAddress("::1", port)))
            settings = ("--set", f"target.address={address}", "--set", "load.idle=150", ANY_VERDICT)
            ended = program.measure(RUNNING, *settings)
            assert server.poll() is None
            server.terminate()
    assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    assert trial["server"] == {"address": address.replace("localhost", "[::1]"), "remote": False, "on": None}
    assert trial["requests"] > 0
    assert (trial["idle"]["opened"], trial["idle"]["problem"]) == (150, None)
    assert trial["target"]["cpu_system_ns"] + trial["target"]["cpu_user_ns"] > 0
    program.check_drawable()


def test_a_process_that_is_not_the_server_is_refused(program: Program) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    with faulty_serving("slow") as server, faulty_serving("slow") as another:
        pids = f"sweep.target.pid=[{another.process.pid}, {ended.pid}, {server.process.pid}]"
        reasons = reasons_of(program, "--set", f"target.address={server.address}", "--set", pids)
        server.check_unharmed()
    assert reasons[another.process.pid].startswith(f"neither process {another.process.pid} (target.pid) nor its child")
    assert reasons[ended.pid] == f"there is no process {ended.pid} (target.pid) to watch for {server.address}"
    assert reasons[server.process.pid] is None


def reasons_of(program: Program, *arguments: str) -> dict[Any, Any]:
    """Return why the trials were not possible, None for one that was done, by the only factor that they have."""
    program.measure(RUNNING, *arguments)
    trials = program.document()["trials"]
    assert all(trial["state"] in ("done", "not possible") for trial in trials)
    return {value: trial["reason"] for trial in trials for value in trial["factors"].values()}
