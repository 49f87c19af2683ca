"""Idle connections that speak: what a profile asks for, what it costs, and what run.json has of it."""

from typing import Any

import pytest

from ..load.websocket_server import WebSocketServer
from .program import ANY_VERDICT, Program

IDLE = 2_000

PROFILE = """\
name: idle
target: {{server: {server}, handler: {handler}}}
load:
  connections: 2
  idle: {idle}
  idle_protocol: {idle_protocol}
  warmup: 100ms
  duration: 500ms
"""
ECHO = ("load.protocol=websocket", "load.message={text: hello}")


def measure(program: Program, *settings: str, **profile: object) -> dict[str, Any]:
    """Measure one trial, and return it."""
    arguments = [part for setting in settings for part in ("--set", setting)]
    program.measure(PROFILE.format(**{"idle": IDLE, **profile}), ANY_VERDICT, *arguments)
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done", trial["reason"]
    assert trial["outcomes"].keys() <= {"ok", "cut"}
    return dict(trial)


@pytest.mark.parametrize("server", ["coroutine", "callback"])
def test_idle_websockets_take_less_than_300_bytes_of_a_holder_each(program: Program, server: str) -> None:
    trial = measure(program, *ECHO, server=server, handler="echo", idle_protocol="websocket")
    idle = trial["idle"]
    assert (idle["opened"], idle["alive_at_start"], idle["alive"]) == (IDLE, IDLE, IDLE)
    assert (idle["protocol"], idle["problem"]) == ("websocket", None)
    assert idle["holder_bytes_per_connection"] < 300
    program.check_drawable()


def test_a_server_that_pings_and_drops_the_silent_keeps_all_for_as_long_as_the_run_lasts(program: Program) -> None:
    profile = """
name: pinged
target: {address: "HOST:PORT"}
load:
  protocol: websocket
  message: {text: hello}
  connections: 4
  think: 50ms
  idle: 50
  warmup: 500ms
  duration: 4s
"""
    with WebSocketServer(ping_every=1, silence=2) as server:
        address = "{}:{}".format(*server.address)
        program.measure(profile.replace("HOST:PORT", address), ANY_VERDICT)
        dropped = {code: count for code, count in server.closed.items() if code != 1000}
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done", trial["reason"]
    assert (trial["idle"]["opened"], trial["idle"]["alive"]) == (50, 50)
    assert trial["idle"]["pings"] >= 2 * 50
    assert trial["pings"] >= 4
    assert trial["outcomes"].keys() <= {"ok", "cut"}
    assert not dropped


def test_idle_subscribers_receive_beside_an_http_load(program: Program) -> None:
    trial = measure(
        program,
        "load.idle_path=/events?every=50ms",
        server="coroutine",
        handler="hello",
        idle_protocol="events",
        idle=100,
    )
    idle = trial["idle"]
    assert (idle["opened"], idle["alive"], idle["protocol"]) == (100, 100, "events")
    assert idle["received_bytes"] > 100 * 5 * 40  # events of fifty bytes, ten of them
    assert idle["pings"] == 0
    program.check_drawable()


def test_idle_connections_that_were_asked_once(program: Program) -> None:
    trial = measure(program, server="epoll", handler="hello", idle_protocol="http", idle=100)
    idle = trial["idle"]
    assert (idle["opened"], idle["alive"], idle["protocol"], idle["problem"]) == (100, 100, "http", None)


def test_a_path_without_a_websocket_is_the_problem(program: Program) -> None:
    trial = measure(
        program,
        "load.idle_path=/hello",
        server="coroutine",
        handler="hello",
        idle_protocol="websocket",
        idle=20,
    )
    assert trial["idle"]["opened"] == 0
    assert trial["idle"]["problem"] == "the WebSocket was refused with status 200"
    assert "idle_not_opened" in {finding["code"] for finding in trial["verdict"]["findings"]}


def test_churning_websockets_beside_an_echo(program: Program) -> None:
    trial = measure(
        program,
        *ECHO,
        "load.idle_kind=churn",
        "load.idle_pace=300ms",
        server="callback",
        handler="echo",
        idle_protocol="websocket",
        idle=100,
    )
    assert (trial["idle"]["opened"], trial["idle"]["alive"]) == (100, 100)


def test_more_than_one_process_may_hold_are_held_by_several(program: Program) -> None:
    trial = measure(
        program.driven("--fleet-open-files", "300"),
        *ECHO,
        server="callback",
        handler="echo",
        idle_protocol="websocket",
        idle=1_000,
    )
    idle = trial["idle"]
    assert (idle["holders"], idle["opened"], idle["alive"], idle["problem"]) == (4, 1000, 1000, None)
