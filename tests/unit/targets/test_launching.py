"""The command line of a target, and what follows from its capabilities."""

import sys
from pathlib import Path

from loadlab.targets import Capabilities, serve_command, why_not_handled, why_not_held

CAPABILITIES = Capabilities(handlers=("hello", "sleep"), max_connections=100, backlog=64)


def test_the_command_to_serve_runs_the_file_with_this_python() -> None:
    command = serve_command("epoll", ["--port", "8080", "--trigger", "edge"])
    assert command[0] == sys.executable
    assert Path(command[1]).name == "epoll_loop.py"
    assert command[2:] == ["--port", "8080", "--trigger", "edge"]


def test_what_a_target_can_do_is_possible_up_to_the_last_connection() -> None:
    assert why_not_handled(CAPABILITIES, "sleep") is None
    assert why_not_held(CAPABILITIES, 100) is None


def test_a_missing_handler_is_named_with_those_there_are() -> None:
    assert why_not_handled(CAPABILITIES, "cpu") == "the target has no handler 'cpu'; it has: hello, sleep"


def test_too_many_connections_are_reported_with_both_numbers() -> None:
    reason = why_not_held(CAPABILITIES, 101)
    assert reason is not None
    assert "101 connections" in reason
    assert "can hold 100" in reason
