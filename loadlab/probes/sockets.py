"""What the kernel counts for TCP, on the whole machine: sockets, their memory, retransmissions, full accept queues.

From /proc/net/sockstat (what there is now) and /proc/net/snmp and netstat (counters since boot; proc(5), and for what
each of them means Documentation/networking/snmp_counter in the kernel's sources). They belong to the network
namespace, and so to everybody in it.
"""

import os
from pathlib import Path
from typing import Final

from loadlab.results.sockets import SocketCounters, SocketsReading

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def read_sockets(at_ns: int, proc_net: Path = Path("/proc/net")) -> SocketsReading:
    """Read all of it now, `at_ns` after the first reading."""
    now = parse_now((proc_net / "sockstat").read_text(encoding="ascii"))
    pairs = (proc_net / name for name in ("snmp", "netstat"))
    counters = parse_counters("\n".join(path.read_text(encoding="ascii") for path in pairs))
    return SocketsReading(
        at_ns=at_ns,
        in_use=now.get("inuse", 0),
        time_wait=now.get("tw", 0),
        orphans=now.get("orphan", 0),
        buffers_bytes=now.get("mem", 0) * _PAGE_BYTES,
        counters=SocketCounters(
            retransmitted=counters.get("Tcp.RetransSegs", 0),
            listen_overflows=counters.get("TcpExt.ListenOverflows", 0),
            listen_drops=counters.get("TcpExt.ListenDrops", 0),
            resets_sent=counters.get("Tcp.OutRsts", 0),
        ),
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
