"""Connecting over the kernel on loopback: what comes back, what is raised, and that nothing stays open."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import (
    Address,
    ask_for_stamps,
    discard,
    has_spoken,
    receive_stamped,
    wait_connected,
    wait_received,
    wait_sent,
)
from loadlab.kernel.tasks import Task

pytestmark = pytest.mark.timeout(30)

IP_BIND_ADDRESS_NO_PORT = 24


@pytest.fixture(autouse=True)
def _no_descriptor_leaks() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def connect_to(address: Address, source: str | None = None) -> tuple[tuple[str, int], int, int]:
    """Connect and close; return the local address, TCP_NODELAY and IP_BIND_ADDRESS_NO_PORT of the connection."""

    async def main(loop: Loop) -> tuple[tuple[str, int], int, int]:
        sock = await wait_connected(loop, address, source)
        host, port = sock.getsockname()[:2]
        no_delay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        no_port = sock.getsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT)
        discard(loop, sock)
        return (host, port), no_delay, no_port

    return run(main)


def test_a_connection_talks_both_ways(listener: socket.socket) -> None:
    async def main(loop: Loop) -> bytes:
        sock = await wait_connected(loop, listener.getsockname(), None)
        accepted, _ = listener.accept()
        with accepted:
            await wait_sent(loop, sock, b"question")
            assert accepted.recv(100) == b"question"
            accepted.send(b"answer")
            answer = await wait_received(loop, sock, 100)
        discard(loop, sock)
        return answer

    assert run(main) == b"answer"


def test_small_requests_are_not_delayed(listener: socket.socket) -> None:
    _, no_delay, _ = connect_to(listener.getsockname())
    assert no_delay


def test_a_connection_leaves_from_its_source_whose_port_is_chosen_late(listener: socket.socket) -> None:
    (host, port), _, no_port = connect_to(listener.getsockname(), "127.1.0.2")
    assert host == "127.1.0.2"
    assert port > 0
    assert no_port == 1
    accepted, peer = listener.accept()
    accepted.close()
    assert peer == (host, port)


def test_ipv6() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    with listener:
        (host, _), _, _ = connect_to(listener.getsockname()[:2])
        (source, port), _, no_port = connect_to(listener.getsockname()[:2], "::1")
    assert host == source == "::1"
    assert port > 0
    assert no_port == 1


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            connect_to(bound.getsockname())


def test_a_source_that_is_not_ours_is_an_error(listener: socket.socket) -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        connect_to(listener.getsockname(), "192.0.2.1")


def test_a_connection_that_takes_too_long_can_be_called_off() -> None:
    """A backlog that is full drops what comes; the connection waits for an answer that is not sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:

        async def main(loop: Loop) -> int:
            opened: list[socket.socket] = []
            with loop.time_scope(100_000_000) as scope:
                for _ in range(10):
                    opened.append(await wait_connected(loop, listener.getsockname(), None))
            for sock in opened:
                discard(loop, sock)
            assert scope.cancelled
            assert not any(isinstance(waiting, Task) for waiting in loop.parked)
            return len(opened)

        assert run(main) < 10


def test_many_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=300) as listener:

        async def main(loop: Loop) -> int:
            opened: list[socket.socket] = []

            async def open_one() -> None:
                opened.append(await wait_connected(loop, listener.getsockname(), None))

            async with loop.task_group() as group:
                for _ in range(200):
                    group.start(open_one(), "open")
            for sock in opened:
                discard(loop, sock)
            return len(opened)

        assert run(main) == 200


class TestUnixSockets:
    def listen(self, name: str, backlog: int = 100) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen(backlog)
        return server

    @pytest.mark.parametrize("source", [None, "127.0.0.1"])
    def test_a_connection_talks_both_ways(self, source: str | None, tmp_path: Path) -> None:
        path = str(tmp_path / "app.sock")

        async def main(loop: Loop) -> tuple[bytes, int]:
            sock = await wait_connected(loop, path, source)
            ask_for_stamps(sock)
            accepted, _ = server.accept()
            with accepted:
                await wait_sent(loop, sock, b"question")
                assert accepted.recv(100) == b"question"
                accepted.send(b"answer")
                await loop.wait_event(sock.fileno())
                answer = receive_stamped(sock, 100)
            discard(loop, sock)
            return answer

        with self.listen(path) as server:
            assert run(main) == (b"answer", 0)

    def test_an_abstract_name(self) -> None:
        name = f"\0loadlab-test-{os.getpid()}"

        async def main(loop: Loop) -> None:
            discard(loop, await wait_connected(loop, name, None))

        with self.listen(name):
            run(main)

    def test_a_full_backlog_is_waited_for(self, tmp_path: Path) -> None:
        path = str(tmp_path / "app.sock")

        async def main(loop: Loop) -> int:
            opened: list[socket.socket] = []

            async def open_all() -> None:
                for _ in range(20):
                    opened.append(await wait_connected(loop, path, None))

            async with loop.task_group() as group:
                group.start(open_all(), "open")
                while len(opened) < 20:
                    await loop.sleep(5_000_000)
                    assert len(opened) <= len(accepted) + 3
                    with suppress(BlockingIOError):
                        accepted.append(server.accept()[0])
            for sock in [*opened, *accepted]:
                sock.close()
            return len(accepted)

        accepted: list[socket.socket] = []
        with self.listen(path, backlog=1) as server:
            server.setblocking(False)
            assert run(main) >= 17

    def test_an_end_of_the_connection_is_reported(self, tmp_path: Path) -> None:
        path = str(tmp_path / "app.sock")

        async def main(loop: Loop) -> bytes:
            sock = await wait_connected(loop, path, None)
            accepted, _ = server.accept()
            assert not has_spoken(loop, sock)
            accepted.close()
            received = await wait_received(loop, sock, 100)
            assert has_spoken(loop, sock)
            discard(loop, sock)
            return received

        with self.listen(path) as server:
            assert run(main) == b""

    def test_nobody_listens(self, tmp_path: Path) -> None:
        path = str(tmp_path / "app.sock")
        self.listen(path).close()

        async def main(loop: Loop) -> None:
            await wait_connected(loop, path, None)

        with pytest.raises(ConnectionRefusedError):
            run(main)
        os.unlink(path)
        with pytest.raises(FileNotFoundError):
            run(main)
