"""What perf 6.1 really wrote, and what it might."""

import json
from pathlib import Path

import pytest

from loadlab.probes.probe import ProbeFailed
from loadlab.probes.syscalls.perf import parse_profile
from loadlab.results.probe_data import CallCount

CAPTURED = Path(__file__).with_name("captured_perf.jsonl").read_text()


def format_counters(**values: str) -> str:
    counters = {"raw_syscalls:sys_enter": values.pop("all", "10.000000")}
    counters |= {f"syscalls:sys_enter_{name}": value for name, value in values.items()}
    lines = (json.dumps({"counter-value": value, "event": event}) for event, value in counters.items())
    return "# started on Mon Nov 23 21:26:15 2026\n\n" + "\n".join(lines)


def test_captured_output() -> None:
    profile = parse_profile(CAPTURED, window_ns=7)
    assert (profile.backend, profile.window_ns, profile.waits) == ("perf", 7, None)
    assert profile.calls == [
        CallCount(name="read", calls=600),
        CallCount(name="epoll_wait", calls=70),
        CallCount(name="readv", calls=1),
        CallCount(name="write", calls=1),
    ]
    assert profile.unlisted == 1000
    assert profile.total == 1672


def test_a_tracepoint_is_not_always_called_like_its_call() -> None:
    (call,) = parse_profile(format_counters(sendfile64="10"), 1).calls
    assert call == CallCount(name="sendfile", calls=10)


def test_a_sum_beyond_the_total_leaves_nothing_unlisted() -> None:
    assert parse_profile(format_counters(all="9.000000", read="10.000000"), 1).unlisted == 0


def test_processes_that_did_not_run_called_nothing() -> None:
    profile = parse_profile(format_counters(all="<not counted>", read="<not counted>"), 1)
    assert (profile.calls, profile.unlisted) == ([], 0)


@pytest.mark.parametrize(
    "text",
    ["", "# started\n", "read: 600\n", CAPTURED[:-20], "[]", format_counters(read="<not supported>"), '{"event": 1}'],
    ids=["empty", "comment", "text", "cut", "list", "not supported", "no value"],
)
def test_anything_else_fails_the_probe(text: str) -> None:
    with pytest.raises(ProbeFailed, match=r"^the output of perf cannot be parsed: "):
        parse_profile(text, 1)
