"""What is missing on a machine, from what /proc and tracefs show."""

import os
from pathlib import Path

import pytest

from loadlab.probes.prerequisites import (
    has_tracepoint,
    missing_program,
    missing_tracepoints,
    perf_denial,
    ptrace_denial,
    read_capabilities,
)
from loadlab.processes.proc import Capability

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


PARANOID = "sys/kernel/perf_event_paranoid"
SCOPE = "sys/kernel/yama/ptrace_scope"


def write_proc(proc: Path, setting: str, value: int, *held: Capability) -> Path:
    """Write a /proc with one setting, where we hold these capabilities."""
    (proc / "self").mkdir()
    (proc / "self/status").write_text(f"Name:\tpython3\nCapEff:\t{sum(1 << each for each in held):016x}\n")
    (proc / setting).parent.mkdir(parents=True)
    (proc / setting).write_text(f"{value}\n")
    return proc


@pytest.mark.parametrize(
    ("effective", "held"),
    [
        ("0000000000000000", set()),
        ("000001ffffffffff", set(Capability)),
        ("0000004000080000", {Capability.PERFMON, Capability.SYS_PTRACE}),
    ],
)
def test_capabilities_in_effect(effective: str, held: set[Capability], tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text(f"Name:\tpython3\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\n")
    assert read_capabilities(tmp_path) == held


@pytest.mark.parametrize("paranoid", [-1, 0, 1])
def test_perf_sees_the_kernel_where_it_is_not_paranoid(paranoid: int, tmp_path: Path) -> None:
    assert perf_denial("its side", write_proc(tmp_path, PARANOID, paranoid)) is None


def test_perf_needs_a_setting_where_the_kernel_is_paranoid(tmp_path: Path) -> None:
    lack = perf_denial("its side", write_proc(tmp_path, PARANOID, 2, Capability.SYS_PTRACE))
    assert lack is not None
    assert lack.why == "kernel.perf_event_paranoid is 2, which hides its side"
    assert lack.fix.endswith("sudo sysctl kernel.perf_event_paranoid=1")


@pytest.mark.parametrize("capability", [Capability.PERFMON, Capability.SYS_ADMIN])
def test_perf_needs_no_setting_with_a_capability(capability: Capability, tmp_path: Path) -> None:
    assert perf_denial("its side", write_proc(tmp_path, PARANOID, 3, capability)) is None


def test_a_kernel_without_perf_events_is_reported(tmp_path: Path) -> None:
    lack = perf_denial("its side", tmp_path)
    assert lack is not None
    assert "CONFIG_PERF_EVENTS" in lack.fix


def test_everyone_may_attach_where_there_is_no_yama(tmp_path: Path) -> None:
    assert ptrace_denial("strace", tmp_path) is None


def test_everyone_may_attach_where_yama_does_not_object(tmp_path: Path) -> None:
    assert ptrace_denial("strace", write_proc(tmp_path, SCOPE, 0)) is None


@pytest.mark.parametrize("scope", [1, 2])
def test_attaching_needs_a_setting_where_yama_objects(scope: int, tmp_path: Path) -> None:
    lack = ptrace_denial("strace", write_proc(tmp_path, SCOPE, scope, Capability.PERFMON))
    assert lack is not None
    assert lack.why == f"kernel.yama.ptrace_scope is {scope}, so strace may not attach to a running server"
    assert lack.fix.endswith("sudo sysctl kernel.yama.ptrace_scope=0")


@pytest.mark.parametrize("scope", [1, 2])
def test_attaching_needs_no_setting_with_a_capability(scope: int, tmp_path: Path) -> None:
    assert ptrace_denial("strace", write_proc(tmp_path, SCOPE, scope, Capability.SYS_PTRACE)) is None


def test_nobody_may_attach_where_yama_forbids_it_for_good(tmp_path: Path) -> None:
    lack = ptrace_denial("strace", write_proc(tmp_path, SCOPE, 3, Capability.SYS_PTRACE))
    assert lack is not None
    assert "boot" in lack.fix


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_a_setting_that_cannot_be_read_does_not_exist(tmp_path: Path, text: str) -> None:
    for setting in (PARANOID, SCOPE):
        path = tmp_path / setting
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert ptrace_denial("strace", tmp_path) is None
    lack = perf_denial("its side", tmp_path)
    assert lack is not None
    assert lack.why == "this kernel has no perf events"
