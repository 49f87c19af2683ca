"""Calls of machines: straight to them or by the scheduler, and how they are waited for."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from distributed import Client
from distributed.actor import Actor, BaseActorFuture

from loadlab.cluster.machine import Machine
from loadlab.cluster.remote import Cluster, RemoteMachine


class FakeCall:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def result(self, timeout: float) -> None:
        assert timeout > 0
        if self._error is not None:
            raise self._error


class CallThatEndsAsTheWaitDoes:
    """One whose answer arrives at the very moment at which a wait for it has had its time."""

    def __init__(self) -> None:
        self._is_done = False

    def done(self) -> bool:
        return self._is_done

    def result(self, timeout: float) -> str:
        assert timeout > 0
        if self._is_done:
            return "answered"
        self._is_done = True
        raise TimeoutError


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


@pytest.mark.parametrize("seconds", [10.0, 0.0])
def test_an_answer_that_arrives_as_a_wait_ends_is_an_answer(seconds: float) -> None:
    cluster, _ = cluster_of([FakeActor()])
    call = cast("BaseActorFuture[str]", CallThatEndsAsTheWaitDoes())
    assert cluster.wait(cluster.machines[0], call, seconds) == "answered"
