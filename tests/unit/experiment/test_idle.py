"""The idle connections of a rig, as its holders report them."""

from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from loadlab.experiment.context import Observer
from loadlab.experiment.ends import Ends, Server
from loadlab.experiment.idle import HeldConnections
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.division import Share
from loadlab.fleet.messages import Alive, Drained, IdlePart, Opened
from loadlab.profile.address import TcpAddress
from loadlab.profile.load import Load


class FleetOfOneHolder:
    """Its holder opens what it is asked for; a worker has finished its requests in flight before the holder counts."""

    def __init__(self) -> None:
        self.events: deque[list[Event]] = deque()

    def start_holders(self, parts: Sequence[IdlePart]) -> None:
        self.events.append([Event("idle holder 1", Opened(5, 0.1, 100.0, None))])

    def count_alive(self) -> None:
        self.events += [[Event("load worker 1", Drained([]))], [Event("idle holder 1", Alive(4))]]

    def holder_pids(self) -> list[int]:
        return []

    def next_events(self, timeout_seconds: float) -> list[Event]:
        return self.events.popleft()


def test_connections_that_the_target_never_accepted_are_not_alive() -> None:
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    idle._opening, idle._not_accepted = {"idle holder 1": 5}, 3  # as opening leaves it
    summary = idle.summary(alive_at_start=5, alive=5)
    assert summary is not None
    assert (summary.opened, summary.alive_at_start, summary.alive) == (2, 2, 2)


def test_what_workers_report_while_connections_are_counted_is_passed_on() -> None:
    target = SimpleNamespace(
        address=TcpAddress("127.0.0.1", 80),
        capabilities=SimpleNamespace(backlog=128),
        pids=lambda: [],
        poll_exit=lambda: None,
    )
    ends = Ends(cast(Server, target), None, cast(Fleet, FleetOfOneHolder()), lambda: None)
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    idle.open(ends, [Share(((None, 5),))], b"GET / HTTP/1.1\r\n\r\n", None)
    passed_on: list[Event] = []
    assert idle.count(ends, passed_on.append) == 4
    assert passed_on == [Event("load worker 1", Drained([]))]
