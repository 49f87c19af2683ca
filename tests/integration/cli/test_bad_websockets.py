"""Servers that refuse or break a WebSocket: what run.json says of it."""

from typing import Any

import pytest

from ..load import websocket_scripts as scripts
from ..load.scripted_server import Script, ScriptedServer
from .program import ANY_VERDICT, Program

PROFILE = """\
name: bad-websockets
target: {{address: "127.0.0.1:{port}"}}
load:
  protocol: websocket
  path: /
  message: {{text: hello}}
  connections: 2
  warmup: 50ms
  duration: 200ms
  timeout: 10s
"""


def measure(program: Program, script: Script, *settings: str) -> dict[str, Any]:
    """Return the only trial of a run against a server that plays the script."""
    with ScriptedServer(script) as server:
        assigned = [part for setting in settings for part in ("--set", setting)]
        ended = program.measure(PROFILE.format(port=server.address[1]), ANY_VERDICT, *assigned)
    assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["requests"] == 0
    return dict(trial)


@pytest.mark.parametrize(
    ("script", "outcome", "statuses", "reason"),
    [
        (scripts.internal_error, "closed_early", {"1011"}, "code 1011 (internal error): out of memory"),
        (scripts.close_without_code, "closed_early", {"1005"}, "without a code"),
        (scripts.masked, "malformed", set(), "masked frame"),
        (scripts.invalid_utf8, "malformed", set(), "utf-8"),
        (scripts.absurdly_long, "too_large", set(), "64 MiB"),
        (scripts.reset, "reset", set(), "reset by peer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_open_websocket_that_fails_is_an_outcome_of_the_request(
    program: Program, script: Script, outcome: str, statuses: set[str], reason: str
) -> None:
    trial = measure(program, script)
    assert trial["outcomes"][outcome] > 0
    assert trial["outcomes"].keys() <= {outcome, "ok", "cut"}
    assert trial["statuses"].keys() == statuses
    assert reason in trial["failure_samples"][0]["reason"]


@pytest.mark.parametrize(
    ("script", "outcome", "statuses", "reason"),
    [
        (scripts.not_found, "status", {"404"}, "status 404"),
        (scripts.unauthorized, "status", {"401"}, "status 401"),
        (scripts.accept_wrongly, "malformed", set(), "Sec-WebSocket-Accept"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_handshake_that_fails_is_a_failed_connect(
    program: Program, script: Script, outcome: str, statuses: set[str], reason: str
) -> None:
    trial = measure(program, script, "load.idle=5")
    assert trial["connects"]["failed"].keys() == {outcome}
    assert trial["connects"]["opened"] == 0
    assert trial["statuses"].keys() == statuses
    assert reason in trial["failure_samples"][0]["reason"]
    assert trial["idle"]["opened"] == 0
    assert reason in trial["idle"]["problem"]


def test_half_a_frame_and_silence_is_a_timeout(program: Program) -> None:
    trial = measure(program, scripts.half_a_frame, "load.timeout=100ms", "load.duration=500ms")
    assert trial["outcomes"]["timeout"] > 0
    assert trial["outcomes"].keys() <= {"timeout", "ok", "cut"}
