"""Ctrl-C and its relatives at every point of a run: what was measured stays, no process does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from .program import ANY_VERDICT, QUICK, Program, wait_until
from .terminal import ANSWERED, Terminal, open_terminal

LONG_WARM_UP = ("--set", "load.warmup=60s")
LONG_WINDOW = ("--set", "load.duration=60s")
# In this order by the seed.
SHORT_THEN_LONG = QUICK + "sweep: {load.duration: [100ms, 60s]}\nseed: 2\n"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a run that lasts until somebody ends it; `shown` is what the terminal shows then."""

    server: str
    settings: tuple[str, ...]
    shown: str


MOMENTS = {
    "starting": Moment("hanging", (), "starting hanging"),
    "opening": Moment("slow", ("--set", "load.idle=9k", "--set", "load.timeout=60s"), "opening idle connections: "),
    "asking": Moment(
        "slow",
        ("--set", "load.idle=9k", "--set", "load.timeout=60s", "--set", "load.idle_protocol=http"),
        "opening idle connections: ",
    ),
    "warming up": Moment("epoll", LONG_WARM_UP, "warming up"),
    "measuring": Moment("epoll", (*LONG_WINDOW, "--set", "load.idle=50"), ANSWERED),
}


@contextmanager
def run_until(program: Program, name: str) -> Iterator[Terminal]:
    """Run a profile on a terminal as far as that moment."""
    moment = MOMENTS[name]
    arguments = program.measure_arguments(QUICK, "--set", f"target.server={moment.server}", *moment.settings)
    with open_terminal(program, *arguments) as terminal:
        terminal.wait_shown(moment.shown)
        yield terminal


def check_interrupted(program: Program) -> dict[str, Any]:
    """Check what an interrupted run leaves on disk; return its last trial."""
    document = program.document()
    assert document["interrupted"] is True
    assert document["verdict"] == "invalid"
    assert document["finished"] is not None
    *_, last = document["trials"]
    assert (last["state"], last["verdict"]["state"] != "valid") == ("interrupted", True)
    assert (program.run_directory() / "index.html").exists()
    program.check_drawable()
    found: dict[str, Any] = last
    return found


@pytest.mark.parametrize("name", MOMENTS)
def test_control_c_at_the_terminal(faulty: Program, name: str) -> None:
    with run_until(faulty, name) as terminal:
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    assert "stopped before its end" in terminal.shown
    assert "1 of 1 trials" not in terminal.shown  # its user knows why it lacks requests
    assert "Traceback" not in terminal.shown
    idle = check_interrupted(faulty)["idle"]
    if name in ("opening", "asking"):  # what was opened so far is in the result
        assert idle["wanted"] == 9000
        assert 0 < idle["opened"] < 9000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_to_the_program_alone(faulty: Program, number: signal.Signals) -> None:
    with run_until(faulty, "measuring") as terminal:
        terminal.process.send_signal(number)
        assert terminal.wait_ended() == 130
    trial = check_interrupted(faulty)
    assert trial["requests"] == trial["outcomes"]["ok"] > 0
    assert trial["idle"]["opened"] == 50


def test_the_window_is_closed(faulty: Program) -> None:
    with run_until(faulty, "measuring") as terminal:
        terminal.close()
        assert terminal.wait_ended() == 130
    assert check_interrupted(faulty)["requests"] > 0


def test_control_c_twice(faulty: Program) -> None:
    """A target that does not go by itself makes the program linger, and the user impatient."""
    arguments = faulty.measure_arguments(QUICK, "--set", "target.server=stubborn", *LONG_WINDOW)
    with open_terminal(faulty, *arguments) as terminal:
        terminal.wait_shown(ANSWERED)
        terminal.press_control_c()
        wait_until(lambda: not faulty.pids_of("loadlab.fleet.worker"))  # now it waits for the target
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    assert "Traceback" not in terminal.shown
    assert check_interrupted(faulty)["requests"] > 0


def test_control_c_while_the_target_is_stopped(faulty: Program) -> None:
    """The trial is over then; its target, two processes that only SIGKILL ends, must go all the same."""
    arguments = faulty.measure_arguments(QUICK, "--set", "target.server=stubborn", "--repeat", "100")
    with open_terminal(faulty, *arguments) as terminal:
        wait_until(lambda: bool(faulty.pids_of("loadlab.fleet.worker")))
        wait_until(lambda: not faulty.pids_of("loadlab.fleet.worker"))
        terminal.press_control_c()
        assert terminal.wait_ended() == 130
    assert faulty.document()["interrupted"] is True
    faulty.check_drawable()


@pytest.mark.parametrize("moment", ["write_trial:1", "write_latency_log:1"])
def test_control_c_between_trials(program: Program, moment: str) -> None:
    """Just before the program writes something down, which no test from outside could time."""
    interrupted = program.driven("--interrupt-before", moment)
    ended = interrupted.measure(QUICK, "--repeat", "2", "--set", "load.duration=50ms")
    assert ended.code == 130
    document = program.document()
    assert document["trials"]
    assert document["interrupted"] is True
    assert (program.run_directory() / "index.html").exists()
    program.check_drawable()


def test_control_c_when_all_is_measured(program: Program) -> None:
    """Nothing is left to interrupt: the page is drawn, and the run is whole."""
    ended = program.driven("--interrupt-before", "write_page:1").measure(
        QUICK, "--set", "load.duration=50ms", ANY_VERDICT
    )
    assert ended.code == 0
    assert program.document()["interrupted"] is False
    assert (program.run_directory() / "index.html").exists()


def test_the_program_itself_is_killed(program: Program) -> None:
    arguments = program.measure_arguments(SHORT_THEN_LONG, "--set", "load.idle=50")
    with program.started(*arguments) as process:
        wait_until(lambda: trials_on_disk(program) > 0)
        wait_until(lambda: bool(program.pids_of("loadlab.fleet.worker")))
        process.kill()
    program.check_nothing_left()
    # run.json is written at the end; until then each trial has a file of its own.
    ended = program.run("report", str(program.run_directory()))
    assert (ended.code, ended.stderr) == (0, "")
    document = program.document()
    assert [trial["state"] for trial in document["trials"]] == ["done"]
    assert (document["trials_planned"], document["finished"]) == (2, None)
    program.check_drawable()


def trials_on_disk(program: Program) -> int:
    """Return how many trials are on disk by now."""
    return len([*program.reports.glob("*/trials/*/trial.json")])
