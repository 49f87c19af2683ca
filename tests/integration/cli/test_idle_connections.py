"""Idle connections that cannot be opened, or die: told as findings, with how many."""

from typing import Any

import pytest

from .program import QUICK, Program


def measure_idle(program: Program, server: str, *settings: str) -> tuple[int, dict[str, Any]]:
    """Measure that server with 20 idle connections; return the exit code and the trial."""
    changes = [
        part for setting in (f"target.server={server}", "load.idle=20", *settings) for part in ("--set", setting)
    ]
    ended = program.measure(QUICK, *changes)
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    return ended.code, trial


def codes(trial: dict[str, Any]) -> set[str]:
    """Return the codes of what was found."""
    return {finding["code"] for finding in trial["verdict"]["findings"]}


def test_a_target_that_closes_idle_connections(faulty: Program) -> None:
    code, trial = measure_idle(faulty, "impatient", "load.warmup=0", "load.duration=600ms")
    assert code == 3
    assert (trial["idle"]["opened"], trial["idle"]["alive"]) == (20, 0)
    assert "idle_died" in codes(trial)
    assert trial["requests"] > 0
    faulty.check_drawable()


def test_a_target_that_does_not_accept_who_says_nothing(faulty: Program) -> None:
    code, trial = measure_idle(faulty, "deferring", "load.idle=100")
    idle = trial["idle"]
    assert code == 3
    # The target's own descriptors pass for accepted connections: standard streams, listener, and a few of Python's.
    assert 0 < idle["opened"] < 30
    assert idle["problem"] == f"the target did not accept {100 - idle['opened']} of them"
    assert "idle_not_opened" in codes(trial)
    assert trial["requests"] > 0


@pytest.mark.parametrize(
    ("server", "opened", "problem"),
    [
        ("refusing", 0, "Connection refused"),
        ("mute", 2, "no answer in time: its backlog or its open files may be full"),
    ],
)
def test_a_target_that_does_not_let_them_in(faulty: Program, server: str, opened: int, problem: str) -> None:
    code, trial = measure_idle(faulty, server, "load.timeout=300ms")
    idle = trial["idle"]
    assert code == 3
    assert (idle["wanted"], idle["opened"], idle["problem"]) == (20, opened, problem)
    assert "idle_not_opened" in codes(trial)
    faulty.check_drawable()
