"""Between windows an iteration that is under way stands still."""

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import pytest

from loadlab.scenario import User

from ..load.scripted_server import RESPONSE, Peer, ScriptedServer
from .scripts import HEAD, serve
from .worker import MS, Server, run_windows

pytestmark = pytest.mark.timeout(180)

SILENCE: Final = 1_000 * MS


def test_the_gate_shuts_in_the_middle_of_a_pause() -> None:
    ends: list[int] = []

    async def iteration(user: User) -> None:
        async with user.step("pause"):
            await user.sleep(0.15)
        ends.append(time.monotonic_ns())
        await user.sleep(10)

    with ScriptedServer(serve) as server:
        recorded, _ = run_windows(
            Server.at(server.address), iteration, [100 * MS, 100 * MS], silence_ns=SILENCE, users=3
        )
    assert len(ends) == 3
    assert recorded.of("step") == Counter({"ok": 3})
    assert 145 * MS <= recorded.times("step", "pause").max_ns < 900 * MS


def test_the_gate_shuts_in_the_middle_of_a_stream() -> None:
    pieces: list[bytes] = []

    async def iteration(user: User) -> None:
        async with user.http.stream("GET", "/") as response:
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                await user.sleep(0.08)
        await user.sleep(10)

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        while len(pieces) < 1:
            time.sleep(0.005)
        peer.send(b"1\r\nb\r\n")
        while len(pieces) < 2:
            time.sleep(0.005)
        peer.send(b"0\r\n\r\n")
        peer.wait_closed()

    with ScriptedServer(script) as server:
        recorded, _ = run_windows(Server.at(server.address), iteration, [100 * MS, 150 * MS], silence_ns=SILENCE)
    assert pieces == [b"a", b"b"]
    assert recorded.of("request") == Counter({"ok": 1})
    assert 155 * MS <= recorded.times("request", "GET /").max_ns < 900 * MS


def test_a_stream_without_end_does_not_keep_a_window_from_its_end() -> None:
    counted: list[int] = []

    async def iteration(user: User) -> None:
        async with user.http.stream("GET", "/") as response:
            async for piece in response.aiter_bytes():
                counted.append(len(piece))

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.send(HEAD + b"Content-Type: text/event-stream\r\n\r\n")
        while True:  # until it is closed
            peer.send(b"data: x\n\n")
            time.sleep(0.01)

    with ScriptedServer(script) as server:
        recorded, beside = run_windows(Server.at(server.address), iteration, [100 * MS, 100 * MS], timeout_ns=100 * MS)
    assert sum(counted) >= 9 * 10
    assert recorded.undone("iteration", "cut") == 2
    assert beside.of("request") == Counter({"ok": 1})


def test_a_request_without_a_timeout_does_not_keep_a_window_from_its_end() -> None:
    async def iteration(user: User) -> None:
        await user.http.get("/", timeout=None)

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.wait_closed()

    with ScriptedServer(script) as server:
        recorded, beside = run_windows(Server.at(server.address), iteration, [50 * MS, 50 * MS], timeout_ns=50 * MS)
    assert recorded.undone("request", "cut") == 2  # the same in both windows
    assert [finished.carried_over for finished in recorded.finished] == [0, 1]
    assert not recorded.of("request")
    assert beside.of("request") == Counter({"cut": 1})


def test_a_pause_beside_a_request_stands_still_too() -> None:
    slept: list[int] = []

    async def pause(user: User) -> None:
        async with user.step("pause"):
            await user.sleep(0.15)
        slept.append(time.monotonic_ns())

    async def iteration(user: User) -> None:
        async with user.group() as group:
            group.start(user.http.get("/", timeout=None))
            group.start(pause(user))

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.wait_closed()

    with ScriptedServer(script) as server:
        recorded, beside = run_windows(Server.at(server.address), iteration, [100 * MS, 300 * MS], timeout_ns=500 * MS)
    assert len(slept) == 1
    assert recorded.of("step") == Counter({"ok": 1})
    assert not beside.of("step")
    assert recorded.times("step", "pause").max_ns >= 149 * MS


def test_an_upload_with_pauses_is_finished() -> None:
    async def pieces(user: User) -> AsyncIterator[bytes]:
        for _ in range(4):
            await user.sleep(0.05)
            yield b"x"

    async def iteration(user: User) -> None:
        await user.http.post("/", content=pieces(user))
        await user.sleep(10)

    def script(peer: Peer) -> None:
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += peer.sock.recv(1000)
        peer.send(RESPONSE)
        peer.wait_closed()

    with ScriptedServer(script) as server:
        recorded, _ = run_windows(Server.at(server.address), iteration, [70 * MS])
    assert recorded.of("request") == Counter({"ok": 1})
    assert recorded.undone("request", "cut") == 1


def test_the_gate_shuts_in_the_middle_of_a_group() -> None:
    begun: list[int] = []

    async def each(user: User, number: int) -> None:
        await user.sleep(0.03 * number)
        begun.append(number)
        await user.http.get("/")

    async def iteration(user: User) -> None:
        async with user.step("group"), user.group() as group:
            for number in range(8):
                group.start(each(user, number))
        await user.sleep(10)

    with ScriptedServer(serve) as server:
        recorded, _ = run_windows(Server.at(server.address), iteration, [100 * MS, 250 * MS], silence_ns=SILENCE)
    assert sorted(begun) == [*range(8)]
    assert recorded.of("request") == Counter({"ok": 8})
    assert recorded.of("step") == Counter({"ok": 1})
    assert recorded.times("step", "group").max_ns < 900 * MS


def test_nothing_is_sent() -> None:
    sent: list[int] = []

    async def iteration(user: User) -> None:
        await user.http.get("/")
        async with user.group() as group:
            group.start(user.http.get("/"))
            group.start(user.http.get("/"))

    def script(peer: Peer) -> None:
        while peer.receive_request():
            sent.append(time.monotonic_ns())
            peer.send(RESPONSE)

    with ScriptedServer(script) as server:
        recorded, _ = run_windows(Server.at(server.address), iteration, [100 * MS] * 3, silence_ns=SILENCE, users=3)
    assert sum(after - before > SILENCE * 0.9 for before, after in itertools.pairwise(sent)) >= 2
    assert recorded.of("request")["ok"] == len(sent)
