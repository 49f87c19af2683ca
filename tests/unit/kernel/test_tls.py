"""The TLS transport over socket pairs, with a server in memory: records however they come, ends, and what waits."""

import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import discard, wait_received, wait_sent
from loadlab.kernel.tls import TlsClient, TlsTransport
from loadlab.tls import TlsError, TlsSession, TlsSettings

from ...tls_peers import MemoryServer, ServerSetup, write_pem

pytestmark = pytest.mark.timeout(20)

T = TypeVar("T")
LIMIT = 16 * 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("localhost")


@pytest.fixture(scope="module")
def client(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsClient:
    return TlsClient(TlsSettings("localhost", write_pem(ca.cert_pem, tmp_path_factory.mktemp("ca") / "ca.pem")))


class Line:
    """A transport that has shaken hands, its socket, and the server at the other end."""

    def __init__(self, loop: Loop, client: TlsClient, certificate: trustme.LeafCert, setup: ServerSetup | None) -> None:
        self.loop = loop
        self.near, self.far = socket.socketpair()
        for sock in (self.near, self.far):
            sock.setblocking(False)
            loop.register(sock.fileno())
        self.fd = self.near.fileno()
        self.transport = TlsTransport(loop, client)
        self.server = MemoryServer(certificate, setup)
        self.to_send = b""

    async def shake_hands(self, sends_rest: bool = True) -> None:
        """Agree on a session; without `sends_rest` the server's last messages are left in `to_send`."""
        async with self.loop.task_group() as group:
            group.start(self.transport.wait_handshake(self.near), "client")
            self.far.send(self.server.shake_hands(await wait_received(self.loop, self.far, LIMIT)))
            self.to_send = self.server.shake_hands(await wait_received(self.loop, self.far, LIMIT))
            if sends_rest:
                self.far.send(self.to_send)

    def read(self) -> bytes | None:
        """Read; None for nothing."""
        try:
            return self.transport.read(self.fd, LIMIT)
        except BlockingIOError:
            return None

    def close(self) -> None:
        discard(self.loop, self.near)
        discard(self.loop, self.far)


Talk = Callable[[Callable[[Line], Awaitable[T]]], T]


@pytest.fixture(params=VERSIONS)
def setup(request: pytest.FixtureRequest) -> ServerSetup:
    """Set the server's version of TLS."""

    def speak(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = VERSIONS[request.param]

    return speak


@pytest.fixture
def talk(client: TlsClient, certificate: trustme.LeafCert, setup: ServerSetup) -> Callable[..., object]:
    """Give a function that runs what is to be said over a line on which nothing is under way."""

    def talk(script: Callable[[Line], Awaitable[T]]) -> T:
        async def main(loop: Loop) -> T:
            line = Line(loop, client, certificate, setup)
            try:
                await line.shake_hands()
                line.read()  # tickets
                return await script(line)
            finally:
                line.close()

        return run(main)

    return talk


def test_an_answer_that_comes_whole_is_read_at_once(talk: Talk[bytes | None]) -> None:
    async def script(line: Line) -> bytes | None:
        assert line.transport.write(line.fd, b"question") == len(b"question")
        assert line.server.decrypt(line.far.recv(LIMIT)) == b"question"
        line.far.send(line.server.encrypt(ANSWER))
        return line.read()

    assert talk(script) == ANSWER


def test_an_answer_that_comes_byte_by_byte_is_read_with_its_last(talk: Talk[list[bytes | None]]) -> None:
    async def script(line: Line) -> list[bytes | None]:
        pieces = []
        for byte in line.server.encrypt(ANSWER):
            line.far.send(bytes([byte]))
            pieces.append(line.read())
        return pieces

    *before, last = talk(script)
    assert last == ANSWER
    assert set(before) == {None}


def test_all_records_that_have_come_are_read_at_once(talk: Talk[bytes | None]) -> None:
    async def script(line: Line) -> bytes | None:
        line.far.send(b"".join(line.server.encrypt(bytes([byte])) for byte in ANSWER))
        return line.read()

    assert talk(script) == ANSWER


def test_a_record_that_is_cut_is_read_when_its_rest_has_come(talk: Talk[list[bytes | None]]) -> None:
    async def script(line: Line) -> list[bytes | None]:
        records = line.server.encrypt(b"first") + line.server.encrypt(b"second")
        line.far.send(records[:-1])
        pieces = [line.read(), line.read()]
        line.far.send(records[-1:])
        return [*pieces, line.read()]

    assert talk(script) == [b"first", None, b"second"]


def test_nothing_is_left_behind_when_there_is_nothing_to_read(talk: Talk[bytes]) -> None:
    body = bytes(range(256)) * 300

    async def script(line: Line) -> bytes:
        line.far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        line.far.send(line.server.encrypt(body))
        pieces = []
        while piece := line.read():
            pieces.append(piece)
        return b"".join(pieces)

    assert talk(script) == body


def test_the_end_of_the_session_is_the_end(talk: Talk[tuple[bytes | None, bool]]) -> None:
    async def script(line: Line) -> tuple[bytes | None, bool]:
        line.far.send(line.server.close_notify())
        return line.read(), line.transport.cut_short

    assert talk(script) == (b"", False)


def test_an_end_that_comes_with_the_last_data_is_not_forgotten(talk: Talk[list[object]]) -> None:
    async def script(line: Line) -> list[object]:
        line.far.send(line.server.encrypt(ANSWER) + line.server.close_notify())
        seen: list[object] = [line.read()]
        await line.loop.wait_event(line.fd)  # returns at once: no event will come
        return [*seen, line.read(), line.read(), line.transport.cut_short]

    assert talk(script) == [ANSWER, b"", b"", False]


def test_an_end_of_the_connection_alone_is_a_cut(talk: Talk[list[object]]) -> None:
    async def script(line: Line) -> list[object]:
        line.far.send(line.server.encrypt(ANSWER))
        line.far.shutdown(socket.SHUT_RDWR)
        return [line.read(), line.read(), line.transport.cut_short]

    assert talk(script) == [ANSWER, b"", True]


def test_garbage_is_a_failure_with_a_sentence(talk: Talk[None]) -> None:
    async def script(line: Line) -> None:
        line.far.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        line.read()

    with pytest.raises(TlsError, match="TLS with localhost failed"):
        talk(script)


def test_a_connection_on_which_nothing_came_has_not_spoken(talk: Talk[bool]) -> None:
    async def script(line: Line) -> bool:
        return line.transport.has_spoken(line.near)

    assert not talk(script)


@pytest.mark.parametrize("what", ["data", "close_notify", "end", "garbage"])
def test_a_connection_on_which_something_came_has_spoken(what: str, talk: Talk[bool]) -> None:
    async def script(line: Line) -> bool:
        if what == "data":
            line.far.send(line.server.encrypt(b"HTTP/1.1 408 Request Timeout\r\n\r\n"))
        elif what == "close_notify":
            line.far.send(line.server.close_notify())
        elif what == "garbage":
            line.far.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            line.far.shutdown(socket.SHUT_RDWR)
        line.loop.parked[line.fd] = True
        spoken = line.transport.has_spoken(line.near)
        assert line.loop.parked[line.fd] is None
        return spoken

    assert talk(script)


def test_tickets_are_no_answer_and_no_end(client: TlsClient, certificate: trustme.LeafCert) -> None:
    async def main(loop: Loop) -> None:
        line = Line(loop, client, certificate, None)
        try:
            await line.shake_hands(sends_rest=False)
            assert len(line.to_send) > 100
            line.far.send(line.to_send[:50])
            assert not line.transport.has_spoken(line.near)
            line.far.send(line.to_send[50:])
            assert line.read() is None
            line.far.send(line.server.encrypt(ANSWER))
            assert line.read() == ANSWER
        finally:
            line.close()

    run(main)


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 256 * 1024, 256 * 1024 + 1, 3_000_000])
def test_a_request_of_any_size_arrives_whole(size: int, talk: Talk[bytes]) -> None:
    request = (bytes(range(251)) * (size // 251 + 1))[:size]

    async def script(line: Line) -> bytes:
        received = bytearray()

        async def receive_all() -> None:
            while len(received) < size:
                received.extend(line.server.decrypt(await wait_received(line.loop, line.far, 1 << 20)))

        async with line.loop.task_group() as group:
            group.start(receive_all(), "receive")
            taken = line.transport.write(line.fd, request)
            assert taken in (0, size)
            if taken != size:
                await line.transport.wait_sent(line.near, request)
        return bytes(received)

    assert talk(script) == request


def test_a_request_is_sent_once_where_the_socket_is_full_at_first(talk: Talk[bytes]) -> None:
    async def script(line: Line) -> bytes:
        received = bytearray()
        line.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sent = b""
        while line.transport.write(line.fd, b"x" * 1000):
            sent += b"x" * 1000

        async def receive_all() -> None:
            while len(received) < len(sent) + 1000 + 8:
                received.extend(line.server.decrypt(await wait_received(line.loop, line.far, 1 << 20)))

        async with line.loop.task_group() as group:
            group.start(receive_all(), "receive")
            await line.transport.wait_sent(line.near, b"x" * 1000)
            assert line.transport.write(line.fd, b"the last") == 8
        assert bytes(received) == sent + b"x" * 1000 + b"the last"
        return bytes(received[-8:])

    assert talk(script) == b"the last"


def test_a_stamped_read_has_the_same_data(talk: Talk[tuple[bytes, int]]) -> None:
    async def script(line: Line) -> tuple[bytes, int]:
        with pytest.raises(BlockingIOError):
            line.transport.receive_stamped(line.near, LIMIT)
        line.far.send(line.server.encrypt(ANSWER))
        return line.transport.receive_stamped(line.near, LIMIT)

    assert talk(script) == (ANSWER, 0)  # a socket pair has no stamps


def test_the_session_says_what_was_agreed_on(client: TlsClient, talk: Talk[None], setup: ServerSetup) -> None:
    async def script(line: Line) -> None:
        pass

    client.session = None
    talk(script)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    setup(context)
    session: TlsSession | None = client.session
    assert session is not None
    assert session.version == context.minimum_version.name.replace("_", ".")
    assert session.cipher in {cipher["name"] for cipher in context.get_ciphers()}


def test_the_end_of_a_session_is_reported_to_the_server(talk: Talk[bytes]) -> None:
    async def script(line: Line) -> bytes:
        line.transport.end_session(line.near)
        discard(line.loop, line.near)
        return line.server.decrypt(line.far.recv(LIMIT))  # raises unless it is close_notify

    assert talk(script) == b""


class TestFailedHandshakes:
    """What a handshake raises, by what the server does instead of its part."""

    def failure(self, client: TlsClient, *answers: bytes) -> str:
        async def main(loop: Loop) -> None:
            near, far = socket.socketpair()
            for sock in (near, far):
                sock.setblocking(False)
                loop.register(sock.fileno())
            try:
                async with loop.task_group() as group:
                    group.start(TlsTransport(loop, client).wait_handshake(near), "client")
                    await wait_received(loop, far, LIMIT)
                    for answer in answers:
                        await wait_sent(loop, far, answer)
                    far.shutdown(socket.SHUT_WR)
            finally:
                discard(loop, near)
                discard(loop, far)

        with pytest.raises(TlsError) as caught:
            run(main)
        return str(caught.value)

    def test_it_answers_in_plain_http(self, client: TlsClient) -> None:
        answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"

        assert self.failure(client, answer).startswith("the server answers in plain HTTP at this port")

    def test_it_speaks_another_protocol(self, client: TlsClient) -> None:
        assert self.failure(client, b"SSH-2.0-OpenSSH_9.2\r\n").startswith("the server does not speak TLS at this port")

    def test_it_closes_the_connection(self, client: TlsClient) -> None:
        assert self.failure(client) == "the server closed the connection during the TLS handshake"

    def test_it_rejects_the_protocol(self, client: TlsClient) -> None:
        alert = b"\x15\x03\x01\x00\x02\x02\x46"  # fatal, protocol_version (RFC 8446, 6)

        assert "no version of TLS in common" in self.failure(client, alert)


def test_the_server_learns_why_its_certificate_is_not_accepted(certificate: trustme.LeafCert, tmp_path: Path) -> None:
    other = TlsClient(TlsSettings("localhost", write_pem(trustme.CA().cert_pem, tmp_path / "other.pem")))

    async def main(loop: Loop) -> str:
        line = Line(loop, other, certificate, None)
        reasons = []

        async def shake_hands() -> None:
            with pytest.raises(TlsError, match="not trusted here"):
                await line.transport.wait_handshake(line.near)

        try:
            async with loop.task_group() as group:
                group.start(shake_hands(), "client")
                line.far.send(line.server.shake_hands(await wait_received(loop, line.far, LIMIT)))
            with pytest.raises(ssl.SSLError) as caught:
                line.server.shake_hands(line.far.recv(LIMIT))
            reasons.append(caught.value.reason)
        finally:
            line.close()
        return reasons[0]

    assert run(main) == "TLSV1_ALERT_UNKNOWN_CA"
