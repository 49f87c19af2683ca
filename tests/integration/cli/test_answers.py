"""Answers that are no answers: each is an outcome with a count, and no worker falls over it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .faulty_server import REQUESTS_BEFORE_THE_FAULT
from .foreign_servers import faulty_serving
from .program import ANY_VERDICT, QUICK, Ended, Program

# The outcome that each fault of the server must be counted as, by whether the client's patience has to end for it.
ANSWERED = {
    "malformed": "malformed",
    "cut-short": "closed_early",
    "endless-head": "too_large",
    "unavailable": "status",
    "resetting": "reset",
    "refusing": "refused",
}
NEVER_ANSWERED = {"endless-body": "timeout", "mute": "timeout"}


def measure_servers(program: Program, servers: list[str], timeout: str) -> Ended:
    """Run a short trial with each of these servers."""
    sweep = f"sweep: {{target.server: [{', '.join(servers)}]}}\n"
    settings = ("load.duration=200ms", f"load.timeout={timeout}")
    return program.measure(QUICK + sweep, *(part for setting in settings for part in ("--set", setting)))


@pytest.fixture(scope="module")
def measured(make_program: Callable[[], Program], cast: Path) -> tuple[Program, Ended]:
    """One trial for each fault that shows by itself, and one with a server that closes after each answer.

    However long a busy machine holds them up, none may end as a timeout.
    """
    program = make_program().driven("--targets", str(cast))
    return program, measure_servers(program, [*ANSWERED, "closing"], timeout="60s")


@pytest.fixture(scope="module")
def measured_impatiently(make_program: Callable[[], Program], cast: Path) -> tuple[Program, Ended]:
    """One trial for each fault that only the client's patience ends."""
    program = make_program().driven("--targets", str(cast))
    return program, measure_servers(program, [*NEVER_ANSWERED, "stalling"], timeout="50ms")


@pytest.fixture(scope="module")
def trials(measured: tuple[Program, Ended], measured_impatiently: tuple[Program, Ended]) -> dict[str, dict[str, Any]]:
    """The trials of both runs by server."""
    programs = (measured[0], measured_impatiently[0])
    return {trial["factors"]["target.server"]: trial for program in programs for trial in program.document()["trials"]}


@pytest.mark.parametrize(("fault", "outcome"), [*ANSWERED.items(), *NEVER_ANSWERED.items()])
def test_a_bad_answer_is_counted(trials: dict[str, dict[str, Any]], fault: str, outcome: str) -> None:
    trial = trials[fault]
    assert trial["state"] == "done"
    assert trial["outcomes"][outcome] > 0
    assert set(trial["outcomes"]) <= {outcome, "ok", "cut"}
    assert (trial["requests"], trial["response_ns"]["count"], trial["response_ns"]["p50"]) == (0, 0, None)
    assert trial["verdict"]["state"] == "invalid"
    assert "no_requests" in [finding["code"] for finding in trial["verdict"]["findings"]]


def test_a_server_that_stops_answering_is_counted_from_then_on(trials: dict[str, dict[str, Any]]) -> None:
    trial = trials["stalling"]
    assert trial["outcomes"]["timeout"] > 0
    assert set(trial["outcomes"]) <= {"timeout", "ok", "cut"}
    assert trial["requests"] <= REQUESTS_BEFORE_THE_FAULT


def test_a_server_that_closes_after_each_answer_is_no_fault(trials: dict[str, dict[str, Any]]) -> None:
    trial = trials["closing"]
    assert trial["requests"] > 4  # more than there are connections: each was opened anew
    assert set(trial["outcomes"]) <= {"ok", "cut"}
    assert {finding["code"] for finding in trial["verdict"]["findings"]}.isdisjoint({"no_requests", "failures"})


def test_the_run_is_invalid_and_says_why(measured: tuple[Program, Ended]) -> None:
    program, ended = measured
    assert ended.code == 3
    lines, number = ended.stderr.splitlines(), len(ANSWERED) + 1
    assert f"{len(ANSWERED)} of {number} trials: No request succeeded in the measured window." in lines
    for failure, advice in (
        ("malformed response", "Check that this is an HTTP/1.1 server, over TLS only if target.tls says so"),
        ("connection reset", "Look in the target's log for why it ended connections"),
        ("connection refused", "Check that the target listens at this address"),
        ("status 503", "Look at what the target answers"),
    ):
        (line,) = (line for line in lines if f"(most often: {failure})" in line)
        assert line.startswith(f"1 of {number} trials: All requests failed ")
        assert advice in line
    assert not any("Lower the load" in line for line in lines)
    assert any(line.startswith("Failed: malformed response (") and "received: " in line for line in lines)
    assert any(
        line.startswith("Failed: unexpected status (") and ": status 503; received: HTTP/1.1 503" in line
        for line in lines
    )
    assert program.document()["verdict"] == "invalid"


def test_the_page_shows_them(measured: tuple[Program, Ended], measured_impatiently: tuple[Program, Ended]) -> None:
    for program, _ in (measured, measured_impatiently):
        program.check_drawable()


def test_the_largest_of_nine_times_is_their_90th_percentile(program: Program) -> None:
    # In 540 ms there is time for the slow answer and eight others at most; there may be fewer on a busy machine.
    profile = "name: slow-at-first\ntarget: {address: 127.0.0.1:1}\nload: {connections: 1, warmup: 0, timeout: 60s}\n"
    with faulty_serving("slow-at-first") as server:
        settings = (f"target.address={server.address}", "load.duration=540ms", "expect=[p90 < 100ms]")
        ended = program.measure(profile, *(part for each in settings for part in ("--set", each)), ANY_VERDICT)
    (trial,) = program.document()["trials"]
    assert 1 <= trial["requests"] <= 9
    assert trial["response_ns"]["p90"] == trial["response_ns"]["max"] >= 300_000_000
    assert (ended.code, trial["expectations"][0]["met"]) == (1, False)
