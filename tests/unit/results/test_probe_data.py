"""Figures per request from a profile of system calls."""

import pytest
from pydantic import ValidationError

from loadlab.results.probe_data import (
    CallCount,
    EventsPerWait,
    StackProfile,
    SyscallProfile,
    calls_per_request,
    eagain_per_request,
    events_per_wait,
    folded_file,
    format_folded,
    kind_of,
    parse_folded,
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
    assert calls_per_request(PROFILE, 200) == {"read": 1.5, "accept4": 0.1}
    assert calls_per_request(PROFILE, 0) == {}


def test_eagain_per_request() -> None:
    assert eagain_per_request(PROFILE, 200) == 0.3
    assert eagain_per_request(PROFILE, 0) is None
    assert eagain_per_request(COUNTS_ONLY, 200) is None


def test_events_per_wait() -> None:
    assert events_per_wait(PROFILE) == {"epoll_wait": 4.0}
    assert events_per_wait(COUNTS_ONLY) == {}


def test_the_mean_over_all_kinds_of_wait() -> None:
    assert PROFILE.mean_events_per_wait == 4.0
    assert COUNTS_ONLY.mean_events_per_wait is None


def test_the_total_holds_what_is_not_listed_too() -> None:
    assert PROFILE.total == 325


def test_a_profile_survives_its_file() -> None:
    assert SyscallProfile.model_validate_json(PROFILE.model_dump_json()) == PROFILE


STACKS = {
    ("MainThread", "serve (server.py:12)", "__send (libc.so.6)", "tcp_sendmsg_[k]"): 7,
    ("MainThread", "serve (server.py:12)"): 2,
    ("a thread", "operator()(int, char const*) (server)"): 1,
}


def test_folded_stacks_are_read_as_they_were_written() -> None:
    assert parse_folded(format_folded(STACKS)) == STACKS


def test_the_order_of_the_samples_does_not_show() -> None:
    assert format_folded(STACKS) == format_folded(dict(reversed(STACKS.items())))


def test_a_frame_cannot_end_its_line_or_begin_another_frame() -> None:
    text = format_folded({("MainThread", "<[T; 4] as Sum>::sum\n 9 (server)"): 1})
    assert text == "MainThread;<[T: 4] as Sum>::sum  9 (server) 1\n"


def test_equal_stacks_of_a_file_are_added_up() -> None:
    assert parse_folded("a;b 1\n\na;b 2\n") == {("a", "b"): 3}


@pytest.mark.parametrize("line", ["a;b", "a;b -1", "a;b 1.5", " 3", "7", "a;b ²"])
def test_what_is_no_stack_and_count_is_told_by_its_line(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 "):
        parse_folded(f"a;b 1\n{line}\n")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("serve (server.py:12)", "python"),
        ("<module> (<string>:1)", "python"),
        ("_find_and_load (<frozen importlib._bootstrap>:1022)", "python"),
        ("answer (node_server.js:133)", "javascript"),
        ("(anonymous) (server.mjs:1)", "javascript"),
        ("end (node:_http_outgoing:1034)", "javascript"),
        ("[unknown] (compiled)", "native"),
        ("__send (libc.so.6)", "native"),
        ("sock_send (socketmodule.c)", "native"),
        ("[unknown] (node)", "native"),
        ("tcp_sendmsg_[k]", "kernel"),
        ("serve.py:12", "native"),
    ],
)
def test_the_kind_of_a_function_is_told_by_how_it_is_written(frame: str, kind: str) -> None:
    assert kind_of(frame) == kind


def test_a_profile_names_no_file_outside_of_its_trial() -> None:
    fields = {"backend": "perf", "rate_hz": 499, "samples": 1, "lost": 0, "blocking": False, "notes": [], "top": []}
    assert (
        StackProfile.model_validate({**fields, "file": folded_file("target", "perf")}).file == "cpu-target-perf.folded"
    )
    with pytest.raises(ValidationError):
        StackProfile.model_validate({**fields, "file": "cpu-/../../run.folded"})
