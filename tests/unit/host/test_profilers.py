"""Which profilers can be used, and why others cannot."""

from dataclasses import replace
from typing import Any

import pytest

from loadlab.host.checks import PROFILER_CHECKS, examine_profilers
from loadlab.host.condition import Capability, Condition
from loadlab.host.diagnosis import State
from loadlab.host.needs import Needs
from loadlab.host.profilers import check_bpftrace, check_perf, check_py_spy, check_strace

from .machine import HEALTHY, machine


def as_user(**changes: Any) -> Condition:  # noqa: ANN401 - as different as the fields
    return replace(machine("profilers", **changes), root=False, capabilities=frozenset())


def test_root_may_use_all_of_them() -> None:
    assert {found.check: found.here for found in examine_profilers(HEALTHY)} == dict.fromkeys(
        ["perf", "bpftrace", "strace", "py-spy"], "available"
    )


def test_each_says_how_it_is_installed() -> None:
    nothing = machine("profilers", programs=frozenset())
    found = examine_profilers(nothing)
    assert len(found) == len(PROFILER_CHECKS)
    for each in found:
        assert (each.state, each.problem) == (State.WARNING, "it is not installed")
        assert "install" in str(each.fix)


@pytest.mark.parametrize(
    ("paranoid", "problem"),
    [
        (-1, None),
        (1, None),
        (2, "kernel.perf_event_paranoid is 2, which hides what the kernel does: system calls and its stacks"),
        (4, "kernel.perf_event_paranoid is 4, which hides perf"),
        (None, "this kernel has no perf events"),
    ],
)
def test_how_much_perf_shows_to_everyone(paranoid: int | None, problem: str | None) -> None:
    assert check_perf(as_user(perf_paranoid=paranoid), Needs()).problem == problem


def test_the_paranoid_kernel_minds_a_capability() -> None:
    allowed = replace(as_user(perf_paranoid=4), capabilities=frozenset({Capability.PERFMON}))
    assert check_perf(allowed, Needs()).here == "available"


def test_bpftrace_wants_root_and_capabilities() -> None:
    assert check_bpftrace(as_user(), Needs()).fix == "run loadlab as root"
    contained = replace(HEALTHY, capabilities=frozenset({Capability.BPF}))
    assert "--cap-add PERFMON" in str(check_bpftrace(contained, Needs()).fix)
    both = replace(HEALTHY, capabilities=frozenset({Capability.BPF, Capability.PERFMON}))
    assert check_bpftrace(both, Needs()).state is State.OK


@pytest.mark.parametrize("check", [check_perf, check_bpftrace])
@pytest.mark.parametrize(
    ("tracing", "fix"),
    [("not readable", "run loadlab as root"), ("absent", "`mount -t tracefs tracefs /sys/kernel/tracing`")],
)
def test_both_need_the_tracepoints(check: Any, tracing: str, fix: str) -> None:  # noqa: ANN401 - one of two checks
    found = check(machine("profilers", tracing=tracing), Needs())
    assert (found.state, found.fix) == (State.WARNING, fix)


@pytest.mark.parametrize("check", [check_strace, check_py_spy])
@pytest.mark.parametrize(
    ("scope", "root_may", "user_may"),
    [(None, True, True), (0, True, True), (1, True, False), (2, True, False), (3, False, False)],
)
def test_who_may_attach_to_a_running_target(
    check: Any,  # noqa: ANN401 - one of two checks
    scope: int | None,
    root_may: bool,
    user_may: bool,
) -> None:
    as_root = check(machine("profilers", ptrace_scope=scope), Needs())
    as_other = check(as_user(ptrace_scope=scope), Needs())
    assert ((as_root.state is State.OK), (as_other.state is State.OK)) == (root_may, user_may)
    if not user_may:
        assert f"kernel.yama.ptrace_scope is {scope}" in as_other.problem
