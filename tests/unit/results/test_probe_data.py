"""Figures per request from a profile of system calls, and the names of files in run.json."""

import os

import pytest
from pydantic import ValidationError

from loadlab.results.folded_stacks import folded_file
from loadlab.results.probe_data import (
    CallCount,
    EventsPerWait,
    ProcessUsage,
    StackProfile,
    SyscallProfile,
)

PROFILE = SyscallProfile(
    backend="bpftrace",
    window_ns=1_000_000_000,
    calls=[
        CallCount(name="read", calls=300, errors=60, eagain=50, time_ns=9000, latency_ns=[(127, 300)]),
        CallCount(name="accept4", calls=20, errors=10, eagain=10, time_ns=900, latency_ns=[(127, 20)]),
    ],
    unlisted=5,
    waits=[
        EventsPerWait(name="epoll_wait", calls=50, events=200, histogram=[(0, 10), (7, 40)]),
        EventsPerWait(name="poll", calls=0, events=0, histogram=[]),
    ],
)
COUNTS_ONLY = SyscallProfile(backend="perf", window_ns=1, calls=[CallCount(name="read", calls=7)])


def test_calls_per_request() -> None:
    assert PROFILE.calls_per_request(200) == {"read": 1.5, "accept4": 0.1}
    assert PROFILE.calls_per_request(0) == {}


def test_eagain_per_request() -> None:
    assert PROFILE.eagain_per_request(200) == 0.3
    assert PROFILE.eagain_per_request(0) is None
    assert COUNTS_ONLY.eagain_per_request(200) is None


def test_events_per_wait() -> None:
    assert PROFILE.events_per_wait == {"epoll_wait": 4.0}
    assert COUNTS_ONLY.events_per_wait == {}


def test_the_mean_over_all_kinds_of_wait() -> None:
    assert PROFILE.mean_events_per_wait == 4.0
    assert COUNTS_ONLY.mean_events_per_wait is None


def test_the_total_holds_what_is_not_listed_too() -> None:
    assert PROFILE.total == 325


def test_a_profile_survives_its_file() -> None:
    assert SyscallProfile.model_validate_json(PROFILE.model_dump_json()) == PROFILE


def test_a_profile_names_no_file_outside_of_its_trial() -> None:
    fields = {"backend": "perf", "rate_hz": 499, "samples": 1, "lost": 0, "blocking": False, "notes": [], "top": []}
    assert (
        StackProfile.model_validate({**fields, "file": folded_file("target", "perf")}).file == "cpu-target-perf.folded"
    )
    with pytest.raises(ValidationError):
        StackProfile.model_validate({**fields, "file": "cpu-/../../run.folded"})


@pytest.mark.parametrize(("ticks", "divisible"), [(4.9, False), (5, True)])
def test_user_and_system_time_divide_by_the_ticks_that_this_kernel_counts_in(ticks: float, divisible: bool) -> None:
    cpu_ns = int(ticks * 1_000_000_000 / os.sysconf("SC_CLK_TCK"))
    usage = ProcessUsage(
        processes=1, threads=1, rss_bytes=1, cpu_user_ns=cpu_ns, cpu_system_ns=0, context_switches=0, window_ns=1
    )
    assert usage.is_divisible is divisible
