"""The idle connections of a rig, as its holders report them."""

from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.experiment.context import Observer
from loadlab.experiment.ends import Ends
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.target_side import TargetSide
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.division import Share
from loadlab.fleet.messages import Alive, Drained, IdlePart, Opened
from loadlab.profile.address import TcpAddress
from loadlab.profile.load import Load
from loadlab.protocols.openings import Asked
from loadlab.serving.reading import TargetReadings
from loadlab.serving.starting import Server


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


def ends_of_one_holder() -> Ends:
    target = SimpleNamespace(
        address=TcpAddress("127.0.0.1", 80),
        capabilities=SimpleNamespace(backlog=128),
        pids=lambda: [],
        poll_exit=lambda: None,
    )
    side = cast(TargetSide, TargetReadings(cast(Server, target)))
    return Ends(side, cast(Fleet, FleetOfOneHolder()), lambda: None)


def test_connections_that_the_target_never_accepted_are_not_alive() -> None:
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    idle._opening, idle._not_accepted = {"idle holder 1": 5}, 3  # as opening leaves it
    summary = idle.summary(alive_at_start=5, alive=5)
    assert summary is not None
    assert (summary.opened, summary.alive_at_start, summary.alive) == (2, 2, 2)


def test_what_holders_count_is_added_up() -> None:
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s", "idle_protocol": "websocket"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    for holder, counted in enumerate([Alive(2, pings=30, received_bytes=180), Alive(3, pings=12, received_bytes=72)]):
        idle._take(Event(f"idle holder {holder}", Opened(counted.alive, 0.1, 100.0, None)))
        idle._take(Event(f"idle holder {holder}", counted))
    summary = idle.summary(alive_at_start=5, alive=5)
    assert summary is not None
    assert (summary.protocol, summary.pings, summary.received_bytes) == ("websocket", 42, 252)


def test_connections_that_were_answered_were_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many descriptors as connections are not to be expected of a proxy, or of a server that others accept for."""
    monkeypatch.setattr("loadlab.serving.reading.read_open_files", lambda pids: pytest.fail("they were counted"))
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    idle.open(ends_of_one_holder(), [Share(((None, 5),))], b"", None, Asked(b"GET / HTTP/1.1\r\n\r\n"))
    summary = idle.summary(alive_at_start=5, alive=4)
    assert summary is not None
    assert (summary.opened, summary.alive) == (5, 4)


def test_what_workers_report_while_connections_are_counted_is_passed_on() -> None:
    ends = ends_of_one_holder()
    load = Load.model_validate({"connections": 1, "idle": 5, "duration": "1s"})
    idle = HeldConnections(load, cast(Observer, SimpleNamespace(phase=lambda text, fraction: None)))
    idle.open(ends, [Share(((None, 5),))], b"GET / HTTP/1.1\r\n\r\n", None)
    passed_on: list[Event] = []
    assert idle.count(ends, passed_on.append) == 4
    assert passed_on == [Event("load worker 1", Drained([]))]
