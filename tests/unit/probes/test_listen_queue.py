"""The kernel's answers: one that was captured, and the live one for sockets of this process."""

import socket
import struct
from contextlib import ExitStack

import pytest

from loadlab.probes.listen_queue import ListenQueue, is_last, parse_listeners, read_listen_queue


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def listener(backlog: int, turned_away: int) -> bytes:
    """A `struct inet_diag_msg` of a listening socket, with a byte-sized attribute and its memory counters behind it."""
    head = struct.pack("=4B", socket.AF_INET, 10, 0, 0) + bytes(48) + struct.pack("=5I", 0, 3, backlog, 0, 4711)
    shutdown = struct.pack("=HHB3x", 5, 8, 0)
    memory = struct.pack("=HH9I", 40, 7, 0, 131072, 0, 16384, 0, 0, 0, 0, turned_away)
    return message(20, head + shutdown + memory)


DONE = message(3, struct.pack("=i", 0))


def test_listeners_are_read_from_one_datagram_after_the_other() -> None:
    answer = listener(128, 5) + listener(64, 0)
    assert parse_listeners(answer) == [ListenQueue(5, 128), ListenQueue(0, 64)]
    assert not is_last(answer)
    assert is_last(DONE)
    assert parse_listeners(DONE) == []


def test_a_refusal_is_the_last_message() -> None:
    refusal = message(2, struct.pack("=i", -2))
    assert is_last(refusal)
    assert parse_listeners(refusal) == []


def test_a_listener_without_counters_turned_nobody_away() -> None:
    head = bytes(52) + struct.pack("=5I", 0, 0, 16, 0, 0)
    assert parse_listeners(message(20, head)) == [ListenQueue(0, 16)]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_connections_beyond_the_backlog_are_counted(family: socket.AddressFamily, host: str) -> None:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(socket.create_server((host, 0), family=family, backlog=1))
        except OSError:
            pytest.skip("this machine has no IPv6")
        port: int = server.getsockname()[1]
        before = read_listen_queue(port)
        if before is None:
            pytest.skip("this kernel has no socket diagnostics")
        assert before == ListenQueue(turned_away=0, backlog=1)
        for _ in range(6):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            # On loopback the kernel deals with the SYN within the call.
            assert client.connect_ex((host, port)) != 0
        after = read_listen_queue(port)
        assert after is not None
        assert after.turned_away >= 1


def test_a_port_that_nobody_listens_on_has_no_queue() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    assert read_listen_queue(port) is None
