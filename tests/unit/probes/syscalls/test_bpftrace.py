"""Names of system calls, on machines that differ in their numbers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from loadlab.probes.probe import ProbeFailed
from loadlab.probes.syscalls.bpftrace import format_script, name_call, parse_profile, read_call_names
from loadlab.results.probe_data import CallCount, EventsPerWait


@pytest.mark.parametrize(
    ("machine", "number", "name"),
    [
        ("x86_64", 0, "read"),
        ("x86_64", 232, "epoll_wait"),
        ("x86_64", 441, "epoll_pwait2"),
        ("aarch64", 22, "epoll_pwait"),
        ("aarch64", 63, "read"),
        ("aarch64", 441, "epoll_pwait2"),
    ],
)
def test_numbers_belong_to_the_machine(machine: str, number: int, name: str) -> None:
    assert read_call_names(machine)[number] == name


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_no_name_stands_twice(machine: str) -> None:
    names = list(read_call_names(machine).values())
    assert len(names) == len(set(names)) > 300


def test_an_unknown_machine_has_numbers_only() -> None:
    names = read_call_names("vax")
    assert names == {}
    assert name_call(3, names) == "syscall 3"


def test_the_script_knows_the_wait_calls_of_the_machine() -> None:
    assert format_script("if (WAIT_CALL)", read_call_names("aarch64")) == (
        "if (args->id == 22 || args->id == 72 || args->id == 73 || args->id == 441)"
    )
    assert format_script("if (WAIT_CALL)", read_call_names("vax")) == "if (0)"


CAPTURED = Path(__file__).with_name("captured_bpftrace.jsonl").read_text()
NAMES = {0: "read", 1: "write", 110: "getppid", 232: "epoll_wait"}


def format_maps(**maps: Mapping[str, object]) -> str:
    return "".join(
        json.dumps({"type": "hist" if name in ("latency", "waits") else "map", "data": {f"@{name}": data}}) + "\n"
        for name, data in maps.items()
    )


def test_captured_output() -> None:
    profile = parse_profile(CAPTURED, NAMES, window_ns=3_124_302)
    assert (profile.backend, profile.window_ns, profile.unlisted) == ("bpftrace", 3_124_302, 0)
    assert [(call.name, call.calls) for call in profile.calls] == [
        ("getppid", 1000),
        ("read", 600),
        ("epoll_wait", 70),
        ("write", 1),
    ]
    assert profile.calls[1] == CallCount(
        name="read",
        calls=600,
        errors=100,
        eagain=100,
        time_ns=446_353,
        latency_ns=[(1023, 598), (2047, 1), (4095, 1)],
    )
    assert profile.waits == [EventsPerWait(name="epoll_wait", calls=70, events=400, histogram=[(0, 20), (15, 50)])]


def test_errors_other_than_eagain_count_as_errors_only() -> None:
    latency = {"0": [{"min": 4, "max": 7, "count": 9}]}
    output = format_maps(latency=latency, time={"0": 5000}, errors={"0,11": 3, "0,104": 2})
    (read,) = parse_profile(output, NAMES, 1).calls
    assert (read.calls, read.errors, read.eagain) == (9, 5, 3)


def test_nothing_was_called() -> None:
    profile = parse_profile(format_maps(on={}), NAMES, 1)
    assert profile.calls == []
    assert profile.waits == []


def test_a_call_without_a_name_goes_by_its_number() -> None:
    latency = {"999": [{"min": 0, "max": 0, "count": 1}]}
    (call,) = parse_profile(format_maps(latency=latency, time={"999": 100}), NAMES, 1).calls
    assert call.name == "syscall 999"
    assert call.latency_ns == [(127, 1)]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "Attaching 5 probes...\n",
        '{"type": "printf", "data": "attached\\n"}\n',
        CAPTURED[: len(CAPTURED) // 2],
        "[]\n",
        '{"type": "map"}\n',
        format_maps(latency={"0": [{"min": 4, "max": 7, "count": 9}]}),
        format_maps(latency={"0": "many"}, time={"0": 1}),
        format_maps(latency={"0": [{"max": -1, "count": "few"}]}, time={"0": 1}),
        format_maps(errors={"0": 1}),
        format_maps(time={"read": 1}),
    ],
    ids=["empty", "text", "no maps", "cut", "list", "no data", "no time", "words", "word as count", "no errno", "name"],
)
def test_anything_else_fails_the_probe(output: str) -> None:
    with pytest.raises(ProbeFailed, match=r"^the output of bpftrace cannot be parsed: "):
        parse_profile(output, NAMES, 1)
