"""The event loops as their clients see them: the same replies, and nobody hurt by anybody else."""

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadlab.errors import TrialFailed
from loadlab.targets import RunningTarget, find_target, launch

DEADLINE_SECONDS = 30.0
REQUEST = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
BODY = b"Hello, world!\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n" + BODY
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(params=["select", "poll", "epoll"])
def target(request: pytest.FixtureRequest) -> Iterator[RunningTarget]:
    with launch(find_target(request.param), start_timeout_seconds=DEADLINE_SECONDS) as running:
        yield running


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """Let the test itself hold more than the usual 1024 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(target: RunningTarget) -> socket.socket:
    client = socket.create_connection(target.address, timeout=DEADLINE_SECONDS)
    # Else the second of two small sends waits for the acknowledgement of the first, up to 40 ms.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def receive(client: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes, fewer only if the server closes."""
    received = bytearray()
    while len(received) < size and (data := client.recv(min(size - len(received), 1 << 20))):
        received += data
    return bytes(received)


def receive_all(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def assert_served(client: socket.socket) -> None:
    client.sendall(REQUEST)
    assert receive(client, len(RESPONSE)) == RESPONSE


def settle(bystander: socket.socket) -> None:
    """Return when the server has seen all that was sent to it before, on any connection.

    The first response shows that a round of the loop began after that; the second, that this round is over.
    """
    assert_served(bystander)
    assert_served(bystander)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def open_descriptors(target: RunningTarget) -> int:
    return len(os.listdir(f"/proc/{target.pid}/fd"))


def test_a_request_split_at_any_byte_is_answered_and_the_connection_kept(target: RunningTarget) -> None:
    with connect(target) as client, connect(target) as bystander:
        for cut in range(1, len(REQUEST)):
            client.sendall(REQUEST[:cut])
            settle(bystander)
            client.sendall(REQUEST[cut:])
            assert receive(client, len(RESPONSE)) == RESPONSE


def test_requests_sent_together_are_answered_in_order(target: RunningTarget) -> None:
    missing = b"GET /missing HTTP/1.1\r\n\r\n"
    with connect(target) as client:
        client.sendall(REQUEST + missing + REQUEST[:10])
        assert receive(client, len(RESPONSE)) == RESPONSE
        assert receive(client, 12) == b"HTTP/1.1 404"
        client.sendall(REQUEST[10:] + REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        rest = receive_all(client)
        assert rest.count(b"HTTP/1.1 200 OK") == 2
        assert rest.endswith(b"\r\nConnection: close\r\n\r\n" + BODY)


def test_head_has_the_length_and_no_body(target: RunningTarget) -> None:
    with connect(target) as client:
        client.sendall(REQUEST.replace(b"GET", b"HEAD") + REQUEST)
        assert receive(client, 2 * len(RESPONSE) - len(BODY)) == RESPONSE.removesuffix(BODY) + RESPONSE


def test_a_body_is_read_and_ignored(target: RunningTarget) -> None:
    body = REQUEST * 3000  # looks like requests, is none, and comes in many pieces
    with connect(target) as client:
        client.sendall(b"POST /hello HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b%b" % (len(body), body, REQUEST))
        assert receive(client, 2 * len(RESPONSE)) == RESPONSE * 2


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /hello HTTP/1.0\r\n\r\n", b"200"),
        (b"hello?\r\n\r\n", b"400"),
        (b"GET /hello HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nName : value\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nContent-Length: ten\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\n\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"GET /hello HTTP/1.1\r\nX: " + b"x" * 16 * 1024 + b"\r\n\r\n" + b"y" * 100_000, b"431"),
        (b"x" * (16 * 1024 + 1), b"431"),
        (b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
    ],
)
def test_what_ends_a_connection_is_answered_and_then_closed(
    target: RunningTarget, request_bytes: bytes, status: bytes
) -> None:
    with connect(target) as client:
        client.sendall(request_bytes)
        response = receive_all(client)
        assert response.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nConnection: close\r\n" in response


@pytest.mark.parametrize(
    ("request_bytes", "wanted"),
    [
        (b"GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET /hello?us=100 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"\r\nGET /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n"),
        (b"DELETE /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed\r\n"),
    ],
)
def test_what_does_not_end_a_connection(target: RunningTarget, request_bytes: bytes, wanted: bytes) -> None:
    with connect(target) as client:
        client.sendall(request_bytes)
        assert receive(client, len(wanted)) == wanted
        client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).endswith(RESPONSE)


@pytest.mark.usefixtures("many_open_files")
def test_active_connections_are_served_beside_1500_idle_ones(target: RunningTarget) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(target)) for _ in range(1500)]
        wait_until(lambda: open_descriptors(target) > 1500)
        for client in (clients[0], clients[1022], clients[1023], clients[1024], clients[-1]):
            assert_served(client)
            assert_served(client)


def test_a_half_sent_request_holds_nobody_up(target: RunningTarget) -> None:
    with connect(target) as slow, connect(target) as other:
        slow.sendall(REQUEST[:20])
        settle(other)
        slow.sendall(REQUEST[20:])
        assert receive(slow, len(RESPONSE)) == RESPONSE


def test_who_does_not_read_is_waited_for_and_gets_every_answer(target: RunningTarget) -> None:
    with connect(target) as client, connect(target) as bystander:
        requests = fill_with_requests(client, bystander)
        whole, begun = divmod(requests, len(REQUEST))
        assert receive(client, whole * len(RESPONSE)) == RESPONSE * whole
        client.sendall(REQUEST[begun:])
        assert receive(client, len(RESPONSE)) == RESPONSE


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_who_disappears_hurts_nobody_and_leaves_nothing(target: RunningTarget, reset: bool) -> None:
    with connect(target) as bystander:
        assert_served(bystander)
        before = open_descriptors(target)
        with connect(target) as mid_request, connect(target) as mid_response:
            mid_request.sendall(REQUEST[:20])
            fill_with_requests(mid_response, bystander)
            if reset:
                for client in (mid_request, mid_response):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        wait_until(lambda: open_descriptors(target) == before)
        assert_served(bystander)


def fill_with_requests(client: socket.socket, bystander: socket.socket) -> int:
    """Send requests and read no responses, until the server takes no more; return the number of bytes sent."""
    client.setblocking(False)
    block = memoryview(REQUEST * 1000)
    sent = 0
    stuck = False
    while True:
        try:
            sent += client.send(block[sent % len(REQUEST) :])
            stuck = False
        except BlockingIOError:
            if stuck:
                break
            settle(bystander)
            stuck = True
    client.settimeout(DEADLINE_SECONDS)
    return sent


def test_connections_beyond_the_limit_of_open_files_are_closed_and_the_others_served(target: RunningTarget) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(connect(target))
        assert_served(first)
        limit = open_descriptors(target) + 10
        resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (limit, limit))
        accepted = [stack.enter_context(connect(target)) for _ in range(10)]
        turned_away = [stack.enter_context(connect(target)) for _ in range(20)]
        assert [client.recv(1) for client in turned_away] == [b""] * 20
        for client in (first, *accepted):
            assert_served(client)
        wait_until(lambda: sleeps(target))
        accepted[0].close()
        wait_until(lambda: open_descriptors(target) < limit)
        assert_served(stack.enter_context(connect(target)))


def sleeps(target: RunningTarget) -> bool:
    return Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("termination", [signal.SIGTERM, signal.SIGINT])
def test_a_termination_signal_ends_it_with_code_0_whatever_its_clients_do(
    target: RunningTarget, termination: signal.Signals
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(target)) for _ in range(300)]
        assert_served(clients[-1])
        clients[0].sendall(REQUEST[:20])
        fill_with_requests(clients[1], clients[2])
        os.kill(target.pid, termination)
        wait_until(lambda: target.poll_exit() is not None)
    assert str(target.poll_exit()).endswith("ended with code 0")


def test_it_serves_ipv6_too() -> None:
    try:
        running = launch(find_target("epoll"), host="::1")
    except TrialFailed as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    with running, connect(running) as client:
        assert running.address[0] == "::1"
        assert_served(client)
