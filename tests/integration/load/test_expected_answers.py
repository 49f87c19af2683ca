"""Answers that are compared with what their request expects, however they arrive."""

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.answer_check import AnswerCheck
from loadlab.load.exchange import Exchange
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.slow import SlowSender
from loadlab.load.stamping import Stamping
from loadlab.recording.recorder import Recorder, Snapshot

from .driver import MS, open_gate, served, wait_until
from .scripted_server import Peer, ScriptedServer

pytestmark = pytest.mark.timeout(90)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"x" * 100_000 + b"the end"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def answer_at_length(peer: Peer) -> None:
    while peer.receive_request():
        peer.send(LARGE)


def taken(expected: bytes, slow: bool) -> Snapshot:
    """What was recorded of requests that expect this text in a body of many pieces."""

    async def main(loop: Loop) -> Snapshot:
        kinds = [RequestKind([REQUEST], check=AnswerCheck(expected, []))]
        exchange = Exchange(server.address, None, 10_000 * MS, kinds, take_turns(kinds, 0, Stamping()))
        recorder, gate = Recorder(kinds[0].usual_status), open_gate(loop)
        user = (
            SlowSender(loop, exchange, MS, [recorder], gate)
            if slow
            else ActiveLoad(loop, [exchange] * 2, [recorder], gate)
        )
        async with loop.task_group() as group:
            group.start(user.run(), "load")
            await wait_until(loop, lambda: served(recorder) + recorder.outcomes.total() >= 10)
            group.cancel()
        return recorder.take(0, 1)

    with ScriptedServer(answer_at_length) as server:
        return run(main)


@pytest.mark.parametrize("slow", [False, True])
def test_a_text_at_the_end_of_a_long_body_is_found(slow: bool) -> None:
    snapshot = taken(b"the end", slow)
    assert set(snapshot.outcomes) == {"ok"}
    assert snapshot.statuses == {"200": snapshot.outcomes["ok"]}


@pytest.mark.parametrize("slow", [False, True])
def test_an_answer_without_it_is_unexpected(slow: bool) -> None:
    snapshot = taken(b"the beginning", slow)
    assert snapshot.outcomes["ok"] == 0
    assert snapshot.statuses == {"200": snapshot.outcomes["unexpected"]}
    assert snapshot.samples[0].reason == "the body does not contain 'the beginning'"
    assert snapshot.samples[0].received.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 100007")
