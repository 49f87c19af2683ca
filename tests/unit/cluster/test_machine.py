"""Who holds a machine, and for how long."""

import os

import pytest

from loadlab.cluster.machine import LEASE_SECONDS, Claimed, Machine
from loadlab.errors import TrialFailed


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine(clock: Clock) -> Machine:
    return Machine("node3", clock)


def test_one_run_holds_a_machine_until_it_lets_go(machine: Machine) -> None:
    machine.claim("a", "ann@host (process 1)")
    machine.claim("a", "ann@host (process 1)")
    with pytest.raises(
        Claimed, match=r"client machine node3 is held by the run of ann@host \(process 1\) since .* UTC"
    ):
        machine.claim("b", "bob@host (process 2)")
    machine.release()
    machine.claim("b", "bob@host (process 2)")
    assert machine.is_held_by("b")


def test_a_run_that_asks_for_nothing_loses_it(machine: Machine, clock: Clock) -> None:
    machine.claim("a", "ann")
    clock.ns = round(LEASE_SECONDS * 0.9e9)
    machine.check("a")
    clock.ns = round(LEASE_SECONDS * 1.8e9)
    assert not machine.is_abandoned
    clock.ns = round(LEASE_SECONDS * 2e9)
    assert machine.is_abandoned
    machine.end_if_abandoned()
    with pytest.raises(TrialFailed, match="client machine node3 has ended its processes, as nothing was heard"):
        machine.check("a")


def test_a_machine_that_was_left_can_be_held_by_another_run_at_once(machine: Machine, clock: Clock) -> None:
    machine.claim("a", "ann")
    fleet = machine.host(1, None)
    clock.ns = round(LEASE_SECONDS * 1.1e9)
    machine.claim("b", "bob")
    assert machine.is_held_by("b")
    assert machine.fleets == {}
    assert fleet.descriptor is None


def test_who_does_not_hold_it_may_not_use_it(machine: Machine) -> None:
    machine.claim("a", "ann")
    with pytest.raises(TrialFailed):
        machine.check("b")


def test_a_rig_that_has_been_ended_starts_nothing(machine: Machine) -> None:
    fleet = machine.host(1, None)
    fleet.stop()
    fleet.stop()
    with pytest.raises(TrialFailed):
        fleet.start_workers([], 1)
    assert not fleet.has_news


def test_it_says_what_this_process_may_use(machine: Machine) -> None:
    info = machine.describe()
    assert info.name == "node3"
    assert set(info.cores) == os.sched_getaffinity(0)
    assert info.open_files > 0
    assert info.memory_bytes > 0
    assert info.local_ports[0] < info.local_ports[1]
    assert not any(address.startswith("127.") for address in info.addresses)
    assert info.network.startswith("net:")
