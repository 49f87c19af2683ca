"""WebSockets of scenarios: with a server of the `websockets` package, and with servers that misbehave."""

import gc
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from loadlab.kernel.tls import TlsClient
from loadlab.recording.outcomes import Outcome
from loadlab.scenario import User, WebSocket, WebSocketClosed
from loadlab.scenario.timing import failure_of
from loadlab.scenario.tracing import Tracer
from loadlab.tls import TlsSettings

from ...tls_peers import write_pem
from ..load import websocket_scripts as scripts
from ..load.scripted_server import Peer, Script, ScriptedServer
from ..load.websocket_server import WebSocketServer
from .driver import MS, Stage, play
from .worker import Server, run_windows

pytestmark = pytest.mark.timeout(90)

NAME = "WEBSOCKET /chat"


async def talk(stage: Stage) -> object:
    """Open a WebSocket, say hello and return the answer."""
    websocket = await stage.user.websocket("/chat")
    await websocket.send("hello")
    return await websocket.receive()


def failure(
    script: Script, function: Callable[[Stage], Awaitable[Any]] = talk, timeout_ns: int = 20_000 * MS
) -> Exception:
    """Return how a conversation with a server that plays `script` fails."""

    async def iteration(stage: Stage) -> Exception:
        try:
            await function(stage)
        except Exception as error:
            return error.with_traceback(None)  # with which go the WebSockets of its frames
        raise AssertionError("it did not fail")

    with ScriptedServer(script) as server:
        return play(server.address, iteration, timeout_ns)


def test_messages_are_text_or_binary_and_come_back_as_they_were() -> None:
    async def iteration(stage: Stage) -> None:
        async with stage.user.websocket("/chat") as websocket:
            for message in ("hello", b"\xff\x00", "", b"", "κόσμε", "x" * 200_000, b"\x00" * 900_000):
                await websocket.send(message)
                assert await websocket.receive() == message
        with pytest.raises(WebSocketClosed, match="this WebSocket has been closed"):
            await websocket.receive()
        with pytest.raises(WebSocketClosed, match="this WebSocket has been closed"):
            await websocket.send("late")
        recorded = stage.snapshot(NAME)
        assert recorded.statuses == {"101": 1}
        assert {outcome: count for outcome, count in recorded.outcomes.items() if count} == {"ok": 1}

    with WebSocketServer() as server:
        play(server.address, iteration)
    assert server.closed == {1000: 1}


def test_the_handshake_has_what_the_client_of_the_user_sends_and_is_named_like_a_request() -> None:
    heads: list[bytes] = []

    def accept(peer: Peer) -> None:
        assert scripts.handshake(peer, b"Sec-WebSocket-Protocol: chat.v2\r\n")
        heads.append(peer.received.lower())
        peer.send(scripts.HELLO)
        peer.wait_closed()

    async def iteration(stage: Stage) -> None:
        stage.user.http.headers["Authorization"] = "Bearer abc"
        stage.user.http.cookies.set("session", "7")
        websocket = await stage.user.websocket(
            "/rooms/12?since=3", subprotocols=["chat.v1", "chat.v2"], headers={"Origin": "http://shop"}
        )
        assert websocket.subprotocol == "chat.v2"
        assert await websocket.receive() == "hello"
        assert stage.snapshot("WEBSOCKET /rooms/{id}").statuses == {"101": 1}
        stage.user.name("room")
        await (await stage.user.websocket("/rooms/12", subprotocols=["chat.v2"])).receive()
        assert stage.snapshot("room").statuses == {"101": 1}

    with ScriptedServer(accept) as server:
        play(server.address, iteration)
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"get /rooms/12?since=3 http/1.1"
    assert {
        b"authorization: bearer abc",
        b"cookie: session=7",
        b"origin: http://shop",
        b"sec-websocket-protocol: chat.v1, chat.v2",
        b"upgrade: websocket",
        b"connection: upgrade",
        b"host: localhost:%d" % server.address[1],
    } <= set(lines)
    assert sum(line.startswith((b"connection:", b"host:")) for line in lines) == 2


def test_over_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    settings = TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)

    async def iteration(stage: Stage) -> None:
        async with stage.user.websocket(f"wss://localhost:{server.address[1]}/chat") as websocket:
            for message in ("hello", "x" * 900_000):
                await websocket.send(message)
                assert await websocket.receive() == message

    with WebSocketServer(tls=context) as server:
        play(server.address, iteration, tls=TlsClient(settings))
    assert server.closed == {1000: 1}


@pytest.mark.parametrize(
    ("refused", "status"), [(scripts.not_found, 404), (scripts.unauthorized, 401), (scripts.plain_page, 200)]
)
def test_a_refusal_is_an_error_of_its_status(refused: Script, status: int) -> None:
    async def iteration(stage: Stage) -> None:
        try:
            await talk(stage)
        finally:
            recorded = stage.snapshot(NAME)
            assert recorded.statuses == {str(status): 1}
            assert recorded.outcomes[Outcome.STATUS] == 1

    error = failure(refused, iteration)
    assert isinstance(error, httpx.HTTPStatusError)
    assert str(error) == f"the WebSocket was refused with status {status}"
    assert error.response.status_code == status
    assert error.response.headers["content-length"] == "2"


def test_a_server_that_is_not_there_is_a_refused_request() -> None:
    async def iteration(stage: Stage) -> None:
        with pytest.raises(httpx.ConnectError, match="refused") as caught:
            await stage.user.websocket("/chat")
        assert outcome_of(caught.value) is Outcome.REFUSED
        recorded = stage.snapshot(NAME)
        assert recorded.outcomes[Outcome.REFUSED] == 1
        assert recorded.connects == {Outcome.REFUSED: 1}

    with socket.socket() as reserved:  # and so nobody else listens there
        reserved.bind(("127.0.0.1", 0))
        play(reserved.getsockname(), iteration)


@pytest.mark.parametrize(
    ("script", "text", "outcome"),
    [
        (scripts.accept_wrongly, "its Sec-WebSocket-Accept is not that of the key", Outcome.MALFORMED),
        (scripts.compress, "it accepts an extension, of which none was offered: permessage-deflate", Outcome.MALFORMED),
        (scripts.another_subprotocol, "it chooses a subprotocol that was not offered: mqtt", Outcome.MALFORMED),
        (
            scripts.end_in_the_handshake,
            "the server ended the connection before its answer was complete",
            Outcome.CLOSED_EARLY,
        ),
        (scripts.speak_ssh, "it does not start with HTTP/1.", Outcome.MALFORMED),
    ],
)
def test_a_bad_handshake_is_one_clear_error(script: Script, text: str, outcome: Outcome) -> None:
    async def iteration(stage: Stage) -> None:
        try:
            await talk(stage)
        finally:
            assert stage.snapshot(NAME).outcomes[outcome] == 1
            assert not stage.state.under_way

    error = failure(script, iteration)
    assert isinstance(error, httpx.RemoteProtocolError)
    assert str(error) == text
    assert outcome_of(error) is outcome


@pytest.mark.parametrize(
    ("script", "kind", "text", "outcome"),
    [
        (scripts.reset, httpx.ReadError, "reset by peer", Outcome.RESET),
        (
            scripts.end_without_a_close_frame,
            httpx.RemoteProtocolError,
            "without closing the WebSocket",
            Outcome.CLOSED_EARLY,
        ),
        (scripts.masked, httpx.RemoteProtocolError, "masked", Outcome.MALFORMED),
        (scripts.reserved_bit, httpx.RemoteProtocolError, "Reserved bit", Outcome.MALFORMED),
        (scripts.reserved_opcode, httpx.RemoteProtocolError, "Invalid opcode 0x3", Outcome.MALFORMED),
        (scripts.invalid_utf8, httpx.RemoteProtocolError, "utf-8", Outcome.MALFORMED),
        (scripts.too_long, httpx.RemoteProtocolError, "more than 64 MiB", Outcome.TOO_LARGE),
        (scripts.absurdly_long, httpx.RemoteProtocolError, "more than 64 MiB", Outcome.TOO_LARGE),
        (scripts.close_without_code, WebSocketClosed, "closed the WebSocket without a code", Outcome.CLOSED_EARLY),
        (scripts.internal_error, WebSocketClosed, r"code 1011 \(internal error\): out of memory", Outcome.CLOSED_EARLY),
    ],
)
def test_a_bad_answer_is_one_clear_error(script: Script, kind: type[Exception], text: str, outcome: Outcome) -> None:
    async def iteration(stage: Stage) -> None:
        websocket = await stage.user.websocket("/chat")
        await websocket.send("hello")
        with pytest.raises(kind, match=text):
            await websocket.receive()
        await websocket.close()  # which is no error
        await websocket.receive()  # and this is the same one again

    error = failure(script, iteration)
    assert type(error) is kind
    assert outcome_of(error) is outcome


@pytest.mark.parametrize("script", [scripts.half_a_frame, scripts.unfinished_message, scripts.say_nothing])
def test_a_server_that_says_nothing_more_is_a_timeout(script: Script) -> None:
    error = failure(script, timeout_ns=200 * MS)
    assert isinstance(error, httpx.ReadTimeout)
    assert outcome_of(error) is Outcome.TIMEOUT


def test_receiving_can_be_tried_again_after_a_timeout() -> None:
    def answer_late(peer: Peer) -> None:
        time.sleep(0.3)
        peer.send(scripts.HELLO)

    async def iteration(stage: Stage) -> int:
        websocket = await stage.user.websocket("/chat")
        await websocket.send("hello")
        timeouts = 0
        while True:
            try:
                assert await websocket.receive(timeout=0.02) == "hello"
                return timeouts
            except httpx.ReadTimeout:
                timeouts += 1

    with ScriptedServer(scripts.answering(answer_late)) as server:
        assert play(server.address, iteration) > 2


def test_pings_are_answered_while_a_message_is_awaited_and_fragments_are_joined() -> None:
    with ScriptedServer(scripts.piecemeal) as server:
        assert play(server.address, talk) == "hello"
    with WebSocketServer(ping_every=0.1, silence=0.4) as pinging:

        async def iteration(stage: Stage) -> None:
            websocket = await stage.user.websocket("/chat")
            with pytest.raises(httpx.ReadTimeout):
                await websocket.receive(timeout=1.2)
            await websocket.send("still here")
            assert await websocket.receive() == "still here"
            await websocket.close(3001, "done")

        play(pinging.address, iteration)
    assert pinging.closed == {3001: 1}


def test_messages_that_came_before_a_close_are_received_first() -> None:
    async def iteration(stage: Stage) -> list[object]:
        websocket = await stage.user.websocket("/chat")
        await websocket.send("hello")
        received: list[object] = [message async for message in websocket]
        return received

    with ScriptedServer(scripts.away_behind_the_answer) as server:
        assert play(server.address, iteration) == ["hello"]


def test_one_coroutine_receives_while_another_sends_more_than_sockets_take() -> None:
    async def iteration(stage: Stage) -> None:
        async with stage.user.websocket("/chat") as websocket:

            async def receive() -> int:
                return sum([len(await websocket.receive()) for _ in range(4)])

            async with stage.user.group() as group:
                received = group.start(receive())
                await stage.loop.yield_now()
                for _ in range(2):
                    group.start(websocket.send("x" * 900_000))
                    group.start(websocket.send(b"x" * 900_000))
            assert received.result == 3_600_000

    with WebSocketServer() as server:
        play(server.address, iteration)


def test_two_coroutines_cannot_receive_at_once() -> None:
    async def iteration(stage: Stage) -> None:
        websocket = await stage.user.websocket("/chat")
        first = websocket.receive()
        async with stage.user.group() as group:
            group.start(first)
            await stage.loop.yield_now()
            with pytest.raises(RuntimeError, match="another coroutine receives"):
                await websocket.receive()
            await websocket.send("for the first")

    with WebSocketServer() as server:
        play(server.address, iteration)


def test_closing_while_another_coroutine_receives_ends_that() -> None:
    async def iteration(stage: Stage) -> None:
        websocket = await stage.user.websocket("/chat")

        async def receive() -> None:
            with pytest.raises(WebSocketClosed) as caught:
                await websocket.receive()
            assert caught.value.code == 1000

        async with stage.user.group() as group:
            group.start(receive())
            await stage.loop.yield_now()
            await websocket.close()

    with WebSocketServer() as server:
        play(server.address, iteration)
    assert server.closed == {1000: 1}


def test_a_message_that_cannot_be_sent_is_a_timeout_and_ends_it() -> None:
    def never_read(peer: Peer) -> None:
        if scripts.handshake(peer):
            done.wait(30)

    async def iteration(stage: Stage) -> None:
        websocket = await stage.user.websocket("/chat")
        try:
            with pytest.raises(httpx.WriteTimeout):
                await websocket.send(b"x" * 50_000_000)
            with pytest.raises(httpx.WriteTimeout):
                await websocket.send("more")
        finally:
            done.set()

    done = threading.Event()
    with ScriptedServer(never_read) as server:
        play(server.address, iteration, timeout_ns=500 * MS)


def test_a_server_that_closes_in_the_middle_of_a_message_has_said_why() -> None:
    async def iteration(stage: Stage) -> None:
        websocket = await stage.user.websocket("/chat")

        async def send_too_much() -> None:
            await websocket.send(b"x" * 30_000_000)  # of which the server takes one MiB
            await websocket.receive()

        with pytest.raises(WebSocketClosed) as caught:
            await send_too_much()
        assert caught.value.code == 1009

    with WebSocketServer() as server:
        for _ in range(5):
            play(server.address, iteration)


def test_a_websocket_that_is_dropped_or_left_by_an_error_ends_its_connection() -> None:
    ended = threading.Semaphore(0)

    def note_the_end(peer: Peer) -> None:
        if scripts.handshake(peer):
            peer.wait_closed()
            ended.release()

    async def iteration(stage: Stage) -> None:
        await stage.user.websocket("/chat")
        assert await stage.user.thread(ended.acquire, timeout=20)
        with pytest.raises(KeyError):
            async with stage.user.websocket("/chat"):
                raise KeyError
        assert await stage.user.thread(ended.acquire, timeout=20)

    with ScriptedServer(note_the_end) as server:
        play(server.address, iteration)


def test_open_websockets_leave_the_connections_of_requests_alone() -> None:
    async def iteration(stage: Stage) -> None:
        websockets = [await stage.user.websocket("/chat") for _ in range(20)]
        async with stage.user.group() as group:
            for websocket in websockets:
                group.start(websocket.close())

    with WebSocketServer() as server:
        play(server.address, iteration)
    assert server.closed == {1000: 20}


def test_a_websocket_that_a_user_keeps_stands_still_between_windows() -> None:
    async def connect(user: User) -> None:
        user.chat = await user.websocket("/chat")  # type: ignore[attr-defined]

    async def iteration(user: User) -> None:
        chat: WebSocket = user.chat  # type: ignore[attr-defined]
        sent_at.append(time.monotonic())
        await chat.send("hello")
        assert await chat.receive(timeout=5) == "hello"
        await user.sleep(0.01)

    sent_at: list[float] = []
    with WebSocketServer() as server:
        recorded, _ = run_windows(
            Server.at(server.address), iteration, [200 * MS, 200 * MS], on_start=connect, silence_ns=400 * MS, users=3
        )
    gc.collect()  # the users, and so their WebSockets
    assert server.closed.total() == 3
    assert not recorded.names("request")
    outcomes = recorded.of("iteration")
    assert set(outcomes) <= {Outcome.OK, Outcome.CUT}
    assert outcomes[Outcome.OK] > 10
    pauses = [later - earlier for earlier, later in pairwise(sent_at)]
    assert sum(pause > 0.3 for pause in pauses) == 1


def test_receiving_waits_for_its_time_without_the_silence_between_windows() -> None:
    async def iteration(user: User) -> None:
        async with user.websocket("/chat") as chat:
            await chat.send("hello")
            await chat.receive()
            with pytest.raises(httpx.ReadTimeout):
                await chat.receive(timeout=0.3)
            waited.append(time.monotonic() - began_at)

    waited: list[float] = []
    with WebSocketServer() as server:
        began_at = time.monotonic()
        run_windows(Server.at(server.address), iteration, [150 * MS, 5_000 * MS], silence_ns=1_000 * MS)
    assert waited[0] > 1.25


def test_what_happens_is_traced() -> None:
    events: list[str] = []

    async def iteration(stage: Stage) -> None:
        async with stage.user.websocket("/chat") as websocket:
            await websocket.send("hello")
            await websocket.receive()

    with WebSocketServer() as server:
        play(server.address, iteration, tracer=Tracer(lambda event: events.append(type(event).__name__)))
    assert events == ["RequestSent", "ResponseReceived", "MessageSent", "MessageReceived", "WebSocketEnded"]


def test_what_makes_no_sense_is_refused_before_anything_is_sent() -> None:
    async def iteration(stage: Stage) -> None:
        async with stage.user.websocket("/chat") as websocket:
            with pytest.raises(TypeError, match="a message is str or bytes, not dict"):
                await websocket.send({})  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="not with 1006"):
                await websocket.close(1006)
            with pytest.raises(ValueError, match="at most 123 bytes"):
                await websocket.close(1000, "x" * 124)
            await websocket.send("hello")
            assert await websocket.receive() == "hello"
        with pytest.raises(httpx.LocalProtocolError, match="a line end"):
            await stage.user.websocket("/chat", headers={"X-Name": "a\r\nb"})
        with pytest.raises(httpx.UnsupportedProtocol):
            await stage.user.websocket("ftp://localhost/chat")

    with WebSocketServer() as server:
        play(server.address, iteration)


def outcome_of(error: Exception) -> Outcome | None:
    """Return the outcome of an iteration that this error ends."""
    failed = failure_of(error)
    return failed.outcome if failed is not None else None
