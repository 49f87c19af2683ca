"""What the kernel says of TCP."""

from pathlib import Path

from loadlab.probes.sockets import parse_counters, parse_now, read_sockets

SOCKSTAT = "sockets: used 17\nTCP: inuse 3 orphan 1 tw 9018 alloc 4 mem 5\nUDP: inuse 0 mem 0\n"
SNMP = "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn RetransSegs OutRsts\nTcp: -1 7 9\n"
NETSTAT = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 11 13\n"


def test_a_reading_has_what_is_there_and_the_counters(tmp_path: Path) -> None:
    for name, text in (("sockstat", SOCKSTAT), ("snmp", SNMP), ("netstat", NETSTAT)):
        (tmp_path / name).write_text(text)
    reading = read_sockets(250_000_000, tmp_path)
    assert reading.at_ns == 250_000_000
    assert (reading.in_use, reading.time_wait, reading.orphans, reading.buffers_bytes) == (3, 9018, 1, 5 * 4096)
    counters = reading.counters
    assert (counters.retransmitted, counters.resets_sent) == (7, 9)
    assert (counters.listen_overflows, counters.listen_drops) == (11, 13)


def test_counters_since_an_earlier_reading_are_differences(tmp_path: Path) -> None:
    for name, text in (("sockstat", SOCKSTAT), ("snmp", SNMP), ("netstat", NETSTAT)):
        (tmp_path / name).write_text(text)
    earlier = read_sockets(0, tmp_path).counters
    (tmp_path / "netstat").write_text("TcpExt: ListenOverflows ListenDrops\nTcpExt: 15 14\n")
    since = read_sockets(0, tmp_path).counters.since(earlier)
    assert (since.listen_overflows, since.listen_drops, since.retransmitted, since.resets_sent) == (4, 1, 0, 0)


def test_counters_that_this_kernel_does_not_have_are_none() -> None:
    assert parse_counters("TcpExt: New\nTcpExt: 1\n") == {"TcpExt.New": 1}
    assert parse_now("sockets: used 17\n") == {}


def test_this_machine_can_be_read() -> None:
    assert read_sockets(0).in_use >= 0
