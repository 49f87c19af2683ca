"""Who holds a machine, and for how long."""

import os

import pytest

from loadlab.cluster.machine import LEASE_SECONDS, Claimed, Machine
from loadlab.errors import ClusterFailed, TrialFailed


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
    for fleet in machine.end():
        fleet.stop()
    machine.free()
    machine.claim("b", "bob@host (process 2)")
    assert machine.is_held_by("b")


def test_while_a_machine_is_being_ended_nobody_has_it(machine: Machine) -> None:
    machine.claim("a", "ann")
    fleet = machine.host(1, None)
    assert machine.end() == [fleet]
    assert not machine.is_held_by("a")
    assert machine.end() == []
    with pytest.raises(ClusterFailed):
        machine.check("a")
    for run in ("a", "b"):
        with pytest.raises(Claimed, match="held by the run of ann"):
            machine.claim(run, run)
    machine.free()
    machine.claim("b", "bob")
    machine.check("b")


def test_a_run_that_asks_for_nothing_loses_it(machine: Machine, clock: Clock) -> None:
    machine.claim("a", "ann")
    clock.ns = round(LEASE_SECONDS * 0.9e9)
    machine.check("a")
    clock.ns = round(LEASE_SECONDS * 1.8e9)
    assert not machine.is_abandoned
    clock.ns = round(LEASE_SECONDS * 2e9)
    assert machine.is_abandoned
    machine.end()
    assert not machine.is_abandoned  # once is enough
    machine.free()
    with pytest.raises(ClusterFailed, match="client machine node3 has ended its processes, as it had heard nothing"):
        machine.check("a")


def test_a_lease_may_be_shorter(machine: Machine, clock: Clock) -> None:
    machine.claim("a", "ann", lease_seconds=1)
    clock.ns = 900_000_000
    assert not machine.look()
    clock.ns = 1_100_000_000
    assert machine.look()


def test_a_machine_that_stood_still_itself_begins_the_lease_anew(machine: Machine, clock: Clock) -> None:
    machine.claim("a", "ann", lease_seconds=3)
    clock.ns = 3_100_000_000  # it could not hear anything
    assert not machine.look()
    for clock.ns in range(3_500_000_000, 6_000_000_000, 500_000_000):
        assert not machine.look()
    clock.ns = 6_200_000_000
    assert machine.look()


def test_who_does_not_hold_it_may_not_use_it(machine: Machine) -> None:
    machine.claim("a", "ann")
    with pytest.raises(ClusterFailed):
        machine.check("b")


def test_a_rig_that_has_been_ended_starts_nothing(machine: Machine) -> None:
    fleet = machine.host(1, None)
    fleet.stop()
    assert fleet.descriptor is None
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
