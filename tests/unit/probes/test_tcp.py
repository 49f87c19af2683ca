"""What the kernel says of TCP."""

import socket
import struct
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadlab.probes.tcp import (
    ListenQueue,
    is_last,
    parse_counters,
    parse_listeners,
    parse_now,
    read_listen_queue,
    read_sockets,
)
from loadlab.profile.address import TcpAddress, UnixAddress

SOCKSTAT = "sockets: used 17\nTCP: inuse 3 orphan 1 tw 9018 alloc 4 mem 5\nUDP: inuse 0 mem 0\n"
SNMP = "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn RetransSegs OutRsts\nTcp: -1 7 9\n"
NETSTAT = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 11 13\n"


def test_a_reading_has_what_is_there_and_the_counters(tmp_path: Path) -> None:
    for name, text in (("sockstat", SOCKSTAT), ("snmp", SNMP), ("netstat", NETSTAT)):
        (tmp_path / name).write_text(text)
    reading = read_sockets(250_000_000, tmp_path)
    assert reading is not None
    assert reading.at_ns == 250_000_000
    assert (reading.in_use, reading.time_wait, reading.orphans, reading.buffers_bytes) == (3, 9018, 1, 5 * 4096)
    counters = reading.counters
    assert (counters.retransmitted, counters.resets_sent) == (7, 9)
    assert (counters.listen_overflows, counters.listen_drops) == (11, 13)


def test_counters_since_an_earlier_reading_are_differences(tmp_path: Path) -> None:
    for name, text in (("sockstat", SOCKSTAT), ("snmp", SNMP), ("netstat", NETSTAT)):
        (tmp_path / name).write_text(text)
    earlier = read_sockets(0, tmp_path)
    (tmp_path / "netstat").write_text("TcpExt: ListenOverflows ListenDrops\nTcpExt: 15 14\n")
    later = read_sockets(0, tmp_path)
    assert earlier is not None
    assert later is not None
    since = later.counters.since(earlier.counters)
    assert (since.listen_overflows, since.listen_drops, since.retransmitted, since.resets_sent) == (4, 1, 0, 0)


def test_counters_that_this_kernel_does_not_have_are_none() -> None:
    assert parse_counters("TcpExt: New\nTcpExt: 1\n") == {"TcpExt.New": 1}
    assert parse_now("sockets: used 17\n") == {}


def test_this_machine_can_be_read() -> None:
    reading = read_sockets(0)
    assert reading is not None
    assert reading.in_use >= 0


@pytest.mark.parametrize("absent", ["sockstat", "snmp", "netstat"])
def test_a_sandbox_may_not_show_all_of_it(tmp_path: Path, absent: str) -> None:
    for name, text in (("sockstat", SOCKSTAT), ("snmp", SNMP), ("netstat", NETSTAT)):
        if name != absent:
            (tmp_path / name).write_text(text)
    assert read_sockets(0, tmp_path) is None


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
        before = read_listen_queue(TcpAddress(host, port))
        if before is None:
            pytest.skip("this kernel has no socket diagnostics")
        assert before == ListenQueue(turned_away=0, backlog=1)
        for _ in range(6):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            # On loopback the kernel deals with the SYN within the call.
            assert client.connect_ex((host, port)) != 0
        after = read_listen_queue(TcpAddress(host, port))
        assert after is not None
        assert after.turned_away >= 1


def test_a_port_that_nobody_listens_on_has_no_queue() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    assert read_listen_queue(TcpAddress("127.0.0.1", port)) is None
    assert read_listen_queue(UnixAddress("/nowhere")) is None
