"""Kinds of profile: each has its own sections, which alone may be swept, and the other kinds' have no place there."""

from functools import partial
from pathlib import Path

import pytest

from loadlab.profile import SwitchCostProfile, WaitCostProfile

from .reading import find_mistakes, read_profile

METRICS = {"cost_ns", "failures", "response_ns.p99"}
LOAD = "name: x\ntarget: {server: epoll}\nload: {connections: 4, duration: 1s}\n"
WAIT = "name: x\nkind: wait-cost\nwait:\n  method: poll\n  descriptors: 1k\n"
SWITCH = "name: x\nkind: switch-cost\nswitch: {unit: call, count: 100}\n"


read = partial(read_profile, metrics=METRICS)
mistakes = partial(find_mistakes, metrics=METRICS)


def test_the_cost_of_waiting_has_a_section_of_its_own(tmp_path: Path) -> None:
    profile = read(tmp_path, WAIT + "plot: {x: wait.descriptors}\n")
    assert isinstance(profile, WaitCostProfile)
    wait = profile.wait
    assert (wait.method, wait.descriptors, wait.channel) == ("poll", 1000, "pipe")
    assert (wait.active, wait.writes, wait.calls) == (1, 0, 2000)
    assert profile.plotted_metric == "cost_ns"


def test_the_cost_of_switching_has_a_section_of_its_own(tmp_path: Path) -> None:
    profile = read(tmp_path, SWITCH + "plot: {x: switch.unit, y: failures}\n")
    assert isinstance(profile, SwitchCostProfile)
    assert (profile.switch.unit, profile.switch.count) == ("call", 100)
    assert profile.plotted_metric == "failures"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (
            WAIT.replace("wait-cost", "wait-costs"),
            ["x.yaml:2:7: kind: must be load, wait-cost or switch-cost, not 'wait-costs'"],
        ),
        (WAIT.replace("wait-cost", ""), ["x.yaml:2:6: kind: must be load, wait-cost or switch-cost, not an empty val"]),
        (
            WAIT + "target: {server: epoll}\nload: {connections: 1}\n",
            [
                "x.yaml:6:1: target: belongs to profiles of kind load; this one is of kind wait-cost",
                "x.yaml:7:1: load: belongs to profiles of kind load; this one is of kind wait-cost",
            ],
        ),
        (
            LOAD + "switch: {}\n",
            ["x.yaml:4:1: switch: belongs to profiles of kind switch-cost; this one is of kind load"],
        ),
        ("name: x\nkind: wait-cost\n", ["x.yaml:1:1: wait: missing; this key is required"]),
        (
            WAIT + "sweep: {load.idle: [1]}\n",
            ["x.yaml:6:9: sweep.load.idle: no such path in the profile"],
        ),
        (
            WAIT + "sweep: {target.pool: [1]}\n",
            ["x.yaml:6:9: sweep.target.pool: no such path in the profile"],
        ),
        (WAIT + "sweep: {repeat: [1]}\n", ["x.yaml:6:9: sweep.repeat: cannot be swept; only settings of wait can"]),
        (
            WAIT + "sweep: {wait.method: [select, kqueue]}\n",
            ["x.yaml:6:31: sweep.wait.method: must be 'select', 'poll' or 'epoll', not 'kqueue'"],
        ),
        (WAIT + "  active: 2k\n", ["x.yaml:6:11: wait.active: must be at most 1,000, the smallest number of descript"]),
        (
            WAIT + "  active: 20\nsweep: {wait.descriptors: [100, 10]}\n",
            ["x.yaml:6:11: wait.active: must be at most 10, the smallest number of descriptors, not 20"],
        ),
        (
            WAIT + "sweep: {wait.active: [1, 2k]}\n",
            ["x.yaml:6:26: sweep.wait.active: must be at most 1,000, the smallest number of descriptors, not 2,000"],
        ),
        (
            SWITCH.replace("call", "fibre"),
            [
                "x.yaml:3:16: switch.unit: must be 'call', 'generator', 'bare-coroutine', 'coroutine', 'thread' or"
                " 'process', not 'fibre'"
            ],
        ),
        (SWITCH.replace("100", "0"), ["x.yaml:3:29: switch.count: must be at least 1, not 0"]),
        (
            SWITCH + "probes: [cpu]\n",
            ["x.yaml:4:1: probes: belongs to profiles of kind load; this one is of kind switch-cost"],
        ),
        (
            WAIT + "expect: [p99 < 1s]\n",
            [
                "x.yaml:6:10: expect: response_ns.p99 is not measured without a network; the metrics are cost_ns, "
                "cost_ns_min, operation_ns, run_ns and overhead_ns"
            ],
        ),
        (
            LOAD + "plot: {x: load.idle, y: cost_ns}\n",
            ["x.yaml:4:25: plot.y: cost_ns is measured only by profiles of kind wait-cost and switch-cost"],
        ),
        (
            SWITCH + "placement: none\n",
            ["x.yaml:4:1: placement: belongs to profiles of kind load; this one is of kind"],
        ),
    ],
)
def test_a_mistake_in_a_profile_of_another_kind(tmp_path: Path, text: str, reported: list[str]) -> None:
    lines = mistakes(tmp_path, text)
    assert len(lines) == len(reported)
    assert all(line.startswith(start) for line, start in zip(lines, reported, strict=True)), lines
