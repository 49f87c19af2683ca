"""What is missing on a machine, from what /proc and tracefs show."""

import os
from pathlib import Path

import pytest

from loadlab.probes.requirements import has_tracepoint, missing_program, missing_tracepoints

READ = "syscalls/sys_enter_read"


@pytest.fixture
def tracing(tmp_path: Path) -> Path:
    """A mounted tracefs with one tracepoint."""
    tracepoint = tmp_path / "events" / READ
    tracepoint.mkdir(parents=True)
    (tracepoint / "id").write_text("731\n")
    return tmp_path


def test_a_program_on_the_path_is_no_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "perf"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_program("perf", "install it") is None
    lack = missing_program("strace", "install it")
    assert lack is not None
    assert (lack.why, lack.fix) == ("strace is not installed", "install it")


def test_tracepoints_that_are_there(tracing: Path, tmp_path: Path) -> None:
    empty = tmp_path / "unmounted"
    empty.mkdir()
    assert missing_tracepoints(READ, places=[empty, tracing]) is None
    assert has_tracepoint(READ, places=[tracing])
    assert not has_tracepoint("syscalls/sys_enter_select", places=[tracing])


def test_a_tracepoint_that_this_kernel_lacks(tracing: Path) -> None:
    lack = missing_tracepoints(READ, "syscalls/sys_enter_select", places=[tracing])
    assert lack is not None
    assert lack.why == "this kernel has no tracepoint syscalls:sys_enter_select"
    assert "CONFIG_FTRACE_SYSCALLS" in lack.fix


def test_tracefs_that_is_not_mounted(tmp_path: Path) -> None:
    lack = missing_tracepoints(READ, places=[tmp_path, tmp_path / "absent"])
    assert lack is not None
    assert "not mounted" in lack.why
    assert lack.fix == "mount -t tracefs tracefs /sys/kernel/tracing"
    assert not has_tracepoint(READ, places=[tmp_path])


def test_tracefs_that_may_not_be_read(tracing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root may read anything
    lack = missing_tracepoints(READ, places=[tracing])
    assert lack is not None
    assert lack.why == f"{tracing}, which lists the kernel's tracepoints, cannot be read"
    assert lack.fix.endswith(f"mount -o remount,mode=750,gid=$(id -g) {tracing}")
