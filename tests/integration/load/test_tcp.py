"""Messages over plain TCP: what real servers answer, and what servers on their bad days do instead."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import Address
from loadlab.load.exchange import Exchange
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.profile.address import UnixAddress
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.openings import Greeting
from loadlab.recording.recorder import Recorder, Snapshot
from loadlab.targets import accepts

from .driver import MS, running_load, wait_until
from .scripted_server import Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

LINE = AnswerEnd(until=b"\r\n")
ECHO = AnswerEnd(echo=True)


def talk(
    address: Address,
    end: AnswerEnd,
    *contents: bytes,
    until: Callable[[Recorder], bool] = lambda recorder: recorder.answered >= 50,
    timeout_ns: int = 10_000 * MS,
    greeting: AnswerEnd | None = None,
    per_request: bool = False,
) -> Snapshot:
    """Have three users send messages until it has come about; return what was recorded."""
    kinds = [RequestKind(contents, frozenset({0}), method="MESSAGE", end=end)]
    opening = None if greeting is None else Greeting(greeting)
    exchange = Exchange(
        address, None, timeout_ns, kinds, take_turns(kinds, 0, Stamping()),
        per_request=per_request, opening=opening, protocol="tcp",
    )  # fmt: skip

    async def main(loop: Loop) -> Snapshot:
        async with running_load(loop, [exchange] * 3) as recorder:
            await wait_until(loop, lambda: until(recorder))
        return recorder.take(0, 0)

    return run(main)


def failures(snapshot: Snapshot) -> dict[str, int]:
    return {name: count for name, count in snapshot.outcomes.items() if count and name not in ("ok", "cut")}


def failed_twice(recorder: Recorder) -> bool:
    return recorder.outcomes.total() >= 2


@contextmanager
def redis_serving(program: str, directory: Path) -> Iterator[str]:
    """Run Redis at a Unix socket, which needs no port that may be taken."""
    path = str(directory / "redis.sock")
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(directory)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not accepts(UnixAddress(path)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield path
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("end", "contents"),
    [
        (LINE, (b"PING\r\n",)),
        (AnswerEnd(length=7), (b"PING\r\n",)),
        (LINE, (b"SET a 1\r\n", b"INCR a\r\n")),
        (AnswerEnd(until=b"\r\nhello\r\n"), (b"ECHO hello\r\n",)),
        (AnswerEnd(length=100_011), (b"*2\r\n$4\r\nECHO\r\n$100000\r\n" + bytes(100_000) + b"\r\n",)),
    ],
)
def test_redis(end: AnswerEnd, contents: tuple[bytes, ...], need_program: Callable[[str], str], tmp_path: Path) -> None:
    with redis_serving(need_program("redis-server"), tmp_path) as path:
        snapshot = talk(path, end, *contents)
    assert failures(snapshot) == {}
    assert snapshot.outcomes["ok"] >= 50
    assert snapshot.connects == {"ok": 3}


def echo(peer: Peer) -> None:
    while data := peer.sock.recv(65_536):
        peer.send(data)


@pytest.mark.parametrize("contents", [(b"hello",), (b"ping 1", b"ping 10", b"p"), (bytes(1_000_000),)])
def test_an_echo(contents: tuple[bytes, ...]) -> None:
    with ScriptedServer(echo) as server:
        snapshot = talk(server.address, ECHO, *contents)
    assert failures(snapshot) == {}
    assert snapshot.connects == {"ok": 3}


def mail(peer: Peer) -> None:
    """As SMTP begins (RFC 5321): the server speaks first."""
    peer.send(b"220 mail.")
    peer.send(b"example ESMTP\r\n")
    while data := peer.sock.recv(65_536):
        peer.send(b"250 OK\r\n" if data == b"NOOP\r\n" else b"500 what?\r\n")


def test_a_server_that_greets() -> None:
    with ScriptedServer(mail) as server:
        snapshot = talk(server.address, AnswerEnd(until=b"250 OK\r\n"), b"NOOP\r\n", greeting=LINE)
    assert failures(snapshot) == {}
    assert snapshot.connects == {"ok": 3}


def test_a_greeting_is_timed_where_nothing_is_sent() -> None:
    with ScriptedServer(mail) as server:
        snapshot = talk(server.address, LINE, b"", per_request=True)
    assert failures(snapshot) == {}
    assert snapshot.connects["ok"] >= 50


def answering(*pieces: bytes, then: Callable[[Peer], None] = Peer.wait_closed) -> Script:
    """Return a script that answers each message with these pieces, and then does that."""

    def play(peer: Peer) -> None:
        if peer.sock.recv(65_536):
            for piece in pieces:
                peer.send(piece)
            then(peer)

    return play


def close(peer: Peer) -> None:
    pass


FAULTS = [
    ("silence", answering(), LINE, "timeout", "no complete answer in time"),
    ("too little", answering(b"+PO"), LINE, "timeout", "no complete answer in time"),
    ("too little of a length", answering(b"+PO"), AnswerEnd(length=7), "timeout", "no complete answer in time"),
    ("half an echo", answering(b"PI"), ECHO, "timeout", "no complete answer in time"),
    ("another echo", answering(b"PONG\r\n"), ECHO, "malformed", "byte 2 is not what was sent"),
    ("closed", answering(then=close), LINE, "closed_early", "the connection ended before the answer was complete"),
    ("cut", answering(b"+PO", then=close), LINE, "closed_early", "the connection ended before"),
    ("reset", answering(b"+PO", then=Peer.reset_on_close), LINE, "reset", "Connection reset by peer"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "script", "end", "outcome", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_failure_has_its_outcome_and_reason(
    name: str, script: Script, end: AnswerEnd, outcome: str, reason: str
) -> None:
    with ScriptedServer(script) as server:
        snapshot = talk(server.address, end, b"PING\r\n", until=failed_twice, timeout_ns=300 * MS)
    assert set(failures(snapshot)) == {outcome}
    assert snapshot.samples[0].reason.startswith(reason)
    assert snapshot.outcomes["ok"] == 0


def test_what_comes_behind_an_answer_ends_its_connection() -> None:
    with ScriptedServer(answering(b"+PONG\r\n+PONG\r\n")) as server:
        snapshot = talk(server.address, LINE, b"PING\r\n", until=lambda recorder: recorder.surplus >= 3)
    assert failures(snapshot) == {}
    assert snapshot.surplus >= 3
    assert snapshot.connects["ok"] >= snapshot.surplus


def greet_and_talk_on(peer: Peer) -> None:
    peer.send(b"220 ready\r\n250 OK\r\n")
    peer.wait_closed()


def greet_in_part(peer: Peer) -> None:
    peer.send(b"220 re")
    peer.wait_closed()


@pytest.mark.parametrize(
    ("script", "outcome"),
    [(greet_and_talk_on, "malformed"), (greet_in_part, "connect_timeout"), (close, "closed_early")],
)
def test_a_greeting_that_fails_is_a_connection_that_fails(script: Script, outcome: str) -> None:
    with ScriptedServer(script) as server:
        snapshot = talk(server.address, LINE, b"NOOP\r\n", until=failed_twice, timeout_ns=300 * MS, greeting=LINE)
    assert set(failures(snapshot)) == {outcome}
    assert snapshot.connects.keys() == {outcome}


def test_a_server_that_closes_between_two_messages_costs_none() -> None:
    def answer_and_close(peer: Peer) -> None:
        if peer.sock.recv(65_536):
            peer.send(b"+PONG\r\n")
            peer.sock.shutdown(socket.SHUT_WR)
            peer.wait_closed()

    with ScriptedServer(answer_and_close) as server:
        snapshot = talk(server.address, LINE, b"PING\r\n", until=lambda recorder: recorder.answered >= 20)
    assert set(failures(snapshot)) <= {"closed_early"}  # where the end crossed a message: it may have been acted on
    assert snapshot.retried == 0
    assert snapshot.connects["ok"] > 5
