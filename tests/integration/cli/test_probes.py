"""Probes as a user meets them: further passes of a trial, what they saw on both sides, and a page that tells why."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .program import ANY_VERDICT, Program

pytestmark = pytest.mark.timeout(180)

PROFILE = """
name: probed
target: {server: epoll}
load: {connections: 8, warmup: 200ms, duration: 1s}
probes: [procfs, sockets, syscalls, cpu]
"""


@pytest.fixture(scope="module")
def probed(make_program: Callable[[], Program], need_program: Callable[[str], str]) -> tuple[Program, dict[str, Any]]:
    """A program after a run with all probes, and what they found."""
    need_program("perf")
    program = make_program()
    ended = program.measure(PROFILE, "--json", ANY_VERDICT)
    assert ended.code == 0
    return program, json.loads(ended.stdout)["trials"][0]["probes"]


def test_each_probe_tells_of_both_sides_and_what_it_cost(probed: tuple[Program, dict[str, Any]]) -> None:
    program, probes = probed
    syscalls, cpu = probes["syscalls"], probes["cpu"]
    assert syscalls["backend"] is not None, syscalls["missed"]
    assert (syscalls["problems"], cpu["problems"]) == ([], [])
    # One read and one write for each request, and fewer waits.
    calls = syscalls["calls_per_request"]
    assert calls["recvfrom"] == pytest.approx(1, abs=0.15)
    assert calls["sendto"] == pytest.approx(1, abs=0.15)
    assert 0 < calls["epoll_wait"] < 1.1
    assert syscalls["client"] is not None
    # Not how much: the machine may have been busier in the first pass than in the second.
    assert syscalls["slowdown"] is not None
    for side in ("target", "client"):
        files = [profile["file"] for profile in cpu[side]["profiles"]]
        assert files, cpu[side]["missing"]
        assert all((program.run_directory() / "trials" / "001" / file).read_text() for file in files)
    page = (program.run_directory() / "index.html").read_text()
    assert "Why" in page


def test_what_proc_tells_is_there_over_the_course_of_the_window(probed: tuple[Program, dict[str, Any]]) -> None:
    _program, probes = probed
    target = probes["procfs"]["target"]
    assert len(target) >= 2
    assert sum(stretch["cpu_user_ns"] + stretch["cpu_system_ns"] for stretch in target) > 0
    assert all(stretch["threads"] == 1 for stretch in target)
    assert len(probes["sockets"]["readings"]) == len(target) + 1


def test_a_tracer_can_be_named(program: Program, need_program: Callable[[str], str]) -> None:
    need_program("strace")
    named = PROFILE.replace("syscalls, cpu", "'syscalls:strace'")
    found = json.loads(program.measure(named, "--json").stdout)["trials"][0]["probes"]
    assert found["syscalls"]["backend"] == "strace"
    assert found["cpu"] is None


def test_without_the_programs_the_run_goes_on_and_says_what_is_missing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    trial = json.loads(program.measure(PROFILE, "--json").stdout)["trials"][0]
    assert trial["state"] == "done"
    assert trial["probes"]["syscalls"]["backend"] is None
    assert [entry.partition(":")[0] for entry in trial["probes"]["syscalls"]["missed"]] == [
        "bpftrace",
        "perf",
        "strace",
    ]
    assert all("apt-get install" in entry for entry in trial["probes"]["syscalls"]["missed"])
    page = (program.run_directory() / "index.html").read_text()
    for command in ("apt-get install bpftrace", "apt-get install linux-perf", "apt-get install strace"):
        assert command in page
