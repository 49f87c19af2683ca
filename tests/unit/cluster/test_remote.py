"""Calls of machines: straight to them, or by the scheduler."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from distributed import Client
from distributed.actor import Actor

from loadlab.cluster.machine import Machine
from loadlab.cluster.remote import Cluster, RemoteMachine


class FakeCall:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def result(self, timeout: float) -> None:
        assert timeout > 0
        if self._error is not None:
            raise self._error


class FakeActor:
    """A machine that is reached directly unless there is an `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def clock(self) -> FakeCall:
        return FakeCall(self._error)


def cluster_of(actors: Sequence[FakeActor]) -> tuple[Cluster, SimpleNamespace]:
    client = SimpleNamespace(direct_to_workers=None, scheduler_info=lambda: {"id": "scheduler"})
    info = Machine("").describe()
    machines = [RemoteMachine(str(number), "", cast(Actor, actor), info) for number, actor in enumerate(actors)]
    return Cluster(cast(Client, client), "tcp://192.0.2.1:8786", machines, []), client


def test_calls_go_straight_to_machines_that_all_answer() -> None:
    cluster, client = cluster_of([FakeActor(), FakeActor()])
    cluster.call_directly_if_possible()
    assert client.direct_to_workers is True


@pytest.mark.parametrize("error", [TimeoutError(), OSError("no route to host"), KeyError("another worker's actor")])
def test_calls_go_by_the_scheduler_if_one_machine_cannot_be_reached(error: Exception) -> None:
    cluster, client = cluster_of([FakeActor(), FakeActor(error)])
    cluster.call_directly_if_possible()
    assert client.direct_to_workers is False
    assert all(machine.problem is None for machine in cluster.machines)
