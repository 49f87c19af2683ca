"""What may spoil figures."""

import pytest

from loadlab.host.checks.diagnosis import State
from loadlab.host.checks.quality import (
    check_backlog,
    check_busy,
    check_clock,
    check_cores,
    check_governor,
    check_rate,
    check_swap,
)
from loadlab.host.requirements import Needs

from ..machine import GIB, HEALTHY, machine

NETWORKED = Needs(connections=1_000)


def test_one_core_is_enough_for_a_microbenchmark_only() -> None:
    single = machine("processor", cores=(3,))
    assert check_cores(single, Needs()).state is State.OK
    found = check_cores(single, NETWORKED)
    assert (found.state, found.here) == (State.WARNING, "1: 3")
    assert "share the only core" in str(found.problem)
    assert check_cores(HEALTHY, NETWORKED).state is State.OK


def test_named_cores_must_be_there() -> None:
    found = check_cores(HEALTHY, Needs(connections=1, cores=frozenset({1, 6, 7})))
    assert found.state is State.BLOCKER
    assert found.problem == "the profile's placement names core 6, which loadlab may not use here"


def test_a_core_sends_only_so_many_requests() -> None:
    assert check_rate(HEALTHY, Needs(requests_per_core=50_000)).state is State.OK
    found = check_rate(HEALTHY, Needs(requests_per_core=250_000))
    assert found.state is State.WARNING
    assert "250,000 requests a second" in str(found.problem)
    assert check_rate(HEALTHY, Needs()).needed is None


@pytest.mark.parametrize("changes", [{"backlog": 128}, {"handshakes": 128}])
def test_short_queues_make_opening_slow(changes: dict[str, int]) -> None:
    short = machine("network", **changes)
    assert check_backlog(short, Needs(connections=128)).state is State.OK
    found = check_backlog(short, NETWORKED)
    assert found.state is State.WARNING
    assert "no more than 128 new connections can wait" in str(found.problem)
    assert check_backlog(HEALTHY, NETWORKED).state is State.OK


def test_queues_that_are_not_shown_are_unknown() -> None:
    found = check_backlog(machine("network", backlog=None, handshakes=None), NETWORKED)
    assert (found.state, found.here) == (State.OK, "unknown")


@pytest.mark.parametrize(
    ("governors", "state"),
    [
        (set(), State.OK),
        ({"performance"}, State.OK),
        ({"performance", "powersave"}, State.WARNING),
        ({"schedutil"}, State.WARNING),
    ],
)
def test_the_frequency_should_not_follow_the_load(governors: set[str], state: State) -> None:
    found = check_governor(machine("processor", governors=frozenset(governors)), Needs())
    assert found.state is state
    assert (found.fix is None) == (state is State.OK)


@pytest.mark.parametrize("source", ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", None])
def test_clocks_that_cost_no_system_call_are_fine(source: str | None) -> None:
    assert check_clock(machine("processor", clock_source=source), Needs()).state is State.OK


@pytest.mark.parametrize(
    ("available", "fix"),
    [(("hpet", "tsc"), "`echo tsc > /sys/"), (("hpet", "acpi_pm"), "use a machine or an instance type")],
)
def test_a_slow_clock_is_exchanged_if_there_is_another(available: tuple[str, ...], fix: str) -> None:
    found = check_clock(machine("processor", clock_source="hpet", clock_sources=available), Needs())
    assert found.state is State.WARNING
    assert str(found.fix).startswith(fix)


@pytest.mark.parametrize(("load_average", "state"), [(1.9, State.OK), (2.0, State.WARNING)])
def test_half_of_the_cores_busy_is_too_much(load_average: float, state: State) -> None:
    assert check_busy(machine("processor", load_average=load_average), Needs()).state is state


@pytest.mark.parametrize(("swapped_bytes", "state"), [(GIB, State.OK), (2 * GIB, State.WARNING)])
def test_a_little_swap_is_normal(swapped_bytes: int, state: State) -> None:
    found = check_swap(machine("memory", swapped_bytes=swapped_bytes), Needs())
    assert found.state is state
    if state is State.WARNING:
        assert "swapoff -a && swapon -a" in str(found.fix)
