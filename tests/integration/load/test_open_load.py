"""The open model on real sockets: requests leave when the schedule says, wait for a free connection, are dropped."""

import threading
import time

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.pacing import Agenda
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder, Totals

from . import scripts
from .driver import MS, exchange_with, open_gate, served, wait_until
from .scripted_server import RESPONSE, Peer, ScriptedServer


def totals_of(recorder: Recorder) -> Totals:
    totals = Totals()
    totals.add(recorder.take(0, 1))
    return totals


async def send(loop: Loop, address: tuple[str, int], users: int, offsets_ns: list[int], answers: int) -> Recorder:
    """Let arrivals come at these offsets from now until so many were answered; return what was recorded."""
    recorder, agenda = Recorder(), Agenda(loop, users, spin_ns=50_000)
    load = ActiveLoad(loop, [exchange_with(address)] * users, [recorder], open_gate(loop), agenda)
    await load.open()
    loop.pacer = agenda
    start_ns = time.monotonic_ns()
    agenda.begin(iter([start_ns + offset_ns for offset_ns in offsets_ns]))
    async with loop.task_group() as group:
        group.start(load.run(), "load")
        await wait_until(loop, lambda: served(recorder) >= answers)
        about_to_send, dropped = agenda.drop_overdue(time.monotonic_ns())
        recorder.outcomes[Outcome.CUT] += load.in_flight + len(about_to_send)
        recorder.outcomes[Outcome.DROPPED] += dropped
        group.cancel()
    return recorder


def test_each_arrival_is_sent_once_and_not_before_its_time() -> None:
    arrived_ns: list[int] = []

    def note(peer: Peer) -> None:
        while peer.receive_request():
            arrived_ns.append(time.monotonic_ns())
            peer.send(RESPONSE)

    async def main(loop: Loop) -> Recorder:
        return await send(loop, server.address, 4, [number * MS for number in range(100)], answers=100)

    began_ns = time.monotonic_ns()
    with ScriptedServer(note) as server:
        totals = totals_of(run(main))
    assert totals.outcomes == {"ok": 100, "cut": 0, "dropped": 0}
    assert len(arrived_ns) == 100
    assert all(arrived - began_ns >= number * MS for number, arrived in enumerate(sorted(arrived_ns)))


def test_an_arrival_that_finds_no_free_connection_waits_and_its_wait_is_response_time() -> None:
    def answer_after_20_ms(peer: Peer) -> None:
        while peer.receive_request():
            time.sleep(0.02)
            peer.send(RESPONSE)

    async def main(loop: Loop) -> Recorder:
        return await send(loop, server.address, 1, [0, 0, 0, 0, 0], answers=5)

    with ScriptedServer(answer_after_20_ms) as server:
        histograms = totals_of(run(main)).histograms
    assert histograms[Metric.RESPONSE].max_ns >= 100 * MS
    assert histograms[Metric.LATENESS].max_ns >= 80 * MS
    assert histograms[Metric.SERVICE].values_at([0])[0] < 80 * MS


def test_what_has_not_been_sent_at_the_end_is_dropped_and_what_is_in_flight_is_cut() -> None:
    def answer_one(peer: Peer) -> None:
        peer.receive_request()
        peer.send(RESPONSE)
        peer.receive_request()
        peer.wait_closed()

    async def main(loop: Loop) -> Recorder:
        return await send(loop, server.address, 2, [0] * 10, answers=2)

    with ScriptedServer(answer_one) as server:
        assert totals_of(run(main)).outcomes == {"ok": 2, "cut": 2, "dropped": 6}


def test_a_connection_that_the_server_ended_while_it_waited_costs_no_request() -> None:
    """A server may end a connection that has been idle for long enough; only its next request finds out."""

    answer_taken = threading.Semaphore(0)
    ended = 0

    def answer_and_end(peer: Peer) -> None:
        nonlocal ended
        if peer.receive_request():
            peer.send(RESPONSE)
            answer_taken.acquire(timeout=30)  # an end that comes with the answer would be the server's rudeness
            peer.end()
            ended += 1

    async def main(loop: Loop) -> Recorder:
        recorder, agenda = Recorder(), Agenda(loop, 1, spin_ns=50_000)
        load = ActiveLoad(loop, [exchange_with(server.address)], [recorder], open_gate(loop), agenda)
        await load.open()
        loop.pacer = agenda

        async def ask(requests: int) -> None:
            agenda.begin(iter([time.monotonic_ns()]))
            await wait_until(loop, lambda: served(recorder) == requests)
            answer_taken.release()
            await wait_until(loop, lambda: ended == requests)

        async with loop.task_group() as group:
            group.start(load.run(), "load")
            for requests in (1, 2, 3):
                await ask(requests)
            group.cancel()
        return recorder

    with ScriptedServer(answer_and_end) as server:
        assert totals_of(run(main)).outcomes == {"ok": 3}


def test_the_kernel_stamps_when_an_answer_arrived() -> None:
    async def main(loop: Loop) -> Recorder:
        return await send(loop, server.address, 1, [number * MS // 10 for number in range(500)], answers=500)

    with ScriptedServer(scripts.correct) as server:
        histograms = totals_of(run(main)).histograms
    client, service = histograms[Metric.CLIENT], histograms[Metric.SERVICE]
    # Each, as long as there are few; but the kernel begins to stamp a moment after it is asked, in a work queue.
    assert 250 < client.count <= 500
    assert 0 < client.max_ns <= service.max_ns
