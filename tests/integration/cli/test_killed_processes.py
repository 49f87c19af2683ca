"""Processes killed or stopped in the midst of a trial: what they told so far is kept, and the next trial runs."""

import os
import signal
from pathlib import Path

import pytest

from .program import QUICK, Program
from .terminal import ANSWERED, open_terminal

# A trial that would go on for a minute, and then a short one: in this order by the seed.
LONG_THEN_SHORT = QUICK + "sweep: {load.duration: [1m, 300ms]}\nseed: 1\n"


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("loadlab.fleet.worker", "load worker 1 was killed by SIGKILL"),
        ("loadlab.fleet.holder", "idle holder 1 was killed by SIGKILL"),
        ("epoll_loop.py", "target 'epoll' was killed by SIGKILL"),
    ],
)
def test_a_killed_process_fails_its_trial_only(program: Program, part: str, sentence: str) -> None:
    arguments = program.measure_arguments(LONG_THEN_SHORT, "--set", "load.idle=50")
    with open_terminal(program, *arguments) as terminal:
        terminal.wait_shown(ANSWERED)
        (pid,) = program.pids_of(part)
        os.kill(pid, signal.SIGKILL)
        assert terminal.wait_ended() == 3
    assert f"failed: {sentence}" in terminal.shown
    assert "Traceback" not in terminal.shown
    killed, other = program.document()["trials"]
    assert (killed["factors"], killed["state"]) == ({"load.duration": "1m"}, "failed")
    assert killed["reason"].startswith(sentence)
    assert killed["requests"] == killed["response_ns"]["count"] > 0
    assert killed["idle"]["opened"] == 50
    assert (program.run_directory() / "trials" / killed["id"] / "latency.hlog").exists()
    assert (other["state"], other["idle"]["alive"]) == ("done", 50)
    program.check_drawable()


def test_a_load_worker_that_says_nothing_any_more_fails_its_trial(program: Program) -> None:
    # The patience until the worker is ready is longer by the timeout: there nothing may depend on this machine's speed.
    ended = program.driven("--patience", "1", "--stop-workers").measure(
        QUICK, "--set", "load.timeout=60s", "--set", "load.workers=1"
    )
    assert ended.code == 3
    sentence = "load worker 1 said nothing for 1 s; the machine may be overloaded: ask for fewer connections"
    assert sentence in ended.stderr
    (trial,) = program.document()["trials"]
    assert (trial["state"], trial["reason"], trial["requests"]) == ("failed", sentence, 0)


def test_a_holder_killed_while_it_opens_leaves_what_it_told(program: Program, cast: Path) -> None:
    """The target is slow to answer, so that opening would take minutes."""
    slow = program.driven("--targets", str(cast))
    settings = ("--set", "target.server=slow", "--set", "load.idle=9k", "--set", "load.timeout=60s")
    with open_terminal(slow, *slow.measure_arguments(QUICK, *settings)) as terminal:
        terminal.wait_shown("opening idle connections: ")
        (pid,) = slow.pids_of("loadlab.fleet.holder")
        os.kill(pid, signal.SIGKILL)
        assert terminal.wait_ended() == 3
    (trial,) = program.document()["trials"]
    assert trial["state"] == "failed"
    assert trial["reason"].startswith("idle holder 1 was killed by SIGKILL")
    assert trial["idle"]["wanted"] == 9000
    assert 0 < trial["idle"]["opened"] < 9000
