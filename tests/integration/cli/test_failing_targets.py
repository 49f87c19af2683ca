"""Targets that do not start, or end in the midst of it: the trial fails with one sentence, and the next one runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .program import QUICK, Ended, Program

SENTENCES = {
    "failing": r"target 'failing' ended with code 1 before it was ready: \[db\] the database is not there",
    "crashing": r"target 'crashing' ended with code 1 before it was ready: RuntimeError: no such table: users$",
    "chatty": r"target 'chatty' printed 'Listening on port 80, have fun!' where its READY line belongs",
    "hanging": r"target 'hanging' was not ready within 0\.5 s; it must print a READY line",
    "dying": r"target 'dying' ended with code 7: no memory left for another session",
    "killed": r"target 'killed' was killed by SIGKILL",
}


@pytest.fixture(scope="module")
def measured(make_program: Callable[[], Program], cast: Path) -> tuple[Program, Ended]:
    """One trial for each of these targets, and for one that is well."""
    program = make_program().driven("--targets", str(cast), "--ready-within", "hanging:0.5")
    servers = ", ".join([*SENTENCES, "epoll"])
    return program, program.measure(QUICK + f"sweep: {{target.server: [{servers}]}}\n", "--seed", "1")


@pytest.fixture(scope="module")
def trials(measured: tuple[Program, Ended]) -> dict[str, dict[str, Any]]:
    """The trials by server."""
    return {trial["factors"]["target.server"]: trial for trial in measured[0].document()["trials"]}


@pytest.mark.parametrize(("server", "sentence"), SENTENCES.items())
def test_the_failure_is_told_in_one_line(
    measured: tuple[Program, Ended], trials: dict[str, dict[str, Any]], server: str, sentence: str
) -> None:
    trial = trials[server]
    assert trial["state"] == "failed"
    assert trial["verdict"]["state"] == "invalid"
    assert re.match(sentence, trial["reason"])
    lines = [line for line in measured[1].stderr.splitlines() if trial["reason"] in line]
    assert lines == [f"{int(trial['id'])}/{len(trials)} server {server}: failed: {trial['reason']}"]


@pytest.mark.parametrize("server", ["crashing", "killed"])
def test_where_to_look_is_told_once(program: Program, cast: Path, server: str) -> None:
    ended = program.driven("--targets", str(cast)).measure(QUICK, "--set", f"target.server={server}")
    assert ended.stderr.count("loadlab serve ") == 1


def test_the_others_are_measured(trials: dict[str, dict[str, Any]]) -> None:
    assert set(trials) == {*SENTENCES, "epoll"}
    assert trials["epoll"]["state"] == "done"
    assert trials["epoll"]["requests"] > 0


def test_the_run_is_invalid_and_drawable(measured: tuple[Program, Ended]) -> None:
    program, ended = measured
    assert ended.code == 3
    assert program.document()["verdict"] == "invalid"
    program.check_drawable()
