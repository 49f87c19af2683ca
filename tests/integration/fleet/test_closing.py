"""WebSockets of a process that is ended, idle and active ones: their server learns that it was meant so."""

import time
from collections.abc import Callable

from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    IdlePart,
    LoadPart,
    Opened,
    Ready,
    SlowSending,
    WeightedRequest,
)
from loadlab.protocols.openings import Upgrade
from loadlab.protocols.upgrade import accept_for, upgrade_request
from loadlab.protocols.websocket_frames import encode_message

from ..load.websocket_server import WebSocketServer

KEY = bytes(range(16))
OPENING = Upgrade(upgrade_request("/", "localhost", {}, (), KEY), accept_for(KEY))
HELD = 2000
ACTIVE = 50
DEADLINE_SECONDS = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def test_a_holder_that_is_ended_closes_its_websockets_with_a_code() -> None:
    with WebSocketServer() as server:
        with LocalFleet(None) as fleet:
            endpoint = Endpoint(server.address, [(None, HELD)])
            fleet.start_holders([IdlePart(endpoint, b"", 32, 20_000_000_000, "silent", 1_000_000_000, OPENING)])
            opened: list[Opened] = []
            while not opened:
                messages = [event.message for event in fleet.next_events(1.0)]
                opened += [message for message in messages if isinstance(message, Opened)]
            assert (opened[0].opened, opened[0].problem) == (HELD, None)
            wait_until(lambda: server.connections == HELD)
        wait_until(lambda: server.closed.total() == HELD)
        assert set(server.closed) == {1000}


def test_a_worker_that_is_ended_closes_its_websockets_with_a_code() -> None:
    message = WeightedRequest([encode_message(b"hello", True, b"mask")], [0], method="MESSAGE")
    with WebSocketServer() as server:
        part = LoadPart(
            share=0,
            shares=1,
            endpoint=Endpoint(server.address, [(None, ACTIVE)]),
            requests=[message],
            seed=0,
            pacing=ClosedPacing(),
            slow=SlowSending(all=False, connections=0, pace_ns=1),
            timeout_ns=20_000_000_000,
            protocol="websocket",
            opening=OPENING,
        )
        with LocalFleet(None) as fleet:
            fleet.start_workers([part])
            while not any(isinstance(event.message, Ready) for event in fleet.next_events(1.0)):
                pass
            wait_until(lambda: server.connections == ACTIVE)
        wait_until(lambda: server.closed.total() == ACTIVE)
        assert set(server.closed) == {1000}
