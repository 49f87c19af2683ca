"""Slow senders: a byte at a time, timed from the last one."""

import socket
from collections import Counter
from collections.abc import Callable

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.slow import SlowSender
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

from . import scripts
from .driver import MS, exchange_with, open_gate, wait_until
from .scripted_server import RESPONSE, Peer, ScriptedServer

pytestmark = pytest.mark.timeout(90)

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


def send_slowly(address: tuple[str, int], until: Callable[[Recorder], bool], timeout_ns: int = 10_000 * MS) -> Recorder:
    exchange = exchange_with(address, timeout_ns, REQUEST)
    recorder = Recorder()

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(SlowSender(loop, exchange, 1 * MS, [recorder], open_gate(loop)).run(), "slow sender")
            await wait_until(loop, lambda: until(recorder))
            group.cancel()

    run(main)
    return recorder


def test_a_request_arrives_a_byte_at_a_time_and_its_connection_is_kept() -> None:
    requests: list[list[bytes]] = []

    def note_pieces(peer: Peer) -> None:
        pieces: list[bytes] = []
        while piece := peer.sock.recv(65_536):
            pieces.append(piece)
            if piece.endswith(b"\n") and b"".join(pieces).endswith(b"\r\n\r\n"):
                requests.append(pieces)
                pieces = []
                peer.send(RESPONSE)

    def came_in_single_bytes() -> bool:
        # One of them is enough: a busy machine reads a few bytes together.
        return len(requests) >= 3 and any(len(pieces) == len(REQUEST) for pieces in requests)

    with ScriptedServer(note_pieces) as server:
        send_slowly(server.address, lambda recorder: came_in_single_bytes())
        assert server.accepted == 1
    assert {b"".join(pieces) for pieces in requests} == {REQUEST}


def test_its_time_begins_with_its_last_byte() -> None:
    sending_ns = (len(REQUEST) - 1) * MS
    with ScriptedServer(scripts.correct) as server:
        # However busy the machine is, one of many answers comes at once.
        send_slowly(server.address, lambda recorder: any(time_ns < sending_ns / 2 for time_ns in recorder.prompt))


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (scripts.close_in_the_body, "closed_early"),
        (scripts.close_without_an_answer, "closed_early"),
    ],
)
def test_failures_are_counted_and_it_goes_on(script: Callable[[Peer], None], outcome: str) -> None:
    with ScriptedServer(script) as server:
        recorder = send_slowly(server.address, lambda recorder: recorder.outcomes.total() >= 2)
        assert server.accepted >= 2
    found = Counter({str(key): count for key, count in recorder.outcomes.items()})
    assert found[outcome] >= 2
    assert set(found) <= {outcome, "cut"}


def test_no_answer_is_a_timeout() -> None:
    def listen_only(peer: Peer) -> None:
        peer.wait_closed()

    with ScriptedServer(listen_only) as server:
        recorder = send_slowly(server.address, lambda recorder: recorder.outcomes.total() >= 1, timeout_ns=50 * MS)
    assert recorder.outcomes["timeout"] >= 1  # type: ignore[index]  # a StrEnum's member is its text


def test_a_refused_connection_counts_once() -> None:
    """The pause before the next attempt is longer than the connect timeout, and no part of it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        recorder = send_slowly(bound.getsockname(), lambda recorder: recorder.outcomes.total() >= 4, timeout_ns=20 * MS)
    assert set(recorder.outcomes) == {Outcome.REFUSED}
