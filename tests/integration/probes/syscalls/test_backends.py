"""Each backend against a program that makes a known number of system calls: all of its kind, and only in the window."""

import os
import select
import signal
from collections.abc import Callable

import pytest

from loadlab.probes.probe import Probe, ProbeFailed
from loadlab.probes.syscalls.strace import StraceProbe
from loadlab.results.probe_data import CallCount, EventsPerWait, SyscallBackend, SyscallProfile

from .conftest import OpenProbe, StartSubject, Subject

BACKENDS: tuple[SyscallBackend, ...] = ("bpftrace", "perf", "strace")
DEADLINE_SECONDS = 30.0
WORKERS = {"alone": 1, "threads": 3, "forks": 3}
WAIT_NAMES = ("epoll_wait", "epoll_pwait")  # which of the two, glibc decides by the machine


def observe_one_round(probe: Probe[SyscallProfile], subject: Subject) -> SyscallProfile:
    """Return what was seen of one round in the window, with rounds before and after it."""
    probe.prepare([subject.pid])
    if not isinstance(probe, StraceProbe):  # which counts from here on
        subject.work_a_round()
    probe.begin()
    subject.work_a_round()
    probe.end()
    subject.work_a_round()
    return probe.collect()


def find_call(profile: SyscallProfile, *names: str) -> CallCount:
    (call,) = [call for call in profile.calls if call.name in names]
    return call


def find_wait(profile: SyscallProfile) -> EventsPerWait:
    assert profile.waits is not None
    (wait,) = [wait for wait in profile.waits if wait.name in WAIT_NAMES]
    return wait


@pytest.mark.parametrize("kind", WORKERS)
def test_bpftrace_tells_everything(kind: str, open_probe: OpenProbe, start_subject: StartSubject) -> None:
    profile = observe_one_round(open_probe("bpftrace"), start_subject(kind))
    workers = WORKERS[kind]
    assert profile.backend == "bpftrace"
    assert profile.window_ns > 0
    assert profile.unlisted == 0

    assert find_call(profile, "getppid").calls == 1000 * workers
    assert find_call(profile, "getppid").errors == 0
    read = find_call(profile, "read")
    assert (read.calls, read.errors, read.eagain) == (600 * workers, 100 * workers, 100 * workers)
    assert read.latency_ns is not None
    assert sum(count for _, count in read.latency_ns) == 600 * workers
    # Each bucket is at most twice as wide as its lower bound, or holds what took less than 128 ns.
    at_most = sum(bound * count for bound, count in read.latency_ns)
    assert read.time_ns is not None
    assert 0 < read.time_ns <= at_most <= 2 * read.time_ns + 128 * read.calls

    assert find_call(profile, *WAIT_NAMES).calls == 70 * workers
    wait = find_wait(profile)
    assert (wait.calls, wait.events) == (70 * workers, 400 * workers)
    assert wait.histogram == [(0, 20 * workers), (15, 50 * workers)]


def test_bpftrace_does_not_count_a_fork_twice(open_probe: OpenProbe, start_subject: StartSubject) -> None:
    profile = observe_one_round(open_probe("bpftrace"), start_subject("forks"))
    assert find_call(profile, "clone", "clone3", "fork").calls == 2


@pytest.mark.parametrize("kind", WORKERS)
def test_perf_counts_calls(kind: str, open_probe: OpenProbe, start_subject: StartSubject) -> None:
    profile = observe_one_round(open_probe("perf"), start_subject(kind))
    workers = WORKERS[kind]
    assert profile.backend == "perf"
    assert find_call(profile, "read") == CallCount(name="read", calls=600 * workers)
    assert find_call(profile, *WAIT_NAMES).calls == 70 * workers
    # The total is switched off before its parts, and either of the two that wait for the next round may
    # begin to do so in between: a call that is listed, and missing from the total.
    assert 1000 * workers - 2 <= profile.unlisted < 1000 * workers + 500
    assert profile.waits is None


@pytest.mark.parametrize("kind", WORKERS)
def test_strace_counts_calls_errors_and_time(kind: str, open_probe: OpenProbe, start_subject: StartSubject) -> None:
    profile = observe_one_round(open_probe("strace"), start_subject(kind))
    workers = WORKERS[kind]
    assert profile.backend == "strace"
    assert find_call(profile, "getppid").calls == 1000 * workers
    read = find_call(profile, "read")
    assert (read.calls, read.errors, read.eagain) == (600 * workers, 100 * workers, None)
    assert read.time_ns is not None
    assert read.time_ns > 0
    assert find_call(profile, *WAIT_NAMES).calls == 70 * workers


def test_two_probes_at_once_see_each_its_own(open_probe: OpenProbe, start_subject: StartSubject) -> None:
    first, second = start_subject("alone"), start_subject("alone")
    one, other = open_probe("bpftrace"), open_probe("bpftrace")
    one.prepare([first.pid])
    other.prepare([second.pid])
    one.begin()
    other.begin()
    first.work_a_round()
    second.work_a_round()
    one.end()
    second.work_a_round()
    other.end()
    assert find_call(one.collect(), "getppid").calls == 1000
    assert find_call(other.collect(), "getppid").calls == 2000


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tool_that_dies_costs_its_result_only(
    backend: SyscallBackend,
    open_probe: OpenProbe,
    start_subject: StartSubject,
    children_named: Callable[[str], list[int]],
) -> None:
    probe, subject = open_probe(backend), start_subject("alone")
    probe.prepare([subject.pid])
    probe.begin()
    (pid,) = children_named(backend)
    kill_and_wait(pid)
    subject.work_a_round()
    with pytest.raises(ProbeFailed, match=f"^{backend} was killed by SIGKILL before"):
        wait_for_result(probe)
    probe.stop()
    assert children_named(backend) == []
    subject.work_a_round()


def kill_and_wait(pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    ended, _, _ = select.select([pidfd], [], [], DEADLINE_SECONDS)
    os.close(pidfd)
    assert ended


def wait_for_result(probe: Probe[SyscallProfile]) -> None:
    probe.end()
    probe.collect()


@pytest.mark.parametrize("backend", BACKENDS)
def test_stopping_in_the_window_leaves_nothing_behind(
    backend: SyscallBackend,
    open_probe: OpenProbe,
    start_subject: StartSubject,
    children_named: Callable[[str], list[int]],
) -> None:
    probe, subject = open_probe(backend), start_subject("forks")
    probe.prepare([subject.pid])
    probe.begin()
    assert children_named(backend)
    probe.stop()
    probe.stop()
    assert children_named(backend) == []
    subject.work_a_round()


@pytest.mark.parametrize("backend", BACKENDS)
def test_processes_that_are_gone_cannot_be_watched(
    backend: SyscallBackend, open_probe: OpenProbe, children_named: Callable[[str], list[int]]
) -> None:
    probe = open_probe(backend)
    ended = os.fork()
    if ended == 0:
        os._exit(0)
    os.waitpid(ended, 0)
    with pytest.raises(ProbeFailed, match="have ended"):
        watch(probe, ended)
    probe.stop()
    assert children_named(backend) == []


def watch(probe: Probe[SyscallProfile], pid: int) -> None:
    probe.prepare([pid])
    probe.begin()
