"""A closed-loop load against servers that answer, each in its own manner: all is counted, and counted rightly."""

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.exchange import Exchange
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

from . import scripts
from .driver import MS, exchange_with, open_gate, running_load, served, wait_until
from .scripted_server import RESPONSE, Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)


def outcomes_after(script: Script, users: int, requests: int) -> tuple[dict[str, int], int]:
    """Run users until so many requests were served; return the outcomes, and how many connections it took."""

    async def main(loop: Loop) -> dict[str, int]:
        async with running_load(loop, [exchange_with(server.address)] * users) as recorder:
            await wait_until(loop, lambda: served(recorder) >= requests and server.accepted >= users)
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(script) as server:
        return run(main), server.accepted


@pytest.mark.parametrize(
    "script",
    [scripts.correct, scripts.byte_by_byte, scripts.chunked, scripts.large_body],
    ids=lambda script: script.__name__,
)
def test_an_answer_in_any_form_is_served_and_its_connection_kept(script: Script) -> None:
    outcomes, connections = outcomes_after(script, users=3, requests=30)
    assert outcomes["ok"] >= 30
    assert set(outcomes) <= {"ok", "cut"}
    assert connections == 3


@pytest.mark.parametrize(
    "script",
    [scripts.close_after_each, scripts.body_until_close, scripts.one_too_many],
    ids=lambda script: script.__name__,
)
def test_a_connection_that_cannot_be_used_again_is_replaced(script: Script) -> None:
    outcomes, connections = outcomes_after(script, users=2, requests=10)
    assert set(outcomes) <= {"ok", "cut"}
    assert outcomes["ok"] <= connections <= outcomes["ok"] + 2


def test_every_request_in_flight_at_the_end_is_cut_once() -> None:
    arrived = 0

    def count_and_be_silent(peer: Peer) -> None:
        nonlocal arrived
        if peer.receive_request():
            arrived += 1
            peer.wait_closed()

    async def main(loop: Loop) -> dict[str, int]:
        async with running_load(loop, [exchange_with(server.address)] * 20) as recorder:
            await wait_until(loop, lambda: arrived == 20)
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(count_and_be_silent) as server:
        assert run(main) == {"ok": 0, "cut": 20}


def test_a_hundred_users_and_a_few_thousand_requests_balance() -> None:
    """What the server answered is what was counted, but for what was cut."""
    answered = 0

    def count(peer: Peer) -> None:
        nonlocal answered
        while peer.receive_request():
            answered += 1
            peer.send(RESPONSE)

    async def main(loop: Loop) -> dict[str, int]:
        async with running_load(loop, [exchange_with(server.address)] * 100) as recorder:
            await wait_until(loop, lambda: served(recorder) >= 3_000)
            recorder.fold()
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(count) as server:
        outcomes = run(main)
    assert set(outcomes) == {"ok", "cut"}
    assert outcomes["ok"] <= answered <= outcomes["ok"] + outcomes["cut"]


def test_only_the_first_request_of_a_connection_can_be_late() -> None:
    """Its lateness belongs to it alone, even where it was not answered as expected."""

    async def main(loop: Loop) -> tuple[int, list[int]]:
        async with running_load(loop, [exchange_with(server.address)]) as recorder:
            await wait_until(loop, lambda: served(recorder) >= 5)
        return recorder.outcomes[Outcome.STATUS], recorder.late

    with ScriptedServer(scripts.busy_at_first) as server:
        assert run(main) == (1, [])


def test_users_with_different_methods_share_a_load() -> None:
    """The same head means a body to one of them and none to the other."""
    heads_answered = 0

    def body_or_head(peer: Peer) -> None:
        nonlocal heads_answered
        while peer.receive_request():
            if peer.received.startswith(b"HEAD"):
                peer.send(RESPONSE.removesuffix(b"hello"))
                heads_answered += 1
            else:
                peer.send(RESPONSE)

    async def main(loop: Loop) -> set[str]:
        kinds = [
            RequestKind([f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode()], method=method)
            for method in ("GET", "HEAD")
        ]
        exchange = Exchange(server.address, None, 10_000 * MS, kinds, take_turns(kinds, 0, Stamping()))
        recorders = [Recorder(), Recorder()]
        load = ActiveLoad(loop, [exchange] * 2, recorders, open_gate(loop))
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await wait_until(loop, lambda: any(map(failed, recorders)) or heads_answered >= 10)
            group.cancel()
        return {outcome for recorder in recorders for outcome in recorder.take(0, 0).outcomes}

    with ScriptedServer(body_or_head) as server:
        assert run(main) == {"ok"}


def failed(recorder: Recorder) -> bool:
    return recorder.outcomes.total() > 0


def test_a_request_larger_than_the_buffers_that_is_answered_early_is_served() -> None:
    async def main(loop: Loop) -> dict[str, int]:
        exchange = exchange_with(server.address, request=scripts.LARGE_REQUEST)
        async with running_load(loop, [exchange]) as recorder:
            await wait_until(loop, lambda: served(recorder) + recorder.outcomes.total() >= 3)
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(scripts.answer_before_a_large_request_is_read) as server:
        assert set(run(main)) <= {"ok", "cut"}
