"""Servers that are not Python's, nginx and Node.js, under all probes: what they do for a request, and where."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from loadlab.results.folded_stacks import kind_of, parse_folded

from .program import Program

pytestmark = pytest.mark.timeout(180)

PROFILE = """
name: probed
target: {target}
load: {{connections: 8, warmup: 300ms, duration: 800ms}}
probes: [procfs, sockets, syscalls, cpu]
"""


def measure(program: Program, target: str) -> dict[str, Any]:
    """Measure a target under all probes; return what they saw."""
    ended = program.measure(PROFILE.format(target=target), "--json", "--accept-invalid")
    (trial,) = json.loads(ended.stdout)["trials"]
    assert trial["state"] == "done", trial["reason"]
    found: dict[str, Any] = trial["probes"]
    assert found["syscalls"]["backend"] is not None, found["syscalls"]["missed"]
    assert (found["syscalls"]["problems"], found["cpu"]["problems"]) == ([], [])
    return found


def sum_calls(probes: dict[str, Any], *names: str) -> float:
    """Return the calls per request of these kinds together."""
    calls: dict[str, float] = probes["syscalls"]["calls_per_request"]
    return sum(calls.get(name, 0.0) for name in names)


def frames_of_target(program: Program) -> set[str]:
    """Return the functions that perf saw in the target."""
    stacks = parse_folded((program.run_directory() / "trials" / "001" / "cpu-target-perf.folded").read_text())
    return {frame for _thread, *frames in stacks for frame in frames}


def check_waits(probes: dict[str, Any]) -> None:
    """Check that a wait returned what eight connections can have ready, where the tracer can see that."""
    events = probes["syscalls"]["events_per_wait"]
    if probes["syscalls"]["backend"] == "bpftrace":
        (mean,) = [events[name] for name in ("epoll_wait", "epoll_pwait") if name in events]
        assert 0 < mean <= 16  # a timer, and what wakes the loop, are events too


def test_nginx(program: Program, need_program: Callable[[str], str]) -> None:
    need_program("nginx")
    need_program("perf")
    probes = measure(program, "{server: nginx}")
    # After an answer nginx may look once more, in vain, whether the next request is there.
    assert 0.8 < sum_calls(probes, "recvfrom", "read") < 2.2
    assert 0.8 < sum_calls(probes, "writev", "sendto", "sendfile") < 1.2
    assert 0 < sum_calls(probes, "epoll_wait", "epoll_pwait") < 1.2
    check_waits(probes)
    frames = frames_of_target(program)
    assert any("tcp_sendmsg" in frame for frame in frames if kind_of(frame) == "kernel")
    assert any(frame.endswith("(nginx)") for frame in frames)


def test_node_with_the_names_of_its_functions(program: Program, need_program: Callable[[str], str]) -> None:
    need_program("node")
    need_program("perf")
    probes = measure(program, "{server: node, perf-map: true}")
    assert 0.8 < sum_calls(probes, "read") < 1.4
    assert 0.8 < sum_calls(probes, "write", "writev") < 1.4
    check_waits(probes)
    frames = frames_of_target(program)
    assert any("tcp_sendmsg" in frame for frame in frames if kind_of(frame) == "kernel")
    assert any(frame.startswith("answer (node_server.js:") for frame in frames if kind_of(frame) == "javascript")
