"""Whatever a server does, a request of a scenario has one outcome, and the scenario gets httpx's exception for it."""

import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from loadlab.protocols.http1 import MAX_HEAD_BYTES
from loadlab.scenario import User
from loadlab.tls import TlsSettings

from ..load.scripted_server import RESPONSE, Peer, Script, ScriptedServer
from .scripts import HEAD, answering, resetting, run_against, silent_after
from .worker import MS, Server, run_once

pytestmark = pytest.mark.timeout(60)


FAULTS = [
    pytest.param(resetting(b""), httpx.ReadError, "reset", id="reset"),
    pytest.param(answering(b""), httpx.RemoteProtocolError, "closed_early", id="closed"),
    pytest.param(answering(HEAD), httpx.RemoteProtocolError, "closed_early", id="closed in the head"),
    pytest.param(answering(RESPONSE[:-1]), httpx.RemoteProtocolError, "closed_early", id="closed in the body"),
    pytest.param(
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        httpx.RemoteProtocolError,
        "closed_early",
        id="closed in a chunk",
    ),
    pytest.param(answering(b"nonsense\r\n\r\n"), httpx.RemoteProtocolError, "malformed", id="nonsense"),
    pytest.param(answering(b"HTTP/1.1 2x0 OK\r\n\r\n"), httpx.RemoteProtocolError, "malformed", id="no status"),
    pytest.param(
        answering(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        httpx.RemoteProtocolError,
        "malformed",
        id="two lengths",
    ),
    pytest.param(
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        httpx.RemoteProtocolError,
        "malformed",
        id="no chunk",
    ),
    pytest.param(
        answering(HEAD + b"X: " + b"x" * (MAX_HEAD_BYTES + 20_000)),
        httpx.RemoteProtocolError,
        "too_large",
        id="a head without end",
    ),
    pytest.param(silent_after(b""), httpx.ReadTimeout, "timeout", id="silence"),
    pytest.param(silent_after(HEAD), httpx.ReadTimeout, "timeout", id="silence in the head"),
    pytest.param(silent_after(RESPONSE[:-1]), httpx.ReadTimeout, "timeout", id="silence in the body"),
]


@pytest.mark.parametrize(("script", "error", "outcome"), FAULTS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_fault_has_its_exception_and_its_outcome(
    script: Script, error: type[Exception], outcome: str, streamed: bool
) -> None:
    async def iteration(user: User) -> None:
        if not streamed:
            await user.http.get("/")
        async with user.http.stream("GET", "/") as response:
            async for _ in response.aiter_bytes():
                pass

    with ScriptedServer(script) as server:
        ran = run_once(Server.at(server.address), iteration, timeout_ns=150 * MS)
    assert type(ran.error) is error
    assert ran.recorded.of("request") == Counter({outcome: 1})
    assert ran.recorded.of("iteration") == Counter({outcome: 1})


async def get(user: User) -> httpx.Response:
    return await user.http.get("/")


def test_a_server_that_does_not_listen() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        ran = run_once(Server.at(reserved.getsockname()), get)
    assert type(ran.error) is httpx.ConnectError
    assert ran.recorded.of("request") == Counter({"refused": 1})
    assert ran.recorded.connects == Counter({"refused": 2})  # that before the load among them


def test_a_server_that_does_not_accept() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, _connected(listener, 2):
        ran = run_once(Server.at(listener.getsockname()), get, timeout_ns=100 * MS)
    assert type(ran.error) is httpx.ConnectTimeout
    assert ran.recorded.of("request") == Counter({"connect_timeout": 1})


@contextmanager
def _connected(listener: socket.socket, count: int) -> Iterator[None]:
    """Fill the accept queue."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]
    for sock in socks:
        sock.connect_ex(listener.getsockname())
    yield
    for sock in socks:
        sock.close()


def test_a_server_that_does_not_take_the_request() -> None:
    async def iteration(user: User) -> None:
        await user.http.post("/", content=b"x" * 50_000_000)

    def script(peer: Peer) -> None:
        peer.sock.recv(1)
        release.recv(1)

    release, held = socket.socketpair()
    with release, held, ScriptedServer(script) as server:
        ran = run_once(Server.at(server.address), iteration, timeout_ns=100 * MS)
        held.send(b"x")
    assert type(ran.error) is httpx.WriteTimeout
    assert "did not take" in str(ran.error)
    assert ran.recorded.of("request") == Counter({"timeout": 1})


def test_a_seventh_request_at_the_same_time_waits_for_a_connection() -> None:
    async def iteration(user: User) -> None:
        async with user.group() as group:
            for _ in range(7):
                group.start(user.http.get("/", timeout=httpx.Timeout(10, pool=0.1)))

    with ScriptedServer(silent_after(b"")) as server:
        ran = run_once(Server.at(server.address), iteration)
    assert type(ran.error) is httpx.PoolTimeout
    assert ran.recorded.of("request") == Counter({"timeout": 1, "cut": 6})
    assert ran.recorded.of("iteration") == Counter({"timeout": 1})


def test_plain_text_where_tls_is_expected() -> None:
    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.wait_closed()

    with ScriptedServer(script) as server:
        tls = TlsSettings("localhost", verify=False)
        ran = run_once(Server(server.address, f"localhost:{server.address[1]}", tls), get)
    assert type(ran.error) is httpx.ConnectError
    assert ran.recorded.of("request") == Counter({"tls": 1})


def test_an_answer_over_tls_that_may_have_been_cut(authority: Path) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD + b"\r\nup to the end")
        peer.sock.shutdown(socket.SHUT_RDWR)  # without the end of the session

    error, recorded, _ = run_against(script, get, authority)
    assert type(error) is httpx.RemoteProtocolError
    assert recorded.of("request") == Counter({"closed_early": 1})


def test_statuses_are_outcomes_and_only_raise_for_status_raises() -> None:
    async def iteration(user: User) -> None:
        await user.http.get("/a")
        await user.http.get("/b", extensions={"expect_status": 404})
        await user.http.get("/c", extensions={"expect_status": ["2xx", 404]})
        (await user.http.get("/d")).raise_for_status()

    error, recorded, _ = run_against(
        answering(*[b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"] * 4), iteration
    )
    assert isinstance(error, httpx.HTTPStatusError)
    assert recorded.of("request") == Counter({"ok": 2, "status": 2})
    assert recorded.of("iteration") == Counter({"status": 1})
    assert recorded.statuses == Counter({"404": 4})


def test_an_answer_that_httpx_cannot_decode_ends_the_iteration_as_malformed() -> None:
    bad = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    error, recorded, _ = run_against(answering(bad), get)
    assert isinstance(error, httpx.DecodingError)
    assert recorded.of("request") == Counter({"ok": 1})
    assert recorded.of("iteration") == Counter({"malformed": 1})


def test_redirects_without_end() -> None:
    async def iteration(user: User) -> None:
        user.http.max_redirects = 2
        await user.http.get("/", follow_redirects=True)

    hop = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    error, recorded, _ = run_against(answering(*[hop] * 9), iteration)
    assert isinstance(error, httpx.TooManyRedirects)
    assert recorded.of("request") == Counter({"ok": 3})
    assert recorded.of("iteration") == Counter({"unexpected": 1})


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + RESPONSE, "HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "HTTP/1.1"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.0"),
    ],
    ids=["interim", "close", "HTTP/1.0"],
)
def test_answers_of_other_kinds(answer: bytes, version: str) -> None:
    async def iteration(user: User) -> tuple[str, str, list[str]]:
        response = await user.http.get("/")
        return response.text, response.http_version, [*response.headers]

    result, recorded, _ = run_against(answering(answer), iteration)
    assert isinstance(result, tuple)
    assert result[:2] == ("hello", version)
    assert "link" not in result[2]
    assert recorded.of("request") == Counter({"ok": 1})


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_an_answer_before_the_whole_upload_was_sent(
    encrypted: bool, resets: bool, streamed: bool, authority: Path
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 50_000

    async def iteration(user: User) -> tuple[int, str]:
        response = await user.http.post("/", content=pieces() if streamed else b"x" * 50_000_000)
        return response.status_code, response.text

    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much")
        if resets:
            peer.reset_on_close()

    result, recorded, _ = run_against(script, iteration, authority if encrypted else None)
    assert result == (413, "too much")
    assert recorded.of("request") == Counter({"status": 1})


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_an_end_that_came_with_the_last_data_while_nobody_waited(encrypted: bool, authority: Path) -> None:
    async def iteration(user: User) -> bytes:
        async with user.http.stream("GET", "/") as response:
            await user.sleep(0.1)
            return await response.aread()

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD + b"\r\n")
        peer.sock.settimeout(0.03)
        with pytest.raises(TimeoutError):
            peer.sock.recv(1)
        peer.send(b"hello")
        if not encrypted:
            peer.end()

    result, recorded, _ = run_against(script, iteration, authority if encrypted else None, timeout_ns=1_000 * MS)
    assert result == b"hello"
    assert recorded.of("request") == Counter({"ok": 1})
