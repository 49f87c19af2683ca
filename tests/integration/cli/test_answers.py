"""Answers that are no answers: each is an outcome with a count, and no worker falls over it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .program import QUICK, Ended, Program

# The outcome that each fault of the server must be counted as.
OUTCOMES = {
    "malformed": "malformed",
    "cut-short": "closed_early",
    "endless-head": "too_large",
    "endless-body": "timeout",
    "mute": "timeout",
    "stalling": "timeout",
    "unavailable": "status",
    "resetting": "reset",
    "refusing": "refused",
}


@pytest.fixture(scope="module")
def measured(make_program: Callable[[], Program], cast: Path) -> tuple[Program, Ended]:
    """One trial for each fault, and one with a server that closes after each answer, which is no fault."""
    program = make_program().driven("--targets", str(cast))
    servers = ", ".join([*OUTCOMES, "closing"])
    return program, program.measure(
        QUICK + f"sweep: {{target.server: [{servers}]}}\n",
        "--set",
        "load.duration=200ms",
        "--set",
        "load.timeout=50ms",
        "--seed",
        "1",
    )


@pytest.fixture(scope="module")
def trials(measured: tuple[Program, Ended]) -> dict[str, dict[str, Any]]:
    """The trials by server."""
    return {trial["factors"]["target.server"]: trial for trial in measured[0].document()["trials"]}


@pytest.mark.parametrize(("fault", "outcome"), OUTCOMES.items())
def test_a_bad_answer_is_counted(trials: dict[str, dict[str, Any]], fault: str, outcome: str) -> None:
    trial = trials[fault]
    assert trial["state"] == "done"
    assert trial["outcomes"][outcome] > 0
    assert set(trial["outcomes"]) <= {outcome, "ok", "cut"}
    assert (trial["requests"], trial["response_ns"]["count"], trial["response_ns"]["p50"]) == (0, 0, None)
    assert trial["verdict"]["state"] == "invalid"
    assert "no_requests" in [finding["code"] for finding in trial["verdict"]["findings"]]


def test_a_server_that_closes_after_each_answer_is_no_fault(trials: dict[str, dict[str, Any]]) -> None:
    trial = trials["closing"]
    assert trial["requests"] > 4  # more than there are connections: each was opened anew
    assert set(trial["outcomes"]) <= {"ok", "cut"}
    assert trial["verdict"]["state"] != "invalid"


def test_the_run_is_invalid_and_says_why(measured: tuple[Program, Ended]) -> None:
    program, ended = measured
    assert ended.code == 3
    assert (
        f"{len(OUTCOMES)} of {len(OUTCOMES) + 1} trials: No request was answered as expected in the measured window. "
        "Check that the target speaks HTTP and answers the profile's path with the expected status, "
        "or measure for longer than one answer takes."
    ) in ended.stderr.splitlines()
    assert program.document()["verdict"] == "invalid"


def test_the_page_shows_them(measured: tuple[Program, Ended]) -> None:
    measured[0].check_drawable()
