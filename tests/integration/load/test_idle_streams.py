"""Idle connections that are asked once: subscribers to event streams, and HTTP connections that are kept alive."""

import time
from collections.abc import Callable

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.idle import IdleConnections, IdleSource, OpeningResult
from loadlab.protocols.openings import Asked, IdleOpening, Subscription

from .driver import MS, wait_until
from .scripted_server import RESPONSE, Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

SUBSCRIPTION = Subscription(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
ASKED = Asked(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"c\r\ndata: hello\n\r\n"
HELD = 20


def hold(
    script: Script,
    opening: IdleOpening,
    until: Callable[[IdleConnections], bool] = lambda connections: True,
) -> tuple[OpeningResult, int]:
    """Open connections and attend to them until that holds; return how they were opened, and how many are alive."""

    async def main(loop: Loop) -> tuple[OpeningResult, int]:
        connections = IdleConnections(loop, server.address, b"", 2_000 * MS, opening=opening)
        try:
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                opened = await connections.open([IdleSource(None, HELD)], 8, lambda opened: None)
                await wait_until(loop, lambda: until(connections))
                group.cancel()
            return opened, connections.count_alive()
        finally:
            connections.close()

    with ScriptedServer(script) as server:
        return run(main)


def send_events(peer: Peer) -> None:
    peer.receive_request()
    peer.send(HEAD + EVENT)
    while True:
        time.sleep(0.01)
        peer.send(EVENT)


def test_streams_are_read_all_the_time() -> None:
    enough = HELD * 10 * len(EVENT)
    opened, alive = hold(send_events, SUBSCRIPTION, until=lambda connections: connections.received_bytes > enough)
    assert (opened.opened, opened.problem, alive) == (HELD, None, HELD)


def test_a_server_that_sends_more_than_buffers_hold_is_not_held_up() -> None:
    sent: list[int] = []

    def send_much(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD)
        for _ in range(16):
            peer.send(bytes(1 << 20))
        sent.append(16 << 20)
        peer.wait_closed()

    _, alive = hold(send_much, SUBSCRIPTION, until=lambda connections: len(sent) == HELD)
    assert alive == HELD


def test_streams_that_end_are_not_alive() -> None:
    def send_one(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD + EVENT + b"0\r\n\r\n")

    opened, alive = hold(send_one, SUBSCRIPTION, until=lambda connections: connections.count_alive() == 0)
    assert (opened.opened, alive) == (HELD, 0)


def test_a_stream_that_is_refused_is_the_problem() -> None:
    def refuse(peer: Peer) -> None:
        peer.receive_request()
        peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        peer.wait_closed()

    opened, _ = hold(refuse, SUBSCRIPTION)
    assert (opened.opened, opened.problem) == (0, "the stream was refused with status 404")


def test_an_answer_of_many_pieces_is_read_whole_and_the_connection_kept() -> None:
    body = bytes(300_000)

    def answer(peer: Peer) -> None:
        peer.receive_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        peer.wait_closed()

    opened, alive = hold(answer, ASKED)
    assert (opened.opened, opened.problem, alive) == (HELD, None, HELD)


def test_a_server_that_closes_behind_its_answer_is_the_problem() -> None:
    def answer_and_close(peer: Peer) -> None:
        peer.receive_request()
        peer.send(RESPONSE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    opened, _ = hold(answer_and_close, ASKED)
    assert opened.opened == 0
    assert opened.problem == "the server does not keep the connection alive behind its answer"


@pytest.mark.parametrize("opening", [SUBSCRIPTION, ASKED], ids=["events", "http"])
def test_a_trickle_is_a_request_that_never_ends(opening: IdleOpening) -> None:
    received: list[bytes] = []

    def collect(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD if opening is SUBSCRIPTION else RESPONSE)
        collected = b""
        while not collected.endswith(b"xxx"):
            collected += peer.sock.recv(100)
        received.append(collected)
        peer.wait_closed()

    async def main(loop: Loop) -> int:
        connections = IdleConnections(loop, server.address, b"", 2_000 * MS, trickles=True, opening=opening)
        try:
            await connections.open([IdleSource(None, 5)], 5, lambda opened: None)
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                group.start(connections.trickle(10 * MS), "trickle")
                await wait_until(loop, lambda: len(received) == 5)
                group.cancel()
            return connections.count_alive()
        finally:
            connections.close()

    with ScriptedServer(collect) as server:
        assert run(main) == 5
    assert {request.partition(b"\r\n")[0] for request in received} == {b"GET /hello HTTP/1.1"}


@pytest.mark.parametrize("opening", [SUBSCRIPTION, ASKED], ids=["events", "http"])
def test_churn_asks_again_on_each_new_connection(opening: IdleOpening) -> None:
    requests: list[bytes] = []

    def answer(peer: Peer) -> None:
        peer.receive_request()
        requests.append(peer.received)
        peer.send(HEAD + EVENT if opening is SUBSCRIPTION else RESPONSE)
        peer.wait_closed()

    async def main(loop: Loop) -> int:
        connections = IdleConnections(loop, server.address, b"", 2_000 * MS, opening=opening)
        try:
            await connections.open([IdleSource(None, 10)], 5, lambda opened: None)
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                group.start(connections.churn(20 * MS), "churn")
                await wait_until(loop, lambda: len(requests) >= 50)
                group.cancel()
            return connections.count_alive()
        finally:
            connections.close()

    with ScriptedServer(answer) as server:
        assert run(main) == 10
    assert set(requests) == {opening.request}
