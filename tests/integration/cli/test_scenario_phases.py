"""A scenario from setup to teardown, and what becomes of a run in which any part of it fails."""

import json
import os
import signal
from pathlib import Path
from typing import Any, Final

import pytest

from .program import ANY_VERDICT, Ended, Program, wait_until
from .terminal import open_terminal

PROFILE: Final = """\
name: phases
target: {server: shop}
load: {scenario: shop.py:order, connections: 3, workers: 2, warmup: 100ms, duration: 400ms, timeout: 2s}
"""
ITERATION: Final = """
async def order(user):
    await user.http.get("/items")
    await user.sleep(0.005)
"""
# Each phase leaves a line behind, in a file beside the scenario.
NOTES: Final = """
import json, os
FOLDER = %r

def note(what, value=None):
    with open(os.path.join(FOLDER, "notes"), "a") as file:
        file.write(json.dumps([what, value]) + "\\n")

async def setup(shared):
    answer = await shared.http.post("/login", json={"name": "admin"})
    note("setup", [row["name"] for row in shared.data])
    print("made a token")
    return {"token": answer.json()["token"]}

async def teardown(shared):
    note("teardown", shared.shared)

async def on_start(user):
    note("on_start", [user.number, user.shared])

async def on_stop(user):
    await user.http.get("/items")
    note("on_stop", user.number)
"""


def run(program: Program, scenario: str, *arguments: str) -> Ended:
    (program.directory / "shop.py").write_text(scenario)
    return program.measure(PROFILE, ANY_VERDICT, *arguments)


def with_notes(program: Program) -> str:
    return NOTES % str(program.directory) + ITERATION


def notes(program: Program) -> list[tuple[str, Any]]:
    path = program.directory / "notes"
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def names(program: Program) -> list[str]:
    return [name for name, _ in notes(program)]


def scenario_log(program: Program) -> str:
    return (program.run_directory() / "trials" / "001" / "scenario.log").read_text()


def test_all_phases_in_their_order(program: Program) -> None:
    (program.directory / "users.csv").write_text("name\nada\nbob\n")
    data = json.dumps({"file": str(program.directory / "users.csv")})
    ended = run(program, with_notes(program), "--set", f"load.data={data}")
    assert ended.code == 0, ended.stderr
    found = notes(program)
    assert found[0] == ("setup", ["ada", "bob"])
    token = found[-1][1]["token"]
    assert found[-1] == ("teardown", {"token": token})
    starts = [value for name, value in found if name == "on_start"]
    assert sorted(number for number, _ in starts) == [0, 1, 2]
    assert all(shared == {"token": token} for _, shared in starts)
    assert sorted(value for name, value in found[-4:-1] if name == "on_stop") == [0, 1, 2]
    assert scenario_log(program) == "--- setup\nmade a token\n"
    assert "what the scenario printed: " in ended.stderr
    trial = program.document()["trials"][0]
    # What on_stop sends is not counted: only what the window has seen.
    assert trial["requests"] == sum(kind["requests"] for kind in trial["kinds"] if kind["level"] == "request")


def test_rounds_have_their_setup_once(program: Program) -> None:
    settings = ("--set", "rounds=3", "--set", "load.duration=100ms")
    ended = run(program, with_notes(program), *settings)
    assert ended.code == 0, ended.stderr
    assert (names(program).count("setup"), names(program).count("on_stop"), names(program)[-1]) == (1, 3, "teardown")
    assert len(program.document()["trials"][0]["rounds"]) == 3


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (
            "async def setup(shared):\n    (await shared.http.get('/nowhere')).raise_for_status()\n",
            "setup failed:\nshop.py:2 in setup\n    (await shared.http.get('/nowhere')).raise_for_status()\nin httpx\n",
        ),
        ("async def setup(shared):\n    return object()\n", "setup failed:\nsetup has to return plain data"),
        (
            "async def on_start(user):\n    {}[user.number]\n",
            "shop.py:2 in on_start\n    {}[user.number]\nKeyError: ",
        ),
        ("1 / 0\n", "shop.py:1 in <module>\n    1 / 0\nZeroDivisionError: division by zero"),
    ],
    ids=["setup", "no plain data", "on_start", "import"],
)
def test_what_fails_before_the_load_ends_the_run_with_the_users_lines(
    program: Program, scenario: str, message: str
) -> None:
    ended = run(program, scenario + ITERATION, "--repeat", "3")
    assert ended.code == 2
    assert message in ended.stderr
    document = program.document()
    assert [trial["state"] for trial in document["trials"]] == ["failed"]
    assert document["finished"] is not None
    program.check_drawable()


def test_a_scenario_that_always_fails_ends_the_run_and_keeps_earlier_trials(program: Program) -> None:
    (program.directory / "fails.py").write_text(
        "async def order(user):\n    await user.http.get('/items')\n    {}['é']\n"
    )
    scenarios = json.dumps([str(program.directory / f"{name}.py:order") for name in ("shop", "fails")])
    ended = run(program, with_notes(program), "--set", f"load.scenario={scenarios}", "--set", "seed=1", "--repeat", "2")
    assert ended.code == 2
    assert "all of the first 100 iterations failed, the last one with:\nfails.py:3 in order\n" in ended.stderr
    assert "KeyError: 'é'" in ended.stderr
    trials = program.document()["trials"]
    assert [trial["state"] for trial in trials] == ["done"] * (len(trials) - 1) + ["failed"]
    assert f"page, with what was measured until then: {program.run_directory() / 'index.html'}" in ended.stderr
    assert (program.run_directory() / "index.html").exists()
    assert trials[-1]["reason"] == "the scenario cannot be run: KeyError: 'é'"
    # Those that were set up were torn down.
    assert names(program).count("setup") == names(program).count("teardown") == len(trials) - 1


def test_a_teardown_that_fails_ends_the_run_behind_a_trial_that_counts(program: Program) -> None:
    ended = run(program, "async def teardown(shared):\n    {}['x']\n" + ITERATION, "--repeat", "2")
    assert ended.code == 2
    assert "teardown failed:\nshop.py:2 in teardown\n    {}['x']\nKeyError: 'x'" in ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    assert trial["requests"] > 0


def test_users_that_do_not_leave_in_order_cost_no_figure(program: Program) -> None:
    ended = run(program, "async def on_stop(user):\n    {}['gone']\n" + ITERATION)
    assert ended.code == 0, ended.stderr
    assert program.document()["trials"][0]["state"] == "done"
    assert "--- on_stop\non_stop: shop.py:2 in on_stop\n    {}['gone']\nKeyError: 'gone'" in scenario_log(program)


def test_megabytes_of_prints_neither_block_nor_fill_the_disk(program: Program) -> None:
    printing = "    print('first', user.number, 'x' * 100_000)\n"
    ended = run(program, ITERATION + printing)
    assert ended.code == 0, ended.stderr
    log = scenario_log(program)
    assert log.startswith("--- load worker 1\nfirst ")
    assert 200_000 < len(log) < 2**20
    assert program.document()["trials"][0]["requests"] > 6  # of three users that would wait in their first print


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(3)", "ended with code 3: leaving"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL: leaving"),
    ],
)
def test_a_scenario_that_ends_its_process_fails_its_trial(program: Program, statement: str, reason: str) -> None:
    ended = run(program, f"import os\n{ITERATION}    print('leaving')\n    {statement}\n")
    assert ended.code == 0  # the verdict is accepted
    (trial,) = program.document()["trials"]
    assert trial["state"] == "failed"
    assert trial["reason"].startswith("load worker ")
    assert trial["reason"].endswith(reason)
    assert "leaving" in scenario_log(program)


MOMENTS: Final = {
    "setup": "async def setup(shared):\n    await shared.http.get('/slow?ms=60000', timeout=60)\n" + ITERATION,
    "on_start": "async def on_start(user):\n    await user.sleep(60)\n" + ITERATION,
    "measuring": ITERATION,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_control_c(program: Program, moment: str) -> None:
    (program.directory / "shop.py").write_text(MOMENTS[moment])
    arguments = program.measure_arguments(PROFILE, "--set", "load.duration=60s")
    with open_terminal(program, *arguments) as terminal:
        terminal.wait_shown("connecting 3" if moment == "on_start" else moment)
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    assert "Traceback" not in terminal.shown
    assert program.document()["interrupted"] is True
    program.check_nothing_left()


def test_control_c_has_what_was_set_up_torn_down(program: Program) -> None:
    (program.directory / "shop.py").write_text(with_notes(program))
    arguments = program.measure_arguments(PROFILE, "--set", "load.duration=60s")
    with open_terminal(program, *arguments) as terminal:
        terminal.wait_shown("measuring")
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    assert names(program)[-1] == "teardown"
    assert "on_stop" not in names(program)


def test_a_second_control_c_does_not_wait_for_teardown(program: Program) -> None:
    hanging = "async def teardown(shared):\n    open(%r, 'w').close()\n    await shared.sleep(60)\n"
    begun = program.directory / "begun"
    (program.directory / "shop.py").write_text(hanging % str(begun) + ITERATION)
    arguments = program.measure_arguments(PROFILE, "--set", "load.duration=60s")
    with open_terminal(program, *arguments) as terminal:
        terminal.wait_shown("measuring")
        terminal.press_control_c()
        wait_until(begun.exists)
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    program.check_nothing_left()


def test_a_worker_that_is_killed_fails_the_trial(program: Program) -> None:
    (program.directory / "shop.py").write_text(with_notes(program))
    with program.started(*program.measure_arguments(PROFILE, "--set", "load.duration=60s")) as process:
        wait_until(lambda: names(program).count("on_start") == 3)
        os.kill(program.pids_of("loadlab.fleet.scenario_worker")[0], signal.SIGKILL)
        ended = program.finish(process)
    assert ended.code == 3
    (trial,) = program.document()["trials"]
    assert (trial["state"], trial["reason"].endswith("was killed by SIGKILL")) == ("failed", True)
    assert names(program)[-1] == "teardown"


def test_nothing_outlives_a_program_that_is_killed(program: Program) -> None:
    (program.directory / "shop.py").write_text(with_notes(program))
    with program.started(*program.measure_arguments(PROFILE, "--set", "load.duration=60s")) as process:
        wait_until(lambda: names(program).count("on_start") == 3)
        process.kill()
    program.check_nothing_left()


def test_a_server_that_dies_fails_the_trial_and_is_not_torn_down(program: Program) -> None:
    (program.directory / "shop.py").write_text(with_notes(program))
    with program.started(*program.measure_arguments(PROFILE, "--set", "load.duration=60s")) as process:
        wait_until(lambda: names(program).count("on_start") == 3)
        os.kill(program.pids_of(str(Path("targets") / "shop.py"))[0], signal.SIGKILL)
        ended = program.finish(process)
    assert ended.code == 3
    (trial,) = program.document()["trials"]
    assert trial["state"] == "failed"
    assert "target 'shop' was killed by SIGKILL" in trial["reason"]


def test_a_server_that_stops_answering_is_timeouts(program: Program) -> None:
    scenario = "async def order(user):\n    await user.http.get('/slow?ms=60000')\n"
    ended = run(program, scenario, "--set", "load.timeout=200ms")
    assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    assert trial["outcomes"]["timeout"] > 0
    assert trial["requests"] == 0
