"""Profiles of a program that loadlab starts: its command and environment, where it listens, TLS, and sweeps of them."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadlab import targets
from loadlab.profile import LoadProfile, load_profile, plan_trials
from loadlab.profile.target import describe_command, name_of_command

from .reading import find_mistakes, read_load_profile

LOAD = "load: {connections: 1, duration: 1s}\n"
COMMAND = "{command: [./server, --port, '{port}']}"

read = partial(read_load_profile, servers=targets.catalog())
mistakes = partial(find_mistakes, servers=targets.catalog())


def starting(target: str, more: str = "") -> str:
    return f"name: x\ntarget: {target}\n{LOAD}{more}"


def dumped(profile: LoadProfile) -> dict[str, Any]:
    target: dict[str, Any] = profile.model_dump(mode="json", by_alias=True)["target"]
    return target


def test_a_command_is_a_list_of_words_and_starts_beside_the_profile(tmp_path: Path) -> None:
    profile = read(tmp_path, starting("{command: [./server, --workers, 4, '{port}'], env: {LEVEL: debug}}"))
    assert profile.target.command == ("./server", "--workers", "4", "{port}")
    assert profile.target.cwd == str(tmp_path)
    assert (profile.target.ready.path, profile.target.ready.status) == ("/", None)
    assert profile.target.name == "./server --workers 4 {port}"
    assert LoadProfile.model_validate(profile.model_dump(mode="json", by_alias=True)) == profile


def test_it_starts_there_by_whatever_path_the_profile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "x.yaml").write_text(starting(COMMAND))
    monkeypatch.chdir(tmp_path)
    loaded = load_profile(Path("service/x.yaml")).profile
    assert isinstance(loaded, LoadProfile)
    assert loaded.target.cwd == str(tmp_path / "service")


def test_one_from_the_command_line_starts_where_the_user_is(tmp_path: Path) -> None:
    profile = read(tmp_path, starting("{server: epoll, handler: cpu}"), "target.command=[./server, '{socket}']")
    assert profile.target.cwd == str(Path.cwd())
    assert "handler" not in dumped(profile)


def test_its_directory_is_relative_to_the_profile(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    profile = read(tmp_path, starting("{command: [./server, '{port}'], cwd: ./service}"))
    assert profile.target.cwd == str(tmp_path / "service")


def test_commands_are_compared_by_sweeping_lists(tmp_path: Path) -> None:
    more = "sweep: {target.command: [[./old, '{port}'], [./new, -v, '{port}']]}\nplot: {x: target.command}\n"
    trials = plan_trials(read(tmp_path, starting(COMMAND, more)), seed=1)
    commands = {trial.factors["target.command"]: trial.profile for trial in trials}
    assert sorted(map(str, commands)) == ["./new -v {port}", "./old {port}"]
    new = commands["./new -v {port}"]
    assert isinstance(new, LoadProfile)
    assert new.target.command == ("./new", "-v", "{port}")


def test_a_list_from_the_command_line_is_one_command_and_a_list_of_lists_several(tmp_path: Path) -> None:
    text = starting("{server: epoll}", "sweep: {target.server: [epoll, poll], load.idle: [0, 5]}\n")
    one = read(tmp_path, text, "target.command=[./new, '{port}']")
    assert one.target.command == ("./new", "{port}")
    assert one.sweep == {"load.idle": (0, 5)}
    two = read(tmp_path, text, "target.command=[[./old, '{port}'], [./new, '{port}']]")
    assert two.sweep["target.command"] == (("./old", "{port}"), ("./new", "{port}"))
    swept = starting(COMMAND, "sweep: {target.command: [[./a, '{port}'], [./b, '{port}']]}\n")
    assert read(tmp_path, swept, "target.command=[./c, '{port}']").sweep == {"target.command": (("./c", "{port}"),)}


def test_environment_variables_are_swept_and_whole_numbers_among_them_can_be_plotted(tmp_path: Path) -> None:
    more = "sweep: {target.env.WORKERS: ['1', 2, '04']}\nplot: {x: target.env.WORKERS}\n"
    trials = plan_trials(read(tmp_path, starting("{command: [s, '{port}'], env: {LEVEL: info}}", more)), seed=1)
    assert {trial.factors["target.env.WORKERS"] for trial in trials} == {1, 2, "04"}
    for trial in trials:
        assert isinstance(trial.profile, LoadProfile)
        assert trial.profile.target.env == {"LEVEL": "info", "WORKERS": trial.factors["target.env.WORKERS"]}


def test_an_address_from_the_command_line_takes_the_place_of_a_command_unless_that_is_given_too(tmp_path: Path) -> None:
    text = starting("{command: [./server, '{port}'], env: {A: b}}", "sweep: {target.env.A: [a, b]}\n")
    assert dumped(read(tmp_path, text, "target.address=localhost:80")) == {
        "address": "localhost:80",
        "pid": None,
        "tls": None,
    }
    both = read(tmp_path, text, "target.command=[./server]", "target.address=localhost:80", "target.env={}")
    assert (both.target.kind, both.target.address) == ("command", "localhost:80")


def test_a_command_does_not_listen_where_the_server_did_whose_place_it_takes(tmp_path: Path) -> None:
    text = starting("{address: 'localhost:80', tls: {verify: false}}")
    profile = read(tmp_path, text, "target.command=[./server, '{port}']")
    assert profile.target.address is None
    assert profile.target.tls is not None


def test_the_server_name_is_that_of_the_address_unless_it_is_given(tmp_path: Path) -> None:
    def name(target: str) -> str | None:
        settings = read(tmp_path, starting(target)).target.tls_settings
        return None if settings is None else settings.server_name

    assert name("{address: 'localhost:80'}") is None
    assert name("{address: 'app.internal:443', tls: {}}") == "app.internal"
    assert name("{address: 'unix:/run/app.sock', tls: {}}") == "localhost"
    assert name("{command: [s, '{port}'], tls: {}}") == "localhost"
    assert name("{address: '127.0.0.1:443', tls: {server_name: app.internal}}") == "app.internal"


@pytest.mark.parametrize(
    ("target", "reported"),
    [
        ("{command: ./server}", "2:19: target.command: must be a list of words, such as [python3, server.py, --port, "),
        ("{command: []}", "2:19: target.command: must be a list of words, such as"),
        ("{command: [a, true, '{port}']}", "2:19: target.command: must be text, not true; put it in quotes"),
        ("{command: [a, 1.5, '{port}']}", "2:19: target.command: must be text, not 1.5; put it in quotes"),
        ("{command: [./server]}", "2:19: target.command: does not say where to listen: put {port} or {socket} in it"),
        ("{command: [a, '{port}', '{socket}']}", "2:19: target.command: has both {port} and {socket}, and loadlab"),
        (
            "{command: [a, '{port}'], address: 'localhost:80'}",
            "2:34: target.address: has no effect with {port} in the command",
        ),
        ("{command: [a], env: {P: '{port}'}, address: 'localhost:80'}", "2:44: target.address: has no effect with"),
        ("{command: [a, '{port}'], server: epoll}", "2:9: target: has both server and command; remove one of the two"),
        ("{command: [a, '{port}'], pid: 5}", "2:34: target.pid: loadlab knows the processes of target.command"),
        (
            "{command: [a, '{port}'], handler: cpu}",
            "2:34: target.handler: is for bundled servers only, not for",
        ),
        ("{command: [a, '{port}'], pool: 4}", "2:34: target.pool: is for bundled servers only, not for target.command"),
        ("{command: [a, '{port}'], cwd: nowhere}", "2:39: target.cwd: there is no directory "),
        ("{command: [a, '{port}'], cwd: x.yaml}", "2:39: target.cwd: "),
        ("{command: [a, '{port}'], stop: SIGSTOP}", "2:40: target.stop: must be a signal that ends a program, such as"),
        (
            "{command: [a, '{port}'], env: {A-B: c}}",
            "2:40: target.env.A-B: must be the name of an environment",
        ),
        ("{command: [a, '{port}'], env: {A: 1.5}}", "2:43: target.env.A: must be text, not 1.5; put it in quotes"),
        (
            "{command: [a, '{port}'], ready: {path: health}}",
            "2:48: target.ready.path: must be a request path that",
        ),
        ("{command: [a, '{port}'], ready: {within: 30}}", "2:50: target.ready.within: "),
        ("{address: 'localhost:80', env: {A: b}}", "2:35: target.env: has no effect without target.command; remove it"),
        ("{server: epoll, ready: {path: /}}", "2:25: target.ready: has no effect without target.command; remove it"),
        ("{server: epoll, tls: {}}", "2:25: target.tls: has no effect on bundled servers; some have an option for it"),
        ("{address: 'a:1', tls: {ca: nowhere.pem}}", "2:36: target.tls.ca: cannot read "),
        ("{address: 'a:1', tls: {ca: x.yaml}}", "2:36: target.tls.ca: "),
        ("{address: 'a:1', tls: {key: x.yaml}}", "2:37: target.tls.key: is a private key without a certificate"),
        ("{address: 'a:1', tls: {verify: maybe}}", "2:40: target.tls.verify: must be true or false, not 'maybe'"),
    ],
)
def test_what_makes_no_sense_is_reported_at_its_place(tmp_path: Path, target: str, reported: str) -> None:
    found = mistakes(tmp_path, starting(target))
    assert [line for line in found if line.startswith(f"x.yaml:{reported}")], found


BINDING = "{command: [./server], env: {BIND: '{port}', LEVEL: debug}}"


def test_each_value_of_a_variable_may_name_another_place(tmp_path: Path) -> None:
    profile = read(tmp_path, starting(BINDING, "sweep: {target.env.BIND: ['{socket}', '127.0.0.1:{port}']}\n"))
    assert len(plan_trials(profile, seed=1)) == 2


@pytest.mark.parametrize(
    ("swept", "reported"),
    [
        ("['{socket}', '127.0.0.1:80']", "target.command: does not say where to listen"),
        ("['{socket}', '{socket}:{port}']", "target.command: has both {port} and {socket}"),
    ],
)
def test_each_value_of_a_variable_names_one_place(tmp_path: Path, swept: str, reported: str) -> None:
    [found] = mistakes(tmp_path, starting(BINDING, f"sweep: {{target.env.BIND: {swept}}}\n"))
    assert reported in found


@pytest.mark.parametrize(
    ("sweep", "reported"),
    [
        ("target.command: [./a, ./b]", "sweep.target.command: must be a list of words, such as"),
        ("target.command: [[a, '{port}'], [b]]", "sweep.target.command: does not say where to listen: put {port}"),
        ("target.command: [[a, '{port}'], [a, '{port}']]", "sweep.target.command: duplicate value"),
        ("target.env.A: ['1', 1]", "sweep.target.env.A: duplicate value"),
        ("target.env.A-B: [a]", "sweep.target.env.A-B: no such path in the profile"),
        ("target.server: [epoll]", "sweep.target.server: cannot be swept together with target.command"),
        ("target.env: [a]", "sweep.target.env: cannot be swept"),
    ],
)
def test_what_makes_no_sense_in_a_sweep_is_reported_at_its_place(tmp_path: Path, sweep: str, reported: str) -> None:
    found = mistakes(tmp_path, starting(COMMAND, f"sweep: {{{sweep}}}\n"))
    assert [line for line in found if reported in line], found


def test_a_place_in_the_environment_will_do(tmp_path: Path) -> None:
    assert read(tmp_path, starting("{command: [./server], env: {PORT: '{port}'}}")).target.env == {"PORT": "{port}"}
    more = "sweep: {target.env.LISTEN: ['{socket}']}\n"
    assert read(tmp_path, starting("{command: [./server]}", more)).sweep == {"target.env.LISTEN": ("{socket}",)}


def test_a_command_is_shown_as_it_would_be_typed() -> None:
    assert describe_command(["uvicorn", "app:app", "--port", "{port}"]) == "uvicorn app:app --port {port}"
    assert describe_command(["sh", "-c", "sleep 1; ./run"]) == "sh -c 'sleep 1; ./run'"


def test_in_a_sentence_a_command_is_short() -> None:
    command = ["/opt/venv/bin/uvicorn", "app:app", "--port", "{port}", "--log-level", "warning"]
    assert name_of_command(command) == "uvicorn app:app --port {port} ..."
    assert name_of_command(["./server"]) == "server"
    assert name_of_command(["python", "-c", "print(" + "1, " * 40 + ")"]) == "python -c ..."
