"""Between two windows, while the gate is closed, users are silent, and nothing that happens then is a failure."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.pacing import Agenda, Gate, Pacing, ThinkTime
from loadlab.load.slow import SlowSender
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

from . import scripts
from .driver import MS, exchange_with, open_gate, served, wait_until
from .scripted_server import RESPONSE, Peer, ScriptedServer

pytestmark = pytest.mark.timeout(90)

SILENCE_NS = 100 * MS
USERS = 5


def think(loop: Loop, gate: Gate) -> Pacing:
    return ThinkTime(loop, gate, MS, "exponential", seed=0)


def schedule(loop: Loop, gate: Gate) -> Pacing:
    agenda = Agenda(loop, USERS, spin_ns=50_000)
    loop.pacer = agenda
    return agenda


@pytest.mark.parametrize("pacing_of", [None, think, schedule], ids=["at once", "think", "schedule"])
def test_users_are_silent_between_windows_and_keep_their_connections(
    pacing_of: Callable[[Loop, Gate], Pacing] | None,
) -> None:
    asked_ns: list[int] = []

    def note(peer: Peer) -> None:
        while peer.receive_request():
            asked_ns.append(time.monotonic_ns())
            peer.send(RESPONSE)

    async def main(loop: Loop) -> dict[str, int]:
        recorder, gate = Recorder(), Gate(loop)
        pacing = pacing_of(loop, gate) if pacing_of else None
        load = ActiveLoad(loop, [exchange_with(server.address)] * USERS, [recorder], gate, pacing)
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await loop.sleep(SILENCE_NS)
            assert asked_ns == []
            for _ in range(3):
                before = served(recorder)
                if isinstance(pacing, Agenda):
                    now_ns = time.monotonic_ns()
                    pacing.begin(iter(range(now_ns, now_ns + 10_000 * MS, MS)))
                gate.open()
                await wait_until(loop, lambda before=before: served(recorder) >= before + 20)  # type: ignore[misc]
                gate.close()
                if isinstance(pacing, Agenda):
                    pacing.drop_overdue(time.monotonic_ns())
                await wait_until(loop, lambda: load.in_flight == 0)
                silent_ns = time.monotonic_ns()
                await loop.sleep(SILENCE_NS)
                assert max(asked_ns) <= silent_ns
            group.cancel()
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(note) as server:
        outcomes = run(main)
        assert server.accepted == USERS
    assert outcomes == {"ok": len(asked_ns)}


def test_a_connection_that_the_server_ended_between_windows_costs_no_request() -> None:
    window_over = threading.Event()
    ended = 0

    def end_after_the_window(peer: Peer) -> None:
        nonlocal ended
        while peer.receive_request():
            last = window_over.is_set()  # before the answer: the client sets it for its next request
            peer.send(RESPONSE)
            if last:
                window_over.clear()
                peer.end()
                ended += 1
                return

    async def main(loop: Loop) -> dict[str, int]:
        recorder, gate = Recorder(), Gate(loop)
        load = ActiveLoad(loop, [exchange_with(server.address)], [recorder], gate)
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            for number in range(1, 4):
                before = served(recorder)
                gate.open()
                await wait_until(loop, lambda before=before: served(recorder) > before)  # type: ignore[misc]
                gate.close()
                await wait_until(loop, lambda: load.in_flight == 0)
                # One more request, sent as the gate closes behind it: the server ends the connection after its answer.
                window_over.set()
                gate.open()
                await loop.yield_now()
                gate.close()
                await wait_until(loop, lambda number=number: ended == number)  # type: ignore[misc]
            gate.open()
            await wait_until(loop, lambda: server.accepted == 4)
            gate.close()
            await wait_until(loop, lambda: load.in_flight == 0)
            group.cancel()
        return dict(recorder.take(0, 0).outcomes)

    with ScriptedServer(end_after_the_window) as server:
        assert set(run(main)) == {"ok"}


def test_refused_connections_are_not_tried_again_between_windows() -> None:
    async def main(loop: Loop) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            recorder, gate = Recorder(), Gate(loop)
            load = ActiveLoad(loop, [exchange_with(bound.getsockname())] * USERS, [recorder], gate)
            await load.open()
            async with loop.task_group() as group:
                group.start(load.run(), "load")
                await loop.sleep(SILENCE_NS)
                assert recorder.outcomes.total() == 0
                gate.open()
                await wait_until(loop, lambda: recorder.outcomes[Outcome.REFUSED] >= 2 * USERS)
                gate.close()
                refused = recorder.outcomes.total()
                await loop.sleep(SILENCE_NS)
                assert recorder.outcomes.total() == refused
                group.cancel()

    run(main)


def test_slow_senders_are_silent_too_and_count_what_is_under_way() -> None:
    recorder = Recorder()

    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        sender = SlowSender(
            loop, exchange_with(server.address, request=b"GET / HTTP/1.1\r\n\r\n"), MS, [recorder], gate
        )
        async with loop.task_group() as group:
            group.start(sender.run(), "slow sender")
            await loop.sleep(SILENCE_NS)
            assert server.accepted == 0
            for _ in range(2):
                before = served(recorder)
                gate.open()
                await wait_until(loop, lambda: sender.kind_in_flight is not None)
                gate.close()
                await wait_until(loop, lambda: sender.kind_in_flight is None)
                assert served(recorder) == before + 1  # finished, though the gate was closed
                await loop.sleep(SILENCE_NS)
                assert served(recorder) == before + 1
            group.cancel()

    with ScriptedServer(scripts.correct) as server:
        run(main)
        assert server.accepted == 1
    assert recorder.outcomes.total() == 0


def test_a_slow_sender_that_is_cut_is_under_way() -> None:
    async def main(loop: Loop) -> int | None:
        sender = SlowSender(loop, exchange_with(server.address), MS, [Recorder()], open_gate(loop))
        async with loop.task_group() as group:
            group.start(sender.run(), "slow sender")
            await wait_until(loop, lambda: sender.kind_in_flight is not None)
            in_flight = sender.kind_in_flight
            group.cancel()
        return in_flight

    with ScriptedServer(scripts.never_answer) as server:
        assert run(main) == 0  # the only kind
