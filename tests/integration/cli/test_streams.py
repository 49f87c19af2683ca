"""Streams, measured by the program: events of servers that ship and of real ones, and answers that come in pieces."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .program import ANY_VERDICT, Program
from .streaming_app import BETWEEN_SECONDS, FIRST_SECONDS, TOKENS

BUNDLED = """\
name: events
target: {server: SERVER, handler: events}
load: {protocol: events, path: "/events?every=20ms", connections: 20, warmup: 300ms, duration: 600ms}
"""
TOKENS_OF = f"""\
name: tokens
target:
  command: [{sys.executable}, -m, uvicorn, "streaming_app:app", --port, "{{port}}"]
  cwd: {Path(__file__).parent}
  ready: {{path: /}}
load:
  connections: 4
  request: {{method: POST, path: /complete, json: {{prompt: hello}}}}
  warmup: 100ms
  duration: 1s
"""
MS = 1_000_000


def only_trial(program: Program) -> dict[str, Any]:
    program.check_drawable()
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    assert isinstance(trial, dict)
    return trial


def outcomes(trial: dict[str, Any]) -> set[str]:
    return {outcome for outcome, count in trial["outcomes"].items() if count}


@pytest.mark.parametrize("server", ["coroutine", "callback", "asyncio", "node"])
def test_events_of_a_server_that_ships(program: Program, server: str, need_program: Callable[[str], str]) -> None:
    if server == "node":
        need_program("node")
    ended = program.measure(BUNDLED.replace("SERVER", server), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["protocol"] == "events"
    assert outcomes(trial) == {"ok"}  # a stream that is open when the window ends is no request that was cut
    assert trial["requests"] > 20
    assert trial["delay_ns"]["count"] == trial["requests"]
    assert trial["gap_ns"]["count"] <= trial["requests"]
    assert trial["received_bytes"] > 50 * trial["requests"]
    assert trial["ended"] == 0
    assert sum(trial["statuses"].values()) < trial["requests"] / 2  # of streams, and not of each event


def test_streams_are_opened_for_each_round_anew(program: Program) -> None:
    profile = BUNDLED.replace("SERVER", "coroutine") + "sweep: {load.connections: [5, 10]}\nrounds: 2\n"
    ended = program.measure(profile, ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    for trial in program.document()["trials"]:
        assert trial["state"] == "done"
        assert [each["requests"] > 0 for each in trial["rounds"]] == [True, True]
        assert outcomes(trial) == {"ok"}


def test_tokens_of_uvicorn_as_a_stream_of_events(program: Program) -> None:
    ended = program.measure(TOKENS_OF, "--set", "load.protocol=events", ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert outcomes(trial) == {"ok"}
    assert trial["ended"] > 0
    assert trial["requests"] >= TOKENS * trial["ended"]
    check_times(trial)


def test_a_response_that_streams_is_timed_piece_by_piece(program: Program) -> None:
    ended = program.measure(TOKENS_OF, "--set", "load.request.stream=true", ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["protocol"] == "http"
    assert outcomes(trial) <= {"ok", "cut"}
    assert trial["first_ns"]["count"] == trial["requests"] > 0
    assert trial["gap_ns"]["count"] >= 5 * trial["requests"]  # a busy client reads a few tokens together
    whole_ns = (FIRST_SECONDS + TOKENS * BETWEEN_SECONDS) * 1e9
    assert trial["response_ns"]["p50"] > whole_ns * 0.9
    check_times(trial)


def check_times(trial: dict[str, Any]) -> None:
    """However busy the machine: nothing comes before its time, and half of it not much later."""
    assert 0.9 * FIRST_SECONDS * 1e9 < trial["first_ns"]["p50"] < 2_000 * MS
    assert 0.5 * BETWEEN_SECONDS * 1e9 < trial["gap_ns"]["p50"] < 500 * MS
    assert trial["first_ns"]["p50"] > trial["gap_ns"]["p50"]
