"""What strace 6.1 really wrote, and what it might."""

from pathlib import Path

import pytest

from loadlab.probes.probe import ProbeFailed
from loadlab.probes.syscalls.strace import parse_profile
from loadlab.results.probe_data import CallCount

CAPTURED = Path(__file__).with_name("captured_strace.txt").read_text()
HEAD = "syscall calls errors seconds\n------- ------ ------ -------\n"
FOOT = "------- ------ ------ -------\ntotal 1 1 1.0\n"


def test_captured_output() -> None:
    profile = parse_profile(CAPTURED, window_ns=7)
    assert (profile.backend, profile.window_ns, profile.waits, profile.unlisted) == ("strace", 7, None, 0)
    assert profile.calls == [
        CallCount(name="getppid", calls=1000, errors=0, time_ns=6_163_000),
        CallCount(name="read", calls=600, errors=100, time_ns=3_720_000),
        CallCount(name="epoll_wait", calls=70, errors=0, time_ns=473_000),
        CallCount(name="readv", calls=1, errors=0, time_ns=6_634_000),
        CallCount(name="write", calls=1, errors=0, time_ns=13_000),
    ]


def test_without_a_single_call_there_is_no_summary() -> None:
    assert parse_profile("\n", 1).calls == []


@pytest.mark.parametrize(
    "text",
    [
        "strace: Process 4711 attached\n",
        CAPTURED[: len(CAPTURED) // 2],
        f"{HEAD}read\n{FOOT}",
        f"{HEAD}read many 0.1\n{FOOT}",
        f"{HEAD}read 1 1 1 1 1\n{FOOT}",
        f"{HEAD}read 1 2 soon\n{FOOT}",
        f"{HEAD}read 1 2 nan\n{FOOT}",
    ],
    ids=["message", "cut", "name only", "no number", "too long", "no time", "not a number"],
)
def test_anything_else_fails_the_probe(text: str) -> None:
    with pytest.raises(ProbeFailed, match=r"^the output of strace cannot be parsed: "):
        parse_profile(text, 1)
