"""The servers that have the handler `tcp-echo`, started with it: every byte comes back, and HTTP is bytes as well."""

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadlab.targets import find_target, launch

from .server_process import Server, receive, receive_all, refusal, serving, wait_until

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def server(streaming: str) -> Iterator[Server]:
    """A server that sends back what comes."""
    with serving(streaming, "--tcp-echo") as running:
        yield running


def test_bytes_come_back(server: Server) -> None:
    assert server.handlers == ["tcp-echo"]
    with server.connect() as client, server.connect() as other:
        for sent in (b"a", b"\x00\xff", b"GET / HTTP/1.1\r\n\r\n"):
            client.sendall(sent)
            assert receive(client, len(sent)) == sent
        other.sendall(b"b")
        assert receive(other, 1) == b"b"


def test_who_ends_its_side_gets_the_rest(server: Server) -> None:
    sent = os.urandom(3_000_000)
    with server.connect() as client:
        sending = threading.Thread(target=send_all_and_end, args=(client, sent))
        sending.start()
        assert receive_all(client) == sent
        sending.join()


def send_all_and_end(client: socket.socket, sent: bytes) -> None:
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)


def test_a_client_that_does_not_read_is_not_read_from(server: Server) -> None:
    with server.connect() as client, server.connect() as other:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(256 * 1024 * 1024))
        other.sendall(b"b")
        assert receive(other, 1) == b"b"


def test_who_disappears_leaves_nothing(server: Server) -> None:
    with server.connect() as bystander:
        bystander.sendall(b"a")
        assert receive(bystander, 1) == b"a"
        server.wait_settled()
        before = server.holdings().descriptors
        for reset in (False, True):
            with ExitStack() as stack:
                for _ in range(20):
                    client = stack.enter_context(server.connect())
                    client.sendall(b"x" * 1000)
                    if reset:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            wait_until(lambda: server.holdings().descriptors == before)
        bystander.sendall(b"b")
        assert receive(bystander, 1) == b"b"


def test_it_ends_with_connections_open(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"a")
        assert receive(client, 1) == b"a"
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait_ended().endswith("ended with code 0")


def test_loadlab_starts_a_server_so(streaming: str) -> None:
    with launch(find_target(streaming), tcp_echo=True) as target:
        assert target.capabilities.handlers == ("tcp-echo",)
        with socket.create_connection((target.address.host, target.address.port), timeout=30) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"


def test_other_servers_do_not_know_the_option() -> None:
    assert "there is no option --tcp-echo" in refusal("select", "--tcp-echo")
