"""Idle WebSockets against a real server and against bad ones: pings are answered, and nothing is lost unnoticed."""

import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from loadlab.kernel import Loop, run
from loadlab.kernel.tls import TlsClient
from loadlab.load.idle import IdleConnections, IdleSource, OpeningResult
from loadlab.protocols.openings import Upgrade
from loadlab.protocols.upgrade import accept_for, upgrade_request
from loadlab.tls import TlsSettings

from ...tls_peers import write_pem
from .driver import MS, wait_until
from .scripted_server import Peer, Script, ScriptedServer
from .websocket_server import WebSocketServer

pytestmark = pytest.mark.timeout(90)

KEY = bytes(range(16))
OPENING = Upgrade(upgrade_request("/chat", "localhost", {}, (), KEY), accept_for(KEY))
UPGRADED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {accept_for(KEY)}\r\n\r\n"
).encode()
PING = b"\x89\x04rain"
HELD = 30
REFUSED = "the WebSocket was refused with status"


@contextmanager
def holding(
    loop: Loop, address: tuple[str, int], tls: TlsClient | None = None, trickles: bool = False
) -> Iterator[IdleConnections]:
    connections = IdleConnections(loop, address, b"", 2_000 * MS, tls, trickles, OPENING)
    try:
        yield connections
    finally:
        connections.close()


async def open_all(connections: IdleConnections, number: int = HELD) -> OpeningResult:
    return await connections.open([IdleSource(None, number)], 16, lambda opened: None)


def open_some(script: Script, number: int = 10) -> OpeningResult:
    """Try to open so many connections to a server that plays that script."""

    async def main(loop: Loop) -> OpeningResult:
        with holding(loop, server.address) as connections:
            return await open_all(connections, number)

    with ScriptedServer(script) as server:
        return run(main)


def hold(
    address: tuple[str, int],
    until: Callable[[IdleConnections], bool],
    tls: TlsClient | None = None,
) -> int:
    """Open connections and attend to them until that holds; return how many are alive."""

    async def main(loop: Loop) -> int:
        with holding(loop, address, tls) as connections:
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                opening = await open_all(connections)
                assert (opening.opened, opening.problem) == (HELD, None)
                await wait_until(loop, lambda: until(connections))
                group.cancel()
            return connections.count_alive()

    return run(main)


def test_a_server_that_drops_the_silent_keeps_all_of_them() -> None:
    begun = time.monotonic()

    def all_kept(connections: IdleConnections) -> bool:
        assert server.closed == {}
        return connections.pings >= 5 * HELD and time.monotonic() - begun > 3

    with WebSocketServer(ping_every=0.4, silence=2) as server:
        assert hold(server.address, until=all_kept) == HELD


def test_the_same_server_drops_those_that_nobody_attends_to() -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server.address) as connections:
            await open_all(connections)
            assert connections.count_alive() == HELD
            await wait_until(loop, lambda: server.closed == {1006: HELD})

    with WebSocketServer(ping_every=0.1, silence=0.2) as server:
        run(main)


def test_those_that_are_closed_are_closed_with_a_code() -> None:
    with WebSocketServer() as server:

        async def main(loop: Loop) -> None:
            with holding(loop, server.address) as connections:
                await open_all(connections)
                await connections.wait_closed()
                await wait_until(loop, lambda: server.closed == {1000: HELD})

        run(main)


def test_those_that_the_server_closes_are_not_alive_any_more() -> None:
    with WebSocketServer() as server:
        closed: list[int] = []

        def close_half(connections: IdleConnections) -> bool:
            if not closed and server.connections == HELD:
                closed.append(HELD // 2)
                server.close_soon(HELD // 2, 1001)
            return server.closed[1001] == HELD // 2 and connections.count_alive() == HELD // 2

        assert hold(server.address, until=close_half) == HELD // 2


@pytest.mark.parametrize(("frame_bytes", "behind"), [(2, True), (2, False), (6, True)])
def test_half_a_frame_and_silence_keep_a_connection_alive(frame_bytes: int, behind: bool) -> None:
    """`behind` the handshake, in the same piece."""

    def half_a_frame(peer: Peer) -> None:
        peer.receive_request()
        frame = (PING + PING)[:frame_bytes]
        if behind:
            peer.send(UPGRADED + frame)
        else:
            peer.send(UPGRADED)
            peer.send(frame)
        peer.wait_closed()

    with ScriptedServer(half_a_frame) as server:
        assert hold(server.address, until=lambda connections: connections.received_bytes == HELD * frame_bytes) == HELD


def test_a_server_may_ping_behind_its_handshake() -> None:
    pongs: list[bytes] = []

    def ping_at_once(peer: Peer) -> None:
        peer.receive_request()
        peer.send(UPGRADED + PING)
        pongs.append(peer.sock.recv(100))
        peer.wait_closed()

    with ScriptedServer(ping_at_once) as server:
        alive = hold(server.address, until=lambda connections: len(pongs) == HELD and connections.pings == HELD)
    assert alive == HELD
    assert {pong[:2] for pong in pongs} == {b"\x8a\x84"}


def test_an_answer_in_pieces_opens_a_connection() -> None:
    def in_pieces(peer: Peer) -> None:
        peer.receive_request()
        for position in range(0, len(UPGRADED), 40):
            peer.send(UPGRADED[position : position + 40])
            time.sleep(0.001)
        peer.wait_closed()

    opening = open_some(in_pieces)
    assert (opening.opened, opening.problem) == (10, None)


def answering(answer: bytes) -> Script:
    def play(peer: Peer) -> None:
        peer.receive_request()
        peer.send(answer)
        peer.wait_closed()

    return play


def ending(peer: Peer) -> None:
    peer.receive_request()


def resetting(peer: Peer) -> None:
    peer.receive_request()
    peer.reset_on_close()


def never_answering(peer: Peer) -> None:
    peer.wait_closed()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (
            answering(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
            "the WebSocket was refused with status 401",
        ),
        (
            answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "the WebSocket was refused with status 404",
        ),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), f"{REFUSED} 200"),
        (answering(UPGRADED.replace(b"Accept: ", b"Accept: x")), "the answer is malformed: its Sec-WebSocket-Accept"),
        (answering(b"+OK ready\r\n"), "the answer is malformed: it does not start with HTTP"),
        (ending, "the server ended the connection before its answer was complete"),
        (resetting, "Connection reset by peer"),
        (never_answering, "no answer to the opening request in time"),
    ],
    ids=["401", "404", "200", "accept", "no-http", "end", "reset", "silence"],
)
def test_a_server_that_does_not_agree_is_the_problem(script: Script, problem: str) -> None:
    opening = open_some(script)
    assert opening.opened == 0
    assert opening.problem is not None
    assert opening.problem.startswith(problem)


def test_those_before_a_refusal_are_kept() -> None:
    def refuse_the_twentieth(peer: Peer) -> None:
        answered.append(peer)
        answering(UPGRADED if len(answered) <= 19 else b"HTTP/1.1 503 Busy\r\n\r\n")(peer)

    answered: list[Peer] = []
    opening = open_some(refuse_the_twentieth, number=40)
    assert 16 <= opening.opened < 40
    assert opening.problem == "the WebSocket was refused with status 503"


def test_a_server_that_takes_no_more_is_the_problem_and_those_it_took_are_kept() -> None:
    answered: list[Peer] = []

    def take_eight(peer: Peer) -> None:
        answered.append(peer)
        (answering(UPGRADED) if len(answered) <= 8 else never_answering)(peer)

    opening = open_some(take_eight, number=16)
    assert 0 < opening.opened <= 8  # its threads may have begun in another order
    assert opening.problem is not None
    assert opening.problem.startswith("no answer to the opening request in time")


def test_churn_closes_with_a_code_and_opens_others() -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server.address) as connections:
            await open_all(connections, 20)
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                group.start(connections.churn(50 * MS), "churn")
                await wait_until(loop, lambda: server.closed[1000] >= 60)
                assert connections.count_alive() == 20
                group.cancel()
            assert connections.opened == 20

    with WebSocketServer() as server:
        run(main)
        assert set(server.closed) == {1000}


def test_a_trickle_is_one_endless_frame() -> None:
    received: list[bytes] = []

    def collect(peer: Peer) -> None:
        peer.receive_request()
        peer.send(UPGRADED + PING)  # which cannot be answered in the middle of a frame
        collected = b""
        while len(collected) < 20 and (piece := peer.sock.recv(100)):
            collected += piece
        received.append(collected)
        peer.wait_closed()

    async def main(loop: Loop) -> None:
        with holding(loop, server.address, trickles=True) as connections:
            await open_all(connections, 10)
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                group.start(connections.trickle(10 * MS), "trickle")
                await wait_until(loop, lambda: len(received) == 10)
                group.cancel()
            assert (connections.count_alive(), connections.pings) == (10, 0)
            assert connections.received_bytes == 10 * len(PING)

    with ScriptedServer(collect) as server:
        run(main)
    for frame in received:
        first, size, length = struct.unpack_from("!BBQ", frame)
        assert (first, size) == (0x82, 0xFF)
        assert length > 500_000
        assert set(frame[14:]) == {ord("x")}


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def test_pings_are_answered_over_tls(ca: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    settings = TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path / "ca.pem"))

    def all_kept(connections: IdleConnections) -> bool:
        assert server.closed == {}
        return connections.pings >= 3 * HELD

    with WebSocketServer(ping_every=0.2, silence=5, tls=context) as server:
        assert hold(server.address, until=all_kept, tls=TlsClient(settings)) == HELD
