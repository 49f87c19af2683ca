"""Ports, queues, a firewall's table and buffers."""

import pytest

from loadlab.host.checks.check import State
from loadlab.host.checks.connections import ConnectionTracking, ListenBacklog, LocalPorts, TcpBuffers
from loadlab.host.requirements import Requirements

from ..machine import is_fine, machine

PORTS = "proc/sys/net/ipv4/ip_local_port_range"
NETWORKED = Requirements(connections=1_000)


def test_ports_are_those_of_one_address() -> None:
    assert is_fine(LocalPorts(machine()).examine(Requirements(ports=10_000)))
    narrow = LocalPorts(machine({PORTS: "50000\t50999\n"}))
    found = narrow.examine(Requirements(ports=1_001))
    assert found.state is State.BLOCKER
    assert found.problem == "1,001 connections would leave from one address, which has 1,000 local ports"
    assert found.fix == "`sysctl net.ipv4.ip_local_port_range='32768 60999'`"
    assert is_fine(narrow.examine(Requirements(ports=1_000)))


def test_many_slow_senders_need_more_ports_than_the_default_range_has() -> None:
    found = LocalPorts(machine()).examine(Requirements(ports=30_000))
    assert found.fix == "`sysctl net.ipv4.ip_local_port_range='1024 65535'`"


@pytest.mark.parametrize("queue", ["net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog"])
def test_short_queues_make_opening_slow(queue: str) -> None:
    short = ListenBacklog(machine({f"proc/sys/{queue}": "128\n"}))
    assert is_fine(short.examine(Requirements(connections=128)))
    found = short.examine(NETWORKED)
    assert found.state is State.WARNING
    assert "no more than 128 new connections can wait" in str(found.problem)
    assert is_fine(ListenBacklog(machine()).examine(NETWORKED))


@pytest.mark.parametrize(
    ("tracked", "most", "connections", "state"),
    [
        (None, None, 10_000, State.OK),
        (None, "262144", 10_000, State.OK),
        ("0", "262144", 1_000_000, State.OK),  # loaded, but no rule asks for it
        ("1", "262144", 10_000, State.WARNING),
        ("1", "262144", 0, State.OK),
        ("62144", "262144", 200_001, State.BLOCKER),
    ],
)
def test_tracked_connections_take_time_and_must_fit(
    tracked: str | None, most: str | None, connections: int, state: State
) -> None:
    netfilter = "proc/sys/net/netfilter"
    files = {f"{netfilter}/nf_conntrack_count": tracked, f"{netfilter}/nf_conntrack_max": most}
    found = ConnectionTracking(machine(files)).examine(Requirements(connections=connections))
    assert found.state is state
    if state is State.BLOCKER:
        assert "`sysctl net.netfilter.nf_conntrack_max=262145`" in str(found.fix)


def test_buffers_of_active_connections_may_come_under_pressure() -> None:
    tight = TcpBuffers(machine({"proc/sys/net/ipv4/tcp_mem": "19200\t25600\t38400\n"}))  # 100 MiB in pages of 4 KiB
    assert is_fine(tight.examine(Requirements(connections=1_000_000, active=1_000)))
    found = tight.examine(Requirements(active=20_000))
    assert found.state is State.WARNING
    assert "`sysctl net.ipv4.tcp_mem='40000 53333 80000'`" in str(found.fix)


@pytest.mark.parametrize("text", [None, "", "1\n", "x y z\n"])
def test_what_the_machine_does_not_show_stops_nobody(text: str | None) -> None:
    names = ["ipv4/ip_local_port_range", "ipv4/tcp_mem", "core/somaxconn", "ipv4/tcp_max_syn_backlog"]
    files = dict.fromkeys((f"proc/sys/net/{name}" for name in names[:2]), text)
    huge = Requirements(connections=1 << 30, ports=1 << 30, active=1 << 30)
    assert is_fine(LocalPorts(machine(files)).examine(huge))
    assert is_fine(TcpBuffers(machine(files)).examine(huge))
    hidden = ListenBacklog(machine(dict.fromkeys(f"proc/sys/net/{name}" for name in names[2:]))).examine(huge)
    assert is_fine(hidden)
    assert hidden.here == "unknown"
