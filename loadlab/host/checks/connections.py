"""Connections: local ports, the queue of new ones, a firewall's table of all of them, and their buffers."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from mmap import PAGESIZE
from typing import Final

from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements
from loadlab.units import format_size_bytes

_DEFAULT_PORTS: Final = 60_999 - 32_768 + 1
# Idle connections are opened in rounds of half the target's queue, active ones a hundred at once.
_SHORT_QUEUE: Final = 512
# Of two ends, each with a page for a request or an answer under way.
_BUFFER_BYTES_PER_ACTIVE: Final = 2 * PAGESIZE
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class LocalPorts(Check):
    """Whether the range of local ports suffices for what loadlab opens from one source address."""

    name = "local ports"

    def __init__(self, machine: Machine) -> None:
        self._range = machine.read_numbers("proc/sys/net/ipv4/ip_local_port_range")

    def examine(self, needed: Requirements) -> Diagnosis:
        number = f"{needed.ports:,} of a source address"
        if len(self._range) != 2:
            return self.ok("unknown", number)
        first, last = self._range
        count = last - first + 1
        here = f"{count:,}, from {first} to {last}"
        if needed.ports <= count:
            return self.ok(here, number)
        wider = "1024 65535" if needed.ports > _DEFAULT_PORTS else "32768 60999"
        return self.blocker(
            here,
            number,
            f"{needed.ports:,} connections would leave from one address, which has {count:,} local ports",
            f"`sysctl net.ipv4.ip_local_port_range='{wider}'`",
        )


class ListenBacklog(Check):
    """Whether the queues of new connections are long enough to open many quickly."""

    name = "listen backlog"
    of_clients = False

    def __init__(self, machine: Machine) -> None:
        queues = {
            "somaxconn": machine.read_number("proc/sys/net/core/somaxconn"),
            "tcp_max_syn_backlog": machine.read_number("proc/sys/net/ipv4/tcp_max_syn_backlog"),
        }
        self._queues = {name: length for name, length in queues.items() if length is not None}

    def examine(self, needed: Requirements) -> Diagnosis:
        here = ", ".join(f"{name} {length:,}" for name, length in self._queues.items()) or "unknown"
        number = min(needed.connections, _SHORT_QUEUE)
        shortest = min(self._queues.values(), default=number)
        if number <= shortest:
            return self.ok(here, f"{number:,}")
        return self.warning(
            here,
            f"{number:,}",
            f"no more than {shortest:,} new connections can wait to be accepted, so opening them takes long",
            "`sysctl net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096`",
        )


class ConnectionTracking(Check):
    """Whether netfilter tracks connections here, which takes time for each packet, and whether all of them fit."""

    name = "connection tracking"

    def __init__(self, machine: Machine) -> None:
        netfilter = "proc/sys/net/netfilter"
        self._most = machine.read_number(f"{netfilter}/nf_conntrack_max")
        self._tracked: int | None = None
        if self._most is not None:
            # The module may be loaded and yet track nothing: it registers its hooks only where a rule asks for them.
            with _connection_of_our_own():
                self._tracked = machine.read_number(f"{netfilter}/nf_conntrack_count")

    def examine(self, needed: Requirements) -> Diagnosis:
        number = f"{needed.connections:,}"
        tracked, most = self._tracked, self._most
        if tracked is None or most is None:
            return self.ok("not loaded", number)
        if tracked == 0:
            return self.ok("loaded, but tracks nothing here", number)
        here = f"{tracked:,} of {most:,}"
        if needed.connections > most - tracked:
            return self.blocker(
                here,
                number,
                f"{number} connections would be tracked beside {tracked:,} others, and {most:,} can be",
                f"`sysctl net.netfilter.nf_conntrack_max={tracked + needed.connections}`, "
                "or `iptables -t raw -A OUTPUT -o lo -j CT --notrack`",
            )
        if needed.connections == 0:
            return self.ok(here, number)
        return self.warning(
            here,
            number,
            "the firewall tracks every connection, which takes time of target and client for each packet",
            "leave loopback out: `iptables -t raw -A OUTPUT -o lo -j CT --notrack`",
        )


class TcpBuffers(Check):
    """Whether active connections can have their buffers before the kernel begins to shrink them."""

    name = "TCP buffers"

    def __init__(self, machine: Machine) -> None:
        # Three numbers of pages: no limits below the first, pressure from the second on, and never more than the third.
        pages = machine.read_numbers("proc/sys/net/ipv4/tcp_mem")
        self._pressure_bytes = pages[1] * PAGESIZE if len(pages) == 3 else None

    def examine(self, needed: Requirements) -> Diagnosis:
        needed_bytes = needed.active * _BUFFER_BYTES_PER_ACTIVE
        size = format_size_bytes(needed_bytes)
        if self._pressure_bytes is None:
            return self.ok("unknown", size)
        pressure = format_size_bytes(self._pressure_bytes)
        here = f"{pressure} before pressure"
        if needed_bytes <= self._pressure_bytes:
            return self.ok(here, size)
        pages = needed_bytes // PAGESIZE
        return self.warning(
            here,
            size,
            f"{needed.active:,} active connections may take {size} of buffers; the kernel shrinks them from "
            f"{pressure} on",
            f"`sysctl net.ipv4.tcp_mem='{pages} {pages * 4 // 3} {pages * 2}'`",
        )


@contextlib.contextmanager
def _connection_of_our_own() -> Iterator[None]:
    """Keep a connection over loopback open for the block, if one can be opened."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        yield
