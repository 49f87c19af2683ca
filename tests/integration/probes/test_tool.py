"""Programs that do not do what a probe needs of them; each is a failure of the probe, reported in one sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.probes.probe import ProbeFailed
from loadlab.probes.tool import Tool

# It is deaf before it says so, and what it runs inherits that.
DEAF = ["sh", "-c", "trap '' INT; echo deaf; exec sleep 1000"]


def start_deaf(tool: Tool) -> None:
    """Start what ignores SIGINT, and return when it does."""
    said, saying = os.pipe()
    with os.fdopen(said) as said_file, os.fdopen(saying, "wb") as saying_file:
        tool.start(DEAF, stdout=saying_file)
        assert said_file.readline() == "deaf\n"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ProbeFailed, match=r"^nothing could not be started"):
        Tool("nothing").start(["/nonexistent/program"])


def test_one_that_ends_before_it_is_ready() -> None:
    tool = Tool("quitter")
    tool.start(["sh", "-c", "echo 'not today' >&2; exit 3"])
    with pytest.raises(ProbeFailed, match=r"^quitter ended with code 3 before it could attach: not today$"):
        tool.wait_until(lambda: False, "attach")
    tool.stop()


def test_one_that_hangs_while_it_attaches() -> None:
    tool = Tool("sleeper", deadline_seconds=0.05)
    tool.start(["sleep", "1000"])
    with pytest.raises(ProbeFailed, match=r"^sleeper did not attach within 0\.05 seconds$"):
        tool.wait_until(lambda: False, "attach")
    pid = tool.pid
    tool.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_hangs_when_it_is_asked_for_its_result() -> None:
    tool = Tool("deaf", deadline_seconds=0.05)
    start_deaf(tool)
    with pytest.raises(ProbeFailed, match=r"^deaf did not write its result within 0\.05 seconds$"):
        tool.finish(tool.interrupt)
    tool.stop()


@pytest.mark.parametrize(
    "wait", [lambda tool: tool.wait_until(lambda: False, "attach"), lambda tool: tool.finish(tool.interrupt)]
)
def test_a_run_that_is_to_end_waits_for_no_tool(wait: Callable[[Tool], None]) -> None:
    class Interrupted(Exception):
        pass

    def check() -> None:
        raise Interrupted

    tool = Tool("sleeper", check)
    start_deaf(tool)
    with pytest.raises(Interrupted):
        wait(tool)
    tool.stop()


def test_one_that_was_never_started_can_be_stopped() -> None:
    tool = Tool("idle")
    tool.stop()
    with pytest.raises(ProbeFailed, match=r"^idle is not running$"):
        tool.finish(tool.interrupt)
