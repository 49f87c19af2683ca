"""Passes under profilers that are cut short: by the user, and by the end of a tool."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from loadlab.probes.cpu import probe as cpu
from loadlab.probes.syscalls import choice as syscalls
from loadlab.probes.tool import DEADLINE_SECONDS as TOOL_DEADLINE_SECONDS

from .program import ANY_VERDICT, Program, wait_until

pytestmark = pytest.mark.timeout(180)

# Long enough that a tool which was just seen still has its window before it; at a rate that leaves the cores to others.
PROFILE = """
name: profiled
target: {{server: epoll}}
load: {{connections: 4, rate: 200, warmup: 100ms, duration: 3s}}
probes: ['{probe}']
"""


@pytest.mark.parametrize(
    ("probe", "tool", "begins"),
    [
        ("syscalls:bpftrace", "bpftrace", "bpftrace -f json"),
        ("syscalls:perf", "perf", "perf stat"),
        ("syscalls:strace", "strace", "strace -c"),
        ("cpu", "perf", "perf record"),
        ("cpu", "py-spy", "py-spy record"),
    ],
)
def test_an_interruption_ends_the_tools_and_keeps_the_first_pass(
    program: Program, need_program: Callable[[str], str], probe: str, tool: str, begins: str
) -> None:
    if tool != "py-spy":  # that one came with loadlab
        need_program(tool)
    backends = cpu.BACKENDS if probe == "cpu" else syscalls.BACKENDS
    [lack] = [backend.why_unavailable() for backend in backends if backend.name == tool]
    if lack is not None:
        pytest.skip(f"{lack.why}; {lack.fix}")
    with program.started(*program.measure_arguments(PROFILE.format(probe=probe))) as process:
        wait_until(lambda: bool(program.pids_of(begins)) or process.poll() is not None)
        assert process.poll() is None, "the run ended before the tool began"
        process.send_signal(signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == 130
    document = program.document()
    (trial,) = document["trials"]
    assert document["interrupted"] is True
    assert trial["state"] == "done"
    assert trial["requests"] > 0
    assert (trial["probes"]["syscalls"], trial["probes"]["cpu"]) == (None, None)
    program.check_drawable()


def test_an_interruption_does_not_wait_for_a_tool_that_hangs(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "tools" / "strace"
    hanging.parent.mkdir()
    hanging.write_text("#!/bin/sh\nsleep 1000\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", str(hanging.parent), prepend=os.pathsep)
    with program.started(*program.measure_arguments(PROFILE.format(probe="syscalls:strace"))) as process:
        wait_until(lambda: bool(program.pids_of("sleep 1000")) or process.poll() is not None)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == 130
    assert time.monotonic() - asked < TOOL_DEADLINE_SECONDS / 2
    (trial,) = program.document()["trials"]
    assert (trial["state"], trial["probes"]["syscalls"]) == ("done", None)


def test_a_tool_that_is_killed_costs_its_own_result(program: Program, need_program: Callable[[str], str]) -> None:
    need_program("strace")
    arguments = program.measure_arguments(PROFILE.format(probe="syscalls:strace"), ANY_VERDICT)
    with program.started(*arguments) as process:
        # Asked of those who are traced: strace first tries what it may on a child of its own, and looks like two.
        wait_until(lambda: len(_tracers(program)) == 2 or process.poll() is not None)
        for pid in _tracers(program):
            os.kill(pid, signal.SIGKILL)
        ended = program.finish(process)
    assert ended.code == 0
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done"
    syscalls = trial["probes"]["syscalls"]
    assert (syscalls["target"], syscalls["client"], syscalls["calls_per_request"]) == (None, None, {})
    assert len(syscalls["problems"]) == 2
    assert all("strace was killed by SIGKILL before" in problem for problem in syscalls["problems"])


def _tracers(program: Program) -> set[int]:
    found = set()
    for pid in program.processes():
        with suppress(OSError):  # it has ended meanwhile
            status = Path(f"/proc/{pid}/status").read_text()
            found.add(int(status.partition("TracerPid:")[2].split(maxsplit=1)[0]))
    return found - {0}
