"""Profiles of a server that runs already: what may stand beside its address, in the file and from the command line."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadlab import targets
from loadlab.profile import LoadProfile, plan_trials, profile_json_schema

from .reading import find_mistakes, read_load_profile

LOAD = "load: {connections: 1, duration: 1s}\n"
BUNDLED = (
    "name: x\n"
    "target: {server: epoll, handler: cpu}\n"
    "load: {connections: 1, duration: 1s}\n"
    "sweep: {target.server: [epoll, poll], target.trigger: [level], load.idle: [0, 5]}\n"
    "plot: {x: load.idle, series: target.server}\n"
)


read = partial(read_load_profile, servers=targets.catalog())
mistakes = partial(find_mistakes, servers=targets.catalog())


def running(target: str, more: str = "") -> str:
    return f"name: x\ntarget: {target}\n{LOAD}{more}"


def dumped(profile: LoadProfile) -> dict[str, Any]:
    return profile.model_dump(mode="json", by_alias=True)


def test_its_root_is_asked_for_unless_a_path_is_set(tmp_path: Path) -> None:
    text = running("{address: 127.0.0.1:8080}")
    assert [request.path for request in read(tmp_path, text).requests] == ["/"]
    assert [request.path for request in read(tmp_path, text, "load.path=/api").requests] == ["/api"]


def test_the_resolved_profile_says_what_belongs_to_it_and_reads_as_the_same(tmp_path: Path) -> None:
    text = running("{address: '[0::1]:80', pid: 4711}", "placement: {load: [1]}\n")
    profile = read(tmp_path, text)
    assert dumped(profile)["target"] == {"address": "[::1]:80", "pid": 4711, "tls": None}
    assert LoadProfile.model_validate(dumped(profile)) == profile
    of_ours = dumped(read(tmp_path, "name: x\ntarget: {server: epoll, trigger: edge}\n" + LOAD))
    assert of_ours["target"] == {"server": "epoll", "handler": "hello", "database": None, "trigger": "edge"}


def test_several_can_be_compared(tmp_path: Path) -> None:
    more = "sweep: {target.address: ['127.0.0.1:1', '[0::1]:2']}\nplot: {x: target.address, series: target.address}\n"
    trials = plan_trials(read(tmp_path, running("{address: 127.0.0.1:1}", more)), seed=1)
    assert sorted(str(trial.factors["target.address"]) for trial in trials) == ["127.0.0.1:1", "[::1]:2"]
    assert all(
        isinstance(trial.profile, LoadProfile) and trial.profile.target.address == trial.factors["target.address"]
        for trial in trials
    )


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (running("{}"), "x.yaml:2:9: target: needs server (a bundled one), command (a program to start) or address"),
        (running("{pid: 5}"), "x.yaml:2:9: target: needs server (a bundled one), command (a"),
        (running("{server: epoll, address: 127.0.0.1:1}"), "x.yaml:2:9: target: has both server and address; remove"),
        (
            running("{address: example.com}"),
            'x.yaml:2:19: target.address: must be a host and a port, such as localhost:8080 or "[::1]:8080", or a '
            "Unix socket, such as unix:/run/app.sock, not 'example.com'",
        ),
        (running("{address: 8080}"), "x.yaml:2:19: target.address: must be a host and a port"),
        (running("{address: 127.0.0.1:1, pid: 0}"), "x.yaml:2:37: target.pid: must be at least 1, not 0"),
        (
            running("{address: 127.0.0.1:1, handler: cpu}"),
            "x.yaml:2:32: target.handler: is for bundled servers only, not for the running one at target.address;",
        ),
        (
            running("{address: 127.0.0.1:1}", "sweep: {target.database: ['postgresql:///a']}\n"),
            "x.yaml:4:9: sweep.target.database: is for bundled servers only, not for the running",
        ),
        (
            running("{address: 127.0.0.1:1, processes: 2}"),
            "x.yaml:2:32: target.processes: is for bundled servers only, not for the running one",
        ),
        (
            running("{address: 127.0.0.1:1}", "sweep: {target.processes: [1, 2]}\n"),
            "x.yaml:4:9: sweep.target.processes: is for bundled servers only, not for the running",
        ),
        (
            running("{address: 127.0.0.1:1}", "sweep: {target.server: [epoll]}\n"),
            "x.yaml:4:9: sweep.target.server: cannot be swept together with target.address; remove one of the two",
        ),
        (
            running("{server: epoll}", "sweep: {target.address: ['127.0.0.1:1']}\n"),
            "x.yaml:4:9: sweep.target.address: cannot be swept together with target.server; remove one of the two",
        ),
        (
            running("{address: 127.0.0.1:1}", "placement: {target: [0], load: [1]}\n"),
            "x.yaml:4:13: placement.target: a running server stays on its own cores; bind it with taskset",
        ),
        (
            running("{server: epoll, pid: 5}"),
            "x.yaml:2:25: target.pid: has no effect without target.address; set both",
        ),
        (running("{server: epoll}", "placement: {load: [1]}\n"), "x.yaml:4:1: placement.target: missing; this key is"),
    ],
)
def test_what_makes_no_sense_is_reported_at_its_place(tmp_path: Path, text: str, reported: str) -> None:
    assert [line for line in mistakes(tmp_path, text) if line.startswith(reported)]


def test_its_address_takes_the_place_of_a_bundled_server_and_of_what_belongs_to_it(tmp_path: Path) -> None:
    profile = read(tmp_path, BUNDLED, "target.address=localhost:8080")
    assert (profile.target.server, profile.target.address) == (None, "localhost:8080")
    assert profile.sweep == {"load.idle": (0, 5)}


def test_a_bundled_server_takes_its_place_likewise(tmp_path: Path) -> None:
    more = "sweep: {target.address: ['127.0.0.1:1'], load.idle: [0]}\n"
    profile = read(tmp_path, running("{address: 127.0.0.1:1, pid: 5}", more), "target.server=epoll")
    assert (profile.target.server, profile.target.address, profile.target.pid) == ("epoll", None, None)
    assert profile.sweep == {"load.idle": (0,)}


def test_a_list_of_addresses_compares_running_servers(tmp_path: Path) -> None:
    profile = read(tmp_path, BUNDLED, "target.address=[localhost:8080, localhost:8081]")
    assert (profile.target.server, profile.target.address) == (None, "localhost:8080")
    assert profile.sweep == {"load.idle": (0, 5), "target.address": ("localhost:8080", "localhost:8081")}


def test_what_is_set_beside_it_stays(tmp_path: Path) -> None:
    profile = read(tmp_path, BUNDLED, "target.address=127.0.0.1:1", "target.pid=7", "target.server=null")
    assert (profile.target.address, profile.target.pid) == ("127.0.0.1:1", 7)


def test_a_schema_asks_for_one_of_them() -> None:
    target = profile_json_schema()["$defs"]["Target"]
    of_running = {"required": ["address"], "not": {"required": ["command"]}}
    assert target["oneOf"] == [{"required": ["server"]}, {"required": ["command"]}, of_running]
    assert "required" not in target
