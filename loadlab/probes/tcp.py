"""What the kernel counts for TCP: sockets and retransmissions of the whole machine, and a full accept queue."""

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes.proc import PAGE_BYTES
from loadlab.profile.address import Address, UnixAddress
from loadlab.results.probe_data import SocketCounters, SocketsReading


def read_sockets(at_ns: int, proc_net: Path = Path("/proc/net")) -> SocketsReading | None:
    """Read all of it now, `at_ns` after the first reading; None where the kernel does not show it, as in a sandbox."""
    try:
        sockstat, snmp, netstat = (
            (proc_net / name).read_text(encoding="ascii") for name in ("sockstat", "snmp", "netstat")
        )
    except OSError:
        return None
    now = parse_now(sockstat)
    counters = parse_counters(f"{snmp}\n{netstat}")
    return SocketsReading(
        at_ns=at_ns,
        in_use=now.get("inuse", 0),
        time_wait=now.get("tw", 0),
        orphans=now.get("orphan", 0),
        buffers_bytes=now.get("mem", 0) * PAGE_BYTES,
        counters=SocketCounters(
            retransmitted=counters.get("Tcp.RetransSegs", 0),
            listen_overflows=counters.get("TcpExt.ListenOverflows", 0),
            listen_drops=counters.get("TcpExt.ListenDrops", 0),
            resets_sent=counters.get("Tcp.OutRsts", 0),
        ),
    )


def total_counters(stretches: Sequence[SocketCounters]) -> SocketCounters:
    """Return what was counted over several stretches together."""
    return SocketCounters(
        retransmitted=sum(each.retransmitted for each in stretches),
        listen_overflows=sum(each.listen_overflows for each in stretches),
        listen_drops=sum(each.listen_drops for each in stretches),
        resets_sent=sum(each.resets_sent for each in stretches),
    )


def parse_now(sockstat: str) -> dict[str, int]:
    """Return the figures of the line on TCP by their names; `mem` is in pages."""
    for line in sockstat.splitlines():
        protocol, _, rest = line.partition(":")
        if protocol == "TCP":
            words = rest.split()
            return dict(zip(words[::2], map(int, words[1::2]), strict=True))
    return {}


def parse_counters(text: str) -> dict[str, int]:
    """Return `Protocol.Counter` and its value from pairs of lines, the first with the names, the second the values."""
    counters: dict[str, int] = {}
    names: list[str] = []
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].lstrip("-").isdigit():
            counters |= {f"{protocol}.{name}": int(value) for name, value in zip(names, words, strict=False)}
        names = words
    return counters


@dataclass(frozen=True, slots=True)
class ListenQueue:
    """The listeners on one port: connections turned away since they listen, and how many may wait, all together."""

    turned_away: int
    backlog: int


def read_listen_queue(address: Address) -> ListenQueue | None:
    """Return the queue of this machine's listeners on the port of `address`; None if there is none to be seen."""
    if isinstance(address, UnixAddress):
        return None
    families = (socket.AF_INET, socket.AF_INET6)
    found = [listener for family in families for listener in _listeners(family, address.port)]
    if not found:
        return None
    return ListenQueue(sum(each.turned_away for each in found), sum(each.backlog for each in found))


_SOCK_DIAG: Final = 4  # linux/netlink.h: NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # linux/sock_diag.h: SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP: Final = 0x1 | 0x300  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR: Final = 2  # NLMSG_ERROR
_DONE: Final = 3  # NLMSG_DONE
_LISTENING: Final = 1 << 10  # the state TCP_LISTEN
_MEMORY: Final = 7  # linux/inet_diag.h: INET_DIAG_SKMEMINFO
_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_REQUEST: Final = struct.Struct("=BBBxI")  # the head of struct inet_diag_req_v2: family, protocol, extensions, states
_SOCKET: Final = struct.Struct("!HH32s12s")  # struct inet_diag_sockid: its ports, addresses, and interface with cookie
_REPLY: Final = struct.Struct("=4x48x4xII8x")  # struct inet_diag_msg: of a listener, connections waiting and at most
_ATTRIBUTE: Final = struct.Struct("=HH")  # struct rtattr: length, type
_DROPS: Final = struct.Struct("=32xI")  # the ninth of the counters of INET_DIAG_SKMEMINFO
_ANSWER_BYTES: Final = 1 << 16
_PATIENCE_SECONDS: Final = 1.0  # the kernel answers before send() returns; only a sandbox's imitation might not


def _listeners(family: int, port: int) -> Iterator[ListenQueue]:
    wanted = _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (_MEMORY - 1), _LISTENING)
    wanted += _SOCKET.pack(port, 0, b"", b"\0\0\0\0" + b"\xff" * 8)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(_PATIENCE_SECONDS)
            kernel.send(_HEADER.pack(_HEADER.size + len(wanted), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + wanted)
            while True:
                answer = kernel.recv(_ANSWER_BYTES)
                yield from parse_listeners(answer)
                if is_last(answer):
                    return
    except OSError:
        return  # a kernel without socket diagnostics, as in some sandboxes


def parse_listeners(answer: bytes) -> list[ListenQueue]:
    """Return the listeners of one datagram of the kernel's answer."""
    return [_parse_listener(body) for kind, body in _messages(answer) if kind == _BY_FAMILY]


def is_last(answer: bytes) -> bool:
    """Return whether no datagram follows this one."""
    return any(kind in (_DONE, _ERROR) for kind, _ in _messages(answer))


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(answer):
        length, kind, *_ = _HEADER.unpack_from(answer, start)
        yield kind, answer[start + _HEADER.size : start + length]
        start += _aligned(length)


def _parse_listener(body: bytes) -> ListenQueue:
    _waiting, backlog = _REPLY.unpack_from(body)
    start = _REPLY.size
    turned_away = 0
    while start < len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if kind == _MEMORY:
            (turned_away,) = _DROPS.unpack_from(body, start + _ATTRIBUTE.size)
        start += _aligned(length)
    return ListenQueue(turned_away, backlog)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
