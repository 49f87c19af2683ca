"""Load over TLS against a real server: sessions, each way in which a handshake fails, and what comes unasked."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import trustme

from loadlab.kernel import Loop, run
from loadlab.kernel.tls import TlsClient
from loadlab.load.active import ActiveLoad
from loadlab.load.idle import IdleConnections, IdleSource, OpeningResult
from loadlab.load.pacing import Agenda, Gate, Pacing, ThinkTime
from loadlab.load.slow import SlowSender
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder, Snapshot, Totals
from loadlab.tls import TlsSettings

from ...tls_peers import MemoryServer, write_pem
from . import scripts
from .driver import MS, exchange_with, open_gate, running_load, served, wait_until
from .scripted_server import RESPONSE, Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
REQUESTS = 30


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("localhost")


@pytest.fixture(scope="module")
def trusting(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsSettings:
    """The settings of a client that trusts the server."""
    return TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path_factory.mktemp("ca") / "ca.pem"))


@pytest.fixture
def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    return context_of(certificate)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


Ready = Callable[[Recorder], bool]


def enough(recorder: Recorder) -> bool:
    return served(recorder) + recorder.outcomes.total() >= REQUESTS


def enough_and_stamped(recorder: Recorder) -> bool:
    """The kernel begins to stamp a moment after it is first asked to, and only some answers are looked at for it."""
    return enough(recorder) and bool(recorder.client)


def failed_twice(recorder: Recorder) -> bool:
    return recorder.outcomes.total() >= 2


def measure(
    script: Script,
    server_side: ssl.SSLContext | None,
    settings: TlsSettings,
    until: Ready = enough,
    timeout_ns: int = 10_000 * MS,
    request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    per_request: bool = False,
) -> Snapshot:
    """Have two users send over TLS until it has come about; return what was recorded."""

    async def main(loop: Loop) -> Snapshot:
        exchange = exchange_with(server.address, timeout_ns, request)
        exchange = replace(exchange, tls=TlsClient(settings), per_request=per_request)
        async with running_load(loop, [exchange] * 2) as recorder:
            await wait_until(loop, lambda: until(recorder))
        return recorder.take(0, 0)

    with ScriptedServer(script, server_side) as server:
        return run(main)


def failures(snapshot: Snapshot) -> dict[str, int]:
    return {name: n for name, n in snapshot.outcomes.items() if n and name not in (Outcome.OK, Outcome.CUT)}


def times_of(snapshot: Snapshot, metric: Metric) -> int:
    """Return how many times of a metric there are."""
    totals = Totals()
    totals.add(snapshot)
    return totals.histograms[metric].count


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "script",
    [scripts.correct, scripts.byte_by_byte, scripts.chunked, scripts.large_body, scripts.close_after_each,
     scripts.body_until_close],
    ids=lambda script: script.__name__,
)  # fmt: skip
def test_answers_are_the_same_as_without_tls(
    version: ssl.TLSVersion, script: Script, server_side: ssl.SSLContext, trusting: TlsSettings
) -> None:
    server_side.minimum_version = server_side.maximum_version = version

    # Answers in several pieces have no stamps.
    snapshot = measure(script, server_side, trusting, until=enough_and_stamped if script is scripts.correct else enough)

    assert failures(snapshot) == {}
    assert snapshot.outcomes[Outcome.OK] >= REQUESTS
    assert times_of(snapshot, Metric.HANDSHAKE) == snapshot.connects[Outcome.OK]
    assert times_of(snapshot, Metric.CONNECT) >= snapshot.connects[Outcome.OK]


def test_a_connection_for_each_request_is_a_handshake_for_each(
    server_side: ssl.SSLContext, trusting: TlsSettings
) -> None:
    snapshot = measure(scripts.correct, server_side, trusting, per_request=True)

    assert failures(snapshot) == {}
    assert times_of(snapshot, Metric.HANDSHAKE) >= REQUESTS


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_large_requests_arrive_whole(size: int, server_side: ssl.SSLContext, trusting: TlsSettings) -> None:
    body = bytes(range(256)) * (size // 256)

    def compare(peer: Peer) -> None:
        received = b""
        while piece := peer.sock.recv(1 << 16):
            received += piece
            if len(received) == len(request):
                peer.send(RESPONSE if received == request else RESPONSE.replace(b"200 OK", b"500 No"))
                received = b""

    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    snapshot = measure(compare, server_side, trusting, lambda recorder: served(recorder) >= 4, request=request)

    assert failures(snapshot) == {}


def test_a_body_that_the_end_of_the_connection_ends_may_be_cut(
    server_side: ssl.SSLContext, trusting: TlsSettings
) -> None:
    def end_without_a_word(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            peer.sock.shutdown(socket.SHUT_RDWR)

    snapshot = measure(end_without_a_word, server_side, trusting, failed_twice)

    assert failures(snapshot).keys() == {Outcome.CLOSED_EARLY}
    assert "without an end of the TLS session" in snapshot.samples[0].reason


@pytest.mark.parametrize("paced", ["think", "rate"])
def test_tickets_do_not_end_an_idle_connection(
    paced: str, certificate: trustme.LeafCert, trusting: TlsSettings
) -> None:
    """A TLS 1.3 server sends them behind the handshake; here their second half comes with the first answer."""

    def answer(peer: Peer) -> None:
        server = MemoryServer(certificate)
        peer.send(server.shake_hands(peer.sock.recv(65_536)))
        tickets = server.shake_hands(peer.sock.recv(65_536))
        assert len(tickets) > 100
        peer.send(tickets[:100])
        rest = tickets[100:]
        while received := peer.sock.recv(65_536):
            if server.decrypt(received):
                peer.send(rest + server.encrypt(RESPONSE))
                rest = b""

    async def main(loop: Loop) -> Snapshot:
        gate, recorder = Gate(loop), Recorder()
        pacing: Pacing = ThinkTime(loop, gate, 5 * MS, "constant", seed=0)
        if paced == "rate":
            loop.pacer = pacing = agenda = Agenda(loop, 1, spin_ns=0)
        exchange = replace(exchange_with(server.address), tls=TlsClient(trusting))
        load = ActiveLoad(loop, [exchange], [recorder], gate, pacing)
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await loop.sleep(50 * MS)  # it is idle, and its descriptor has an event
            if paced == "rate":
                start_ns = time.monotonic_ns()
                agenda.begin(start_ns + number * 5 * MS for number in count())
            gate.open()
            await wait_until(loop, lambda: enough(recorder))
            group.cancel()
        return recorder.take(0, 0)

    with ScriptedServer(answer) as server:
        snapshot = run(main)
    assert failures(snapshot) == {}
    assert snapshot.connects == {Outcome.OK: 1}


class TestFailedHandshakes:
    def failure(
        self,
        server_side: ssl.SSLContext | None,
        settings: TlsSettings,
        script: Script = scripts.correct,
        timeout_ns: int = 10_000 * MS,
    ) -> tuple[set[str], str]:
        """Return the outcomes of requests and of attempts to connect, and the reason of the first failure."""
        snapshot = measure(script, server_side, settings, failed_twice, timeout_ns)
        assert snapshot.outcomes[Outcome.OK] == 0
        assert snapshot.samples[0].outcome in failures(snapshot)
        return failures(snapshot).keys() | snapshot.connects.keys(), snapshot.samples[0].reason

    def test_an_unknown_ca(self, server_side: ssl.SSLContext, tmp_path: Path) -> None:
        other = TlsSettings("localhost", write_pem(trustme.CA().cert_pem, tmp_path / "other.pem"))

        outcomes, reason = self.failure(server_side, other)

        assert outcomes == {Outcome.TLS}
        assert reason.startswith("the certificate of localhost is issued by a CA that is not trusted here")

    def test_another_name(self, server_side: ssl.SSLContext, trusting: TlsSettings) -> None:
        outcomes, reason = self.failure(server_side, replace(trusting, server_name="app.internal"))

        assert outcomes == {Outcome.TLS}
        assert reason.startswith("the certificate is not valid for app.internal")

    def test_an_expired_certificate(self, ca: trustme.CA, trusting: TlsSettings) -> None:
        expired = ca.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1))

        outcomes, reason = self.failure(context_of(expired), trusting)

        assert outcomes == {Outcome.TLS}
        assert "has expired" in reason

    def test_a_server_without_tls(self, trusting: TlsSettings) -> None:
        def reject(peer: Peer) -> None:
            peer.sock.recv(65_536)
            peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            peer.wait_closed()

        outcomes, reason = self.failure(None, trusting, reject)

        assert outcomes == {Outcome.TLS}
        assert reason.startswith("the server answers in plain HTTP")

    def test_a_server_that_closes(self, trusting: TlsSettings) -> None:
        def close(peer: Peer) -> None:
            peer.sock.recv(65_536)

        outcomes, reason = self.failure(None, trusting, close)

        assert outcomes == {Outcome.TLS}
        assert reason == "the server closed the connection during the TLS handshake"

    def test_a_server_that_is_silent(self, trusting: TlsSettings) -> None:
        outcomes, reason = self.failure(None, trusting, scripts.never_answer, timeout_ns=100 * MS)

        assert outcomes == {Outcome.CONNECT_TIMEOUT}
        assert reason == "no TLS handshake in time"

    @pytest.mark.parametrize("version", VERSIONS)
    def test_no_client_certificate_where_one_is_required(
        self, version: ssl.TLSVersion, server_side: ssl.SSLContext, ca: trustme.CA, trusting: TlsSettings
    ) -> None:
        server_side.minimum_version = server_side.maximum_version = version
        server_side.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(server_side)

        outcomes, reason = self.failure(server_side, trusting)

        # In TLS 1.3 the client is done before the server has looked at its certificate.
        assert outcomes - {Outcome.OK} == {Outcome.TLS}
        assert "requires a client certificate: pass one (--cert" in reason

    def test_a_client_certificate(
        self, server_side: ssl.SSLContext, ca: trustme.CA, trusting: TlsSettings, tmp_path: Path
    ) -> None:
        server_side.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(server_side)
        cert = write_pem(ca.issue_cert("somebody").private_key_and_cert_chain_pem, tmp_path / "client.pem")

        assert failures(measure(scripts.correct, server_side, replace(trusting, cert=cert))) == {}


def test_slow_senders_are_encrypted_too(server_side: ssl.SSLContext, trusting: TlsSettings) -> None:
    async def main(loop: Loop) -> Snapshot:
        recorder = Recorder()
        exchange = replace(exchange_with(server.address), tls=TlsClient(trusting))
        sender = SlowSender(loop, exchange, MS // 10, [recorder], open_gate(loop))
        async with loop.task_group() as group:
            group.start(sender.run(), "slow sender")
            await wait_until(loop, lambda: served(recorder) >= 3)
            group.cancel()
        return recorder.take(0, 0)

    with ScriptedServer(scripts.correct, server_side) as server:
        snapshot = run(main)
    assert failures(snapshot) == {}
    assert snapshot.connects == {Outcome.OK: 1}
    assert times_of(snapshot, Metric.HANDSHAKE) == 1


class TestIdleConnections:
    def hold(
        self,
        server: ScriptedServer,
        settings: TlsSettings,
        then: Callable[[Loop, IdleConnections], object] | None = None,
        trickles: bool = False,
    ) -> tuple[OpeningResult, int]:
        """Open twenty; return how that went, and how many are alive afterwards."""

        async def main(loop: Loop) -> tuple[OpeningResult, int]:
            request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            connections = IdleConnections(loop, server.address, request, 2_000 * MS, TlsClient(settings), trickles)
            try:
                opening = await connections.open([IdleSource(None, 20)], 8, lambda opened: None)
                if trickles:
                    async with loop.task_group() as group:
                        group.start(connections.trickle(5 * MS), "trickle")
                        await wait_until(loop, lambda: then is not None and bool(then(loop, connections)))
                        group.cancel()
                return opening, connections.count_alive()
            finally:
                connections.close()

        return run(main)

    def test_they_shake_hands_and_are_held(self, server_side: ssl.SSLContext, trusting: TlsSettings) -> None:
        with ScriptedServer(scripts.correct, server_side) as server:
            opening, alive = self.hold(server, trusting)

        assert (opening.opened, opening.problem, alive) == (20, None, 20)

    def test_a_certificate_that_is_not_accepted_is_the_problem(
        self, server_side: ssl.SSLContext, trusting: TlsSettings
    ) -> None:
        with ScriptedServer(scripts.correct, server_side) as server:
            opening, _ = self.hold(server, replace(trusting, server_name="app.internal"))

        assert opening.opened == 0
        assert opening.problem is not None
        assert opening.problem.startswith("the certificate is not valid for app.internal")

    def test_trickles_are_encrypted(self, server_side: ssl.SSLContext, trusting: TlsSettings) -> None:
        begun: dict[Peer, bytes] = {}

        def take(peer: Peer) -> None:
            received = b""
            while piece := peer.sock.recv(65_536):
                received += piece
                begun[peer] = received
                if received.endswith(b"\r\n\r\n"):
                    peer.send(RESPONSE)

        def all_trickled(loop: Loop, connections: IdleConnections) -> bool:
            return sum(b"Endless: xx" in received for received in list(begun.values())) == 20

        with ScriptedServer(take, server_side) as server:
            opening, alive = self.hold(server, trusting, all_trickled, trickles=True)

        assert (opening.opened, alive) == (20, 20)
