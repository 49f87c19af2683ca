"""A scenario in place of requests: what may stand beside it, and its sources, checked with the profile."""

from pathlib import Path

import pytest

from loadlab.profile import LoadProfile, plan_trials
from loadlab.profile.scenario import read_scenario

from ..reading import find_mistakes, read_load_profile

LOAD = "name: x\ntarget: {server: coroutine}\nload:\n  scenario: shop.py:checkout\n  connections: 4\n  duration: 1s\n"
SHOP = "async def checkout(user): ...\nasync def browse(user): ...\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "users.csv").write_text("name,password\nann,secret\n")
    return tmp_path


@pytest.mark.parametrize(
    "added",
    [
        "",
        "  rate: 200\n  arrivals: poisson\n",
        "  think: 1s\n  think_times: exponential\n",
        "  data: {file: users.csv, order: random}\n",
        "  expect_status: [2xx, 404]\n",
        "  timeout: 1s\n  retry: false\n  connection: per-request\n  workers: 1\n",
        "  idle: 10\n  idle_protocol: http\n  idle_path: /hello\n",
        "  protocol: http\n",
        "rounds: 3\nprobes: all\n",
        "sweep: {load.connections: [1, 2]}\n",
    ],
)
def test_what_may_stand_beside_a_scenario(folder: Path, added: str) -> None:
    profile = read_load_profile(folder, LOAD + added)
    assert profile.load.scenario == f"{folder}/shop.py:checkout"
    assert profile.handlers == (("hello",) if "idle" in added else ())


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        ("  path: /x\n", "load.path: has no effect with load.scenario, which sends requests of its own; remove one"),
        ("  request: {path: /x}\n", "load.request: has no effect with load.scenario, which sends requests of its own"),
        ("  mix: [{path: /x}]\n", "load.mix: has no effect with load.scenario, which sends requests of its own"),
        ("  message: {text: x}\n", "load.message: has no effect with load.scenario, where user.websocket() opens"),
        ("  messages: [{text: x}]\n", "load.messages: has no effect with load.scenario, where user.websocket() opens"),
        ("  subprotocol: chat\n", "load.subprotocol: has no effect with load.scenario, where user.websocket() opens"),
        ("  greeting: {bytes: 3}\n", "load.greeting: has no effect with load.scenario"),
        ("  senders: slow\n", "load.senders: cannot be combined with load.scenario; remove one of the two"),
        ("  slow_connections: 3\n", "load.slow_connections: cannot be combined with load.scenario; remove one of the"),
        ("  request_count: 100\n", "load.request_count: cannot be combined with load.scenario; set a duration"),
        (
            "  protocol: websocket\n",
            "load.protocol: 'websocket' cannot be combined with load.scenario: a scenario speaks",
        ),
        ("  idle_path: /x\n", "load.idle_path: has no effect without load.idle; set that too"),
        ("  data: {file: none.csv}\n", "none.csv cannot be read: No such file or directory"),
        ("sweep: {load.path: [/a, /b]}\n", "sweep.load.path: has no effect with load.scenario"),
        ("sweep: {load.request.method: [GET]}\n", "sweep.load.request.method: has no effect with load.scenario"),
    ],
)
def test_what_may_not(folder: Path, added: str, reported: str) -> None:
    (found,) = find_mistakes(folder, LOAD + added)
    assert reported in found.replace(f"{folder}/", "")


def test_a_handler_is_for_idle_connections_only(folder: Path) -> None:
    text = LOAD.replace("coroutine", "coroutine, handler: sleep")
    (found,) = find_mistakes(folder, text)
    assert "target.handler: has no effect with load.scenario, which sends requests of its own" in found
    assert read_load_profile(folder, f"{text}  idle: 10\n").handlers == ("sleep",)


@pytest.mark.parametrize("written", ["shop.py", "shop:checkout", "3", "''"])
def test_what_names_no_scenario(folder: Path, written: str) -> None:
    (found,) = find_mistakes(folder, LOAD.replace("shop.py:checkout", written))
    assert "load.scenario: must be a Python file and one of its functions, such as shop.py:checkout, not" in found


def test_mistakes_in_the_sources_have_both_places(folder: Path) -> None:
    (folder / "shop.py").write_text("def chekout(user): ...\ndef setup(shared): ...\nasync def on_start(): ...\n")
    assert find_mistakes(folder, LOAD) == [
        f"x.yaml:4:13: load.scenario: {folder}/shop.py has no function 'checkout'",
        f"x.yaml:4:13: load.scenario: {folder}/shop.py:2: setup is not a coroutine; write async def setup(shared)",
        f"x.yaml:4:13: load.scenario: {folder}/shop.py:3: on_start takes no parameter, but is called with one: "
        "async def on_start(user)",
    ]


def test_a_scenario_can_be_swept_and_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    profile = read_load_profile(folder, LOAD, "load.scenario=[shop.py:checkout, shop.py:browse]")
    trials = [trial.profile for trial in plan_trials(profile, 1)]
    found = {trial.load.scenario for trial in trials if isinstance(trial, LoadProfile)}
    assert found == {f"{folder}/shop.py:checkout", f"{folder}/shop.py:browse"}
    assert read_load_profile(folder, LOAD, "load.scenario=shop.py:browse").load.scenario == f"{folder}/shop.py:browse"
    (missing,) = find_mistakes(folder, LOAD, "load.scenario=shop.py:order")
    assert missing == (
        f"--set load.scenario=shop.py:order: load.scenario: {folder}/shop.py has no function 'order'; "
        "it has checkout and browse"
    )


def test_where_selects_trials_by_the_name_of_the_file_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    swept = "load.scenario=[shop.py:checkout, shop.py:browse]"
    selected = "expect=[{expect: p99 < 1s, where: {load.scenario: shop.py:browse}}]"
    assert read_load_profile(folder, LOAD, swept, selected).expect
    (mistake,) = find_mistakes(folder, LOAD, swept, selected.replace("browse", "order"))
    assert mistake.endswith("matches no trial; the trials have 'shop.py:checkout', 'shop.py:browse'")


def test_the_sources_are_kept_as_they_were_checked(folder: Path) -> None:
    read_load_profile(folder, LOAD)
    (folder / "shop.py").unlink()
    assert read_scenario(f"{folder}/shop.py", "checkout").files == {"shop.py": SHOP}


def test_the_keys_of_other_tools_are_known(folder: Path) -> None:
    found = find_mistakes(folder, LOAD.replace("scenario:", "script:"))
    assert found == ["x.yaml:4:3: load.script: unknown key; did you mean 'scenario'?"]
