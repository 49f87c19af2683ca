"""A server that may run on the client's cores: judged by whether the two got in each other's way."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadlab.processes import list_family

from .foreign_servers import Foreign, nginx_serving, uvicorn_serving
from .program import ANY_VERDICT, Program

PROFILE = """\
name: shared
target: {address: 127.0.0.1:1}
load: {connections: 16, warmup: 300ms, duration: 2s}
"""

pytestmark = pytest.mark.alone


def measure(program: Program, server: Foreign, *settings: str) -> tuple[str, dict[str, Any]]:
    """Return what the terminal shows, and the one trial of the run."""
    ended = program.measure(PROFILE, "--set", f"target.address={server.address}", *settings, ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    return ended.stdout, trial


def shared_core(trial: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in trial["verdict"]["findings"] if each["code"] == "shared_core"]
    assert len(found) == 1
    return found[0]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_a_full_server_that_may_run_everywhere_has_plain_figures(program: Program) -> None:
    with uvicorn_serving() as server:
        table, trial = measure(program, server)
    found = shared_core(trial)
    assert found["severity"] == "note", found["evidence"]
    assert "run-queue wait: target" in found["evidence"]
    assert "≥" not in table
    page = (program.run_directory() / "index.html").read_text()
    assert "at least" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    target = trial["target"]
    assert target["cpu_user_ns"] + target["cpu_system_ns"] > 0.7 * trial["window_ns"]


def test_two_full_sides_on_one_core_are_suspect(
    program: Program, need_program: Callable[[str], str], tmp_path: Path
) -> None:
    core = min(os.sched_getaffinity(0))
    with nginx_serving(need_program("nginx"), tmp_path) as server:
        for pid in list_family([server.process.pid]):
            os.sched_setaffinity(pid, {core})
        table, trial = measure(program, server, "--set", f"placement={{load: [{core}]}}")
    found = shared_core(trial)
    assert found["severity"] == "suspect", found["evidence"]
    assert f"the target ran on core {core}, the client on core {core}" in found["evidence"]
    assert "≥" in table
