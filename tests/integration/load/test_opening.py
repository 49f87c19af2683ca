"""The exchange with which a connection begins, over sockets: answers in pieces, what comes behind them, early ends."""

import time

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import PlainTransport, discard, wait_connected, wait_read
from loadlab.load.connection import wait_opened
from loadlab.protocols.answers import AnswerEnd, MalformedResponse, OpeningRefused, ResponseCutShort
from loadlab.protocols.openings import Asked, Greeting, Opening, Subscription, Upgrade
from loadlab.protocols.upgrade import accept_for, upgrade_request

from . import websocket_scripts
from .scripted_server import RESPONSE, Peer, Script, ScriptedServer

KEY = bytes(16)
UPGRADE = Upgrade(upgrade_request("/", "x", {}, (), KEY), accept_for(KEY))
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def open_one(script: Script, opening: Opening, then: int = 0) -> bytes:
    """Open a connection to a server that plays `script`; return what came behind, and so many bytes that came later."""

    async def main(loop: Loop) -> bytes:
        transport = PlainTransport(loop)
        sock = await wait_connected(loop, server.address, None)
        try:
            came = await wait_opened(loop, transport, sock, opening)
            while len(came) < then:
                came += await wait_read(loop, transport, sock, 1024)
        finally:
            discard(loop, sock)
        return came

    with ScriptedServer(script) as server:
        return run(main)


def sending(*pieces: bytes, asked: bool = True) -> Script:
    """Return a script that sends these pieces one by one, and waits for the client to close."""

    def play(peer: Peer) -> None:
        if not asked or peer.receive_request():
            for piece in pieces:
                peer.send(piece)
                time.sleep(0.002)
            peer.wait_closed()

    return play


def upgraded(peer: Peer) -> None:
    if websocket_scripts.handshake(peer):
        peer.send(websocket_scripts.HELLO)
        peer.wait_closed()


@pytest.mark.parametrize(
    ("script", "opening"),
    [
        (sending(RESPONSE), Asked(REQUEST)),
        (sending(RESPONSE[:20], RESPONSE[20:-1], RESPONSE[-1:]), Asked(REQUEST)),
        (sending(STREAM), Subscription(REQUEST)),
        (sending(STREAM[:-1], STREAM[-1:]), Subscription(REQUEST)),
        (sending(b"220 ready\r\n", asked=False), Greeting(AnswerEnd(until=b"\r\n"))),
        (sending(b"22", b"0 ready\r", b"\n", asked=False), Greeting(AnswerEnd(until=b"\r\n"))),
        (sending(b"12345", asked=False), Greeting(AnswerEnd(length=5))),
    ],
)
def test_an_exchange_ends_with_its_answer(script: Script, opening: Opening) -> None:
    assert open_one(script, opening) == b""


def test_nothing_that_comes_behind_the_answer_is_lost() -> None:
    hello = websocket_scripts.HELLO
    assert open_one(upgraded, UPGRADE, then=len(hello)) == hello
    event = b"data: 1\n\n"
    assert open_one(sending(STREAM + event), Subscription(REQUEST)) == event
    assert open_one(sending(STREAM + event[:3], event[3:]), Subscription(REQUEST), then=len(event)) == event


@pytest.mark.parametrize(
    ("script", "opening", "error", "reason"),
    [
        (websocket_scripts.not_found, UPGRADE, OpeningRefused, "status 404"),
        (websocket_scripts.accept_wrongly, UPGRADE, MalformedResponse, "Sec-WebSocket-Accept"),
        (websocket_scripts.end_in_the_handshake, UPGRADE, ResponseCutShort, "before its answer was complete"),
        (sending(RESPONSE.replace(b"200", b"503")), Subscription(REQUEST), OpeningRefused, "status 503"),
        (
            sending(b"220 ready\r\n250 what", asked=False),
            Greeting(AnswerEnd(until=b"\r\n")),
            MalformedResponse,
            "behind",
        ),
    ],
)
def test_an_exchange_that_fails_raises(script: Script, opening: Opening, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        open_one(script, opening)
