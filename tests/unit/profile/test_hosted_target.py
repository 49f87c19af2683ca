"""A target on a machine of the cluster (`target.on`): what a profile may say of it, and what is kept."""

from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import ProfileError
from loadlab.profile import LoadProfile, load_profile, plan_trials

LOAD = "load: {connections: 1, duration: 1s}\n"


def read(directory: Path, target: str, more: str = "", *settings: str) -> LoadProfile:
    path = directory / "x.yaml"
    path.write_text(f"name: x\ntarget: {target}\n{LOAD}{more}")
    profile = load_profile(path, settings).profile
    assert isinstance(profile, LoadProfile)
    return profile


def dumped(profile: LoadProfile) -> dict[str, Any]:
    target = profile.model_dump(mode="json", by_alias=True)["target"]
    assert isinstance(target, dict)
    return target


@pytest.mark.parametrize(
    "target",
    ["{server: epoll, on: db}", "{command: [./server, '{port}'], on: db}", "{address: '10.0.0.1:80', pid: 7, on: db}"],
)
def test_each_kind_of_server_may_be_there(tmp_path: Path, target: str) -> None:
    profile = read(tmp_path, target)
    assert profile.target.on == "db"
    assert dumped(profile)["on"] == "db"
    assert LoadProfile.model_validate(profile.model_dump(mode="json", by_alias=True)) == profile


def test_a_profile_without_it_does_not_mention_it(tmp_path: Path) -> None:
    assert "on" not in dumped(read(tmp_path, "{server: epoll}"))


def test_it_stays_when_the_command_line_names_another_server(tmp_path: Path) -> None:
    assert read(tmp_path, "{server: epoll, on: db}", "", "target.address=10.0.0.1:80").target.on == "db"
    assert read(tmp_path, "{server: epoll}", "", "target.on=db").target.on == "db"


def test_machines_can_be_compared(tmp_path: Path) -> None:
    trials = plan_trials(read(tmp_path, "{server: epoll}", "sweep: {target.on: [db, web]}\n"), seed=1)
    assert sorted(str(trial.factors["target.on"]) for trial in trials) == ["db", "web"]


@pytest.mark.parametrize(
    ("target", "reported"),
    [
        ("{server: epoll, on: 1}", "target.on: must be the name of a machine of the cluster, not 1"),
        (
            "{address: 'unix:/run/app.sock', on: db}",
            "target.address: only its own machine can connect to a Unix socket, and with target.on the load comes from "
            "others; use a host and a port",
        ),
        (
            "{command: [./server, --listen, 'unix:{socket}'], on: db}",
            "others; use {host} and {port}",
        ),
        ("{command: [./server], env: {SOCKET: '{socket}'}, on: db}", "others; use {host} and {port}"),
    ],
)
def test_what_other_machines_cannot_reach_is_a_mistake(tmp_path: Path, target: str, reported: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read(tmp_path, target)
    assert reported in str(caught.value)


def test_a_unix_socket_on_this_machine_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "{address: 'unix:/run/app.sock'}").target.over_unix_socket
