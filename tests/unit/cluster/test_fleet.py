"""A fleet on machines that are made up: what becomes of it when one of them is lost."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

pytest.importorskip("distributed")

from loadlab.cluster.fleet import ClusterFleet
from loadlab.cluster.machine import Machine
from loadlab.cluster.messages import Delivery, Failure
from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.errors import ClusterFailed, TrialFailed
from loadlab.fleet.messages import Ready, encode_message

READY = ("load worker 1 on two", encode_message(Ready()))


class MadeUpCluster:
    """Two machines that do whatever they are asked at once; `asked` is what that was."""

    def __init__(self) -> None:
        self.here = Machine("").describe()
        self.machines = [RemoteMachine(name, f"tcp://{name}", cast(Any, None), self.here) for name in ("one", "two")]
        self.asked: list[tuple[str, str]] = []

    def call(self, machine: RemoteMachine, method: str, *_arguments: object) -> object:
        """Note it. Raises ClusterFailed if the machine has a problem."""
        if machine.problem is not None:
            raise ClusterFailed(machine.problem)
        self.asked.append((machine.name, method))
        return None

    def wait_all(
        self, calls: Iterable[tuple[RemoteMachine, object]], _seconds: float
    ) -> list[tuple[RemoteMachine, object]]:
        """Return that nothing came of the calls."""
        return list(calls)

    def add_callback(self, callback: Callable[..., object], *arguments: object) -> None:
        """Do nothing: nobody is listened to."""


@pytest.fixture
def cluster() -> MadeUpCluster:
    return MadeUpCluster()


@pytest.fixture
def fleet(cluster: MadeUpCluster) -> ClusterFleet:
    return ClusterFleet(cast(Cluster, cluster), {})


def test_a_machine_that_is_lost_is_named_once_all_that_came_before_is_heard(
    cluster: MadeUpCluster, fleet: ClusterFleet
) -> None:
    fleet._arrived.put(Delivery([READY]))
    cluster.machines[0].problem = "client machine one has been lost"
    assert [event.sender for event in fleet.next_events(0)] == ["load worker 1 on two"]
    fleet._arrived.put(Delivery([READY]))  # others go on, and do not keep it from being named
    with pytest.raises(ClusterFailed, match="client machine one has been lost"):
        fleet.next_events(0)


def test_what_is_left_to_be_done_then_is_done_by_a_machine_that_is_left(
    cluster: MadeUpCluster, fleet: ClusterFleet
) -> None:
    cluster.machines[0].problem = "client machine one has been lost"
    with pytest.raises(ClusterFailed):
        fleet.next_events(0)
    cluster.asked.clear()
    fleet.end_workers()
    fleet.end_preparing()
    assert cluster.asked == [("two", "end_workers"), ("two", "end_preparing")]
    assert fleet.next_events(0) == []


def test_after_a_load_worker_has_failed_the_others_can_be_ended_and_go_on(fleet: ClusterFleet) -> None:
    fleet._arrived.put(Delivery(failure=Failure("load worker 1 on two was killed by SIGKILL")))
    for _ in range(2):
        with pytest.raises(TrialFailed, match="load worker 1 on two was killed"):
            fleet.next_events(0)
    fleet.end_workers()
    fleet._arrived.put(Delivery([READY]))
    assert len(fleet.next_events(0)) == 1
