"""A coordinator that stands still does not disturb the load: no write of a load worker waits for it."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from .program import Program, wait_until
from .terminal import ANSWERED, open_terminal

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]

OPEN = """
name: stopped
target: {server: epoll}
load: {connections: 16, rate: 5000, warmup: 200ms, duration: 4s}
"""


def test_a_coordinator_that_stands_still_for_a_second_changes_nothing(tmp_path: Path) -> None:
    plain = _only_trial(tmp_path / "plain", stop_seconds=0.0)
    stopped = _only_trial(tmp_path / "stopped", stop_seconds=1.0)
    for trial in (plain, stopped):
        assert trial["state"] == "done"
        # A busy machine may leave a few milliseconds of the schedule undone at the end.
        assert trial["outcomes"].get("dropped", 0) < 500
        assert 19_900 <= sum(trial["outcomes"].values()) <= 20_100
    codes = [{finding["code"] for finding in trial["verdict"]["findings"]} for trial in (plain, stopped)]
    assert codes[1] <= codes[0] | {"disturbed", "stolen"}  # these are the machine's own
    # A load that had waited for its pipe would have sent a quarter of its requests up to a second late.
    assert stopped["lateness_ns"]["p90"] < 50_000_000


def _only_trial(directory: Path, stop_seconds: float) -> dict[str, Any]:
    directory.mkdir()
    program = Program(directory)
    with open_terminal(program, *program.measure_arguments(OPEN, "--accept-invalid")) as terminal:
        terminal.wait_shown(ANSWERED)
        (coordinator,) = program.pids_of("-m loadlab run")
        if stop_seconds:
            os.kill(coordinator, signal.SIGSTOP)
            time.sleep(stop_seconds)
            os.kill(coordinator, signal.SIGCONT)
        assert terminal.wait_ended() == 0
    (trial,) = program.document()["trials"]
    wait_until(lambda: not program.pids_of("loadlab.fleet.worker"))
    found: dict[str, Any] = trial
    return found
