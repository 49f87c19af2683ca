"""Subscribers: streams of events on good and bad days, each event or its failure counted once."""

import gc
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import trustme

from loadlab.kernel import Loop, run
from loadlab.kernel.tls import TlsClient
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Gate
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.load.subscriptions import Subscriptions
from loadlab.protocols import event_stream
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder, Snapshot, Totals
from loadlab.tls import TlsSettings

from ...tls_peers import write_pem
from . import event_scripts as scripts
from .driver import MS, wait_until
from .scripted_server import Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

REQUEST = b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
"""As a coordinator renders it."""


@asynccontextmanager
async def subscribed(
    loop: Loop,
    address: tuple[str, int],
    connections: int = 1,
    timeout_ns: int = 10_000 * MS,
    tls: TlsClient | None = None,
) -> AsyncIterator[tuple[Recorder, Gate, Subscriptions]]:
    """Have that many subscribers read streams while the gate is open, until the block ends."""
    kinds = [RequestKind([REQUEST], frozenset({200}))]
    exchange = Exchange(address, None, timeout_ns, kinds, take_turns(kinds, 0, Stamping()), tls=tls)
    recorder, gate = Recorder(), Gate(loop)
    subscriptions = Subscriptions(loop, [exchange] * connections, [recorder], gate)
    await subscriptions.open()
    async with loop.task_group() as group:
        group.start(subscriptions.run(), "subscriptions")
        gate.open()
        yield recorder, gate, subscriptions
        group.cancel()


def read_streams(
    script: Script, until: Callable[[Recorder], bool], timeout_ns: int = 10_000 * MS, connections: int = 1
) -> Snapshot:
    """Read streams from a server that plays the script; return what was recorded."""
    snapshots: list[Snapshot] = []

    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address, connections, timeout_ns) as (recorder, _, _):
            await wait_until(loop, lambda: until(recorder))
            snapshots.append(recorder.take(0, 0))

    with ScriptedServer(script) as server:
        run(main)
    return snapshots[0]


def events(recorder: Recorder) -> int:
    return recorder.answered


def count_of(snapshot: Snapshot, metric: Metric) -> int:
    totals = Totals()
    totals.add(snapshot)
    return totals.histograms[metric].count


def test_each_event_is_a_sample() -> None:
    snapshot = read_streams(scripts.steady, lambda recorder: events(recorder) >= 50)
    count = snapshot.outcomes["ok"]
    assert set(snapshot.outcomes) == {"ok"}
    assert snapshot.connects == {"ok": 1}
    assert snapshot.ended == 0
    assert snapshot.received_bytes > count * len(scripts.chunk(b"id: 0\ndata: {}\n\n"))
    metrics = {metric: count_of(snapshot, metric) for metric in Metric}
    assert metrics[Metric.RESPONSE] == metrics[Metric.SERVICE] == metrics[Metric.DELAY] == count
    assert metrics[Metric.FIRST] == metrics[Metric.CONNECT] == 1
    assert metrics[Metric.GAP] == count - 1
    assert 0 < metrics[Metric.CLIENT] <= count


def test_several_subscribers_have_a_stream_each() -> None:
    with_first: list[bytes] = []

    def broadcast(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(scripts.HEAD)
            with_first.append(peer.received)
            while True:
                peer.send(scripts.chunk(scripts.EVENT))  # the same bytes for all
                time.sleep(0.003)

    snapshot = read_streams(broadcast, lambda recorder: events(recorder) >= 500, connections=20)
    assert with_first == [REQUEST] * 20
    assert snapshot.connects == {"ok": 20}
    assert count_of(snapshot, Metric.FIRST) == 20
    assert count_of(snapshot, Metric.GAP) == snapshot.outcomes["ok"] - 20


@pytest.mark.parametrize(
    ("script", "expected"),
    [(scripts.ends_after_three, 3), (scripts.ends_with_the_connection, 2), (scripts.ends_without_an_event, 0)],
)
def test_a_stream_that_ends_is_counted_and_opened_again(script: Script, expected: int) -> None:
    snapshot = read_streams(script, lambda recorder: recorder.ended >= 3)
    assert set(snapshot.outcomes) == {"ok"}
    assert snapshot.outcomes["ok"] >= expected * snapshot.ended
    assert snapshot.connects["ok"] >= snapshot.ended >= 3
    if expected:
        assert count_of(snapshot, Metric.FIRST) >= snapshot.ended


@pytest.mark.parametrize("script", [scripts.ends_after_three, scripts.not_found, scripts.ends_within_an_event])
def test_streams_that_have_ended_leave_nothing_to_collect(script: Script) -> None:
    """No garbage is collected while a load runs, so cycles would fill the memory."""

    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address) as (recorder, _, _):
            await wait_until(loop, lambda: recorder.opened >= 2)
            gc.collect()
            before = recorder.opened
            await wait_until(loop, lambda: recorder.opened >= before + 10)
            found.append(gc.collect())

    found: list[int] = []
    gc.disable()
    try:
        with ScriptedServer(script) as server:
            run(main)
    finally:
        gc.enable()
    assert found[0] < 10  # less than one object for each stream


def test_a_stream_is_opened_again_behind_its_last_event_when_the_server_says() -> None:
    requests: list[tuple[bytes, float]] = []

    def note(peer: Peer) -> None:
        if peer.receive_request():
            requests.append((peer.received, time.monotonic()))
            peer.send(scripts.HEAD + scripts.chunk(b"retry: 300\nid: a b%d\ndata: 1\n\n" % len(requests)))
            peer.send(scripts.LAST_CHUNK)

    read_streams(note, lambda recorder: len(requests) >= 3)
    assert requests[0][0] == REQUEST
    assert requests[1][0] == REQUEST[:-2] + b"Last-Event-ID: a b1\r\n\r\n"
    assert requests[2][0] == REQUEST[:-2] + b"Last-Event-ID: a b2\r\n\r\n"
    assert all(later[1] - earlier[1] >= 0.3 for earlier, later in pairwise(requests))


def test_other_content_is_read_piece_by_piece() -> None:
    snapshot = read_streams(scripts.trickles, lambda recorder: events(recorder) >= 20)
    assert set(snapshot.outcomes) == {"ok"}
    assert count_of(snapshot, Metric.DELAY) == 0


def test_events_of_ten_megabytes() -> None:
    snapshot = read_streams(scripts.large_events(10_000_000), lambda recorder: events(recorder) >= 3)
    assert set(snapshot.outcomes) == {"ok"}
    assert snapshot.received_bytes > 30_000_000


def test_a_flood_leaves_the_others_their_turn() -> None:
    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address, 2) as (recorder, gate, subscriptions):
            for _ in range(5):
                await wait_until(loop, lambda: events(recorder) >= 10_000)
                recorder.take(0, 0)
            gate.close()
            await wait_until(loop, lambda: not subscriptions.in_flight)

    with ScriptedServer(scripts.flood) as server:
        run(main)


FAILURES = [
    (scripts.no_head, "timeout", "no event in time"),
    (scripts.head_only, "timeout", "no event in time"),
    (scripts.comments_only, "timeout", "no event in time"),
    (scripts.goes_silent_within_an_event, "timeout", "no event in time"),
    (scripts.ends_within_an_event, "closed_early", "the stream ended within an event"),
    (scripts.ends_without_the_last_chunk, "closed_early", "the connection ended before the stream's last chunk"),
    (scripts.ends_within_a_chunk, "closed_early", "the connection ended before the stream's last chunk"),
    (scripts.closes_at_once, "closed_early", "the connection ended before the answer was complete"),
    (scripts.resets, "reset", "Connection reset by peer"),
    (scripts.not_found, "status", "status 404"),
    (scripts.encoded, "malformed", "its body is encoded (gzip), which the request does not accept"),
    (scripts.bad_chunk, "malformed", "Invalid character in chunk size"),
    (scripts.speaks_another_protocol, "malformed", "it does not start with HTTP/"),
    (scripts.no_space_for_the_head, "too_large", "more than 65,536 bytes of head"),
]


@pytest.mark.parametrize(("script", "outcome", "reason"), FAILURES, ids=[each[0].__name__ for each in FAILURES])
def test_a_failure_is_counted_with_its_reason_and_the_stream_opened_again(
    script: Script, outcome: str, reason: str
) -> None:
    snapshot = read_streams(script, lambda recorder: recorder.outcomes[Outcome(outcome)] >= 2, timeout_ns=200 * MS)
    assert set(snapshot.outcomes) <= {"ok", outcome}
    assert snapshot.ended == 0
    assert snapshot.connects["ok"] >= 2
    sample = snapshot.samples[0]
    assert sample.outcome == outcome
    assert sample.reason.startswith(reason)
    if outcome == "status":
        assert snapshot.statuses["404"] >= 2
        assert b"404 Not Found" in sample.received


def test_an_event_past_the_limit_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 100_000)
    snapshot = read_streams(scripts.large_events(100_001), lambda recorder: recorder.outcomes[Outcome.TOO_LARGE] >= 2)
    assert set(snapshot.outcomes) <= {"ok", "too_large"}
    assert snapshot.samples[0].reason == "an event of more than 100,000 bytes"


def test_nobody_listens() -> None:
    async def main(loop: Loop) -> None:
        async with subscribed(loop, address) as (recorder, _, _):
            await wait_until(loop, lambda: recorder.outcomes[Outcome.REFUSED] >= 2)
            assert recorder.connects[Outcome.REFUSED] >= 2

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = unused.getsockname()
        run(main)


@pytest.mark.parametrize(
    "script", [scripts.steady, scripts.no_head, scripts.head_only, scripts.ends_without_an_event, scripts.resets]
)
def test_a_closed_gate_ends_the_streams_and_nothing_of_them_is_cut(script: Script) -> None:
    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address, 10) as (recorder, gate, subscriptions):
            for _ in range(3):
                wanted = server.accepted + 10
                gate.open()
                await wait_until(loop, partial(all_accepted, recorder, wanted))
                gate.close()
                assert subscriptions.kinds_in_flight() == []
                begun_ns = time.monotonic_ns()
                await wait_until(loop, lambda: not subscriptions.in_flight)
                assert time.monotonic_ns() - begun_ns < 5_000 * MS  # and not the timeout of 10 s
                recorder.take(0, 0)
                await loop.sleep(50 * MS)  # the server accepts what had been begun
                accepted = server.accepted
                await loop.sleep(120 * MS)
                assert server.accepted == accepted
                silent = recorder.take(0, 0)
                assert (silent.outcomes, silent.connects, silent.received_bytes) == ({"ok": 0}, {}, 0)

    def all_accepted(recorder: Recorder, wanted: int) -> bool:
        return recorder.opened >= 10 and server.accepted >= wanted

    with ScriptedServer(script) as server:
        run(main)


@pytest.mark.parametrize("turns", range(1, 9))
def test_a_gate_may_close_in_any_turn_of_the_loop(turns: int) -> None:
    """Also while it is looked for overdue ones, which takes as many turns as there are thousands of subscribers."""

    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address) as (_, gate, subscriptions):
            for _ in range(turns):
                await loop.yield_now()
            gate.close()
            await wait_until(loop, lambda: not subscriptions.in_flight)

    with ScriptedServer(scripts.steady) as server:
        run(main)


def test_a_gate_that_closes_ends_attempts_to_connect() -> None:
    async def main(loop: Loop) -> None:
        async with subscribed(loop, listener.getsockname(), 10) as (_, gate, subscriptions):
            await loop.sleep(50 * MS)
            assert subscriptions.in_flight
            gate.close()
            begun_ns = time.monotonic_ns()
            await wait_until(loop, lambda: not subscriptions.in_flight)
            assert time.monotonic_ns() - begun_ns < 5_000 * MS

    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:  # it never accepts
        run(main)


def test_a_new_window_begins_a_stream_from_its_beginning() -> None:
    requests: list[bytes] = []

    def note(peer: Peer) -> None:
        if peer.receive_request():
            requests.append(peer.received)
            peer.send(scripts.HEAD + scripts.chunk(b"id: 1\n" + scripts.EVENT))
            peer.wait_closed()

    async def main(loop: Loop) -> None:
        async with subscribed(loop, server.address) as (recorder, gate, subscriptions):
            await wait_until(loop, lambda: events(recorder) == 1)
            gate.close()
            await wait_until(loop, lambda: not subscriptions.in_flight)
            gate.open()
            await wait_until(loop, lambda: events(recorder) == 2)

    with ScriptedServer(note) as server:
        run(main)
    assert requests == [REQUEST, REQUEST]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("event_bytes", [10, 100_000])
def test_streams_over_tls_are_the_same(event_bytes: int, ca: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    settings = TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path / "ca.pem"))
    expected = b"data: " + b"x" * event_bytes + b"\n\n"

    def three_large(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(scripts.HEAD + scripts.chunk(b"retry: 1\n\n"))
            for _ in range(3):
                peer.send(scripts.chunk(expected))
            peer.send(scripts.LAST_CHUNK)

    async def main(loop: Loop) -> Snapshot:
        async with subscribed(loop, server.address, 2, tls=TlsClient(settings)) as (recorder, gate, subscriptions):
            await wait_until(loop, lambda: recorder.ended >= 4)
            gate.close()
            await wait_until(loop, lambda: not subscriptions.in_flight)
            return recorder.take(0, 0)

    with ScriptedServer(three_large, context) as server:
        snapshot = run(main)
    assert set(snapshot.outcomes) == {"ok"}
    assert snapshot.outcomes["ok"] >= 12
    assert count_of(snapshot, Metric.HANDSHAKE) == snapshot.connects["ok"]


def test_a_stream_over_tls_that_ends_without_the_end_of_its_session_may_be_cut(ca: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    settings = TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path / "ca.pem"))

    def end_the_connection_only(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + scripts.EVENT)
            peer.sock.shutdown(socket.SHUT_RDWR)

    async def main(loop: Loop) -> Snapshot:
        async with subscribed(loop, server.address, tls=TlsClient(settings)) as (recorder, _, _):
            await wait_until(loop, lambda: recorder.outcomes[Outcome.CLOSED_EARLY] >= 2)
            return recorder.take(0, 0)

    with ScriptedServer(end_the_connection_only, context) as server:
        snapshot = run(main)
    assert snapshot.ended == 0
    assert snapshot.samples[0].reason == "the connection ended without an end of the TLS session"
