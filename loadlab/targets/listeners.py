"""Who listens at an address of this machine: the listening sockets, and the processes that have them open (proc(5))."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from loadlab.profile.address import Address, TcpAddress, UnixAddress

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"  # TCP_LISTEN
_ACCEPTS: Final = 1 << 16  # net/unix: __SO_ACCEPTCON
_STREAM: Final = 1  # SOCK_STREAM
_WORD_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket; `inode` is what it is known by in /proc/PID/fd."""

    ip: IPv4Address | IPv6Address
    port: int
    inode: int


@dataclass(frozen=True, slots=True)
class Holders:
    """The processes that have one of some sockets open; `hidden` are those that did not let us look."""

    pids: frozenset[int]
    hidden: frozenset[int]


def listening_inodes(address: Address, proc: Path = _PROC) -> frozenset[int]:
    """Return the inodes of the sockets that the kernel gives connections to `address` to; none if nothing listens.

    A socket bound to the address itself goes before those of all addresses, and those of IPv4 before those of IPv6,
    which take IPv4 as well. A Unix socket is found by the path under which it was bound.
    """
    if isinstance(address, UnixAddress):
        return frozenset(_unix_inodes(address.path, proc))
    by_rank: dict[int, set[int]] = {}
    for listener in _read_listeners(proc):
        rank = _rank(listener.ip, ip_address(address.host))
        if listener.port == address.port and rank is not None:
            by_rank.setdefault(rank, set()).add(listener.inode)
    return frozenset(by_rank[min(by_rank)]) if by_rank else frozenset()


def listening_addresses(pids: Collection[int], proc: Path = _PROC) -> list[TcpAddress]:
    """Return where these processes listen over TCP; "0.0.0.0" and "::" stand for all addresses."""
    found = []
    for listener in _read_listeners(proc):
        if find_holders([listener.inode], pids, proc).pids:
            found.append(TcpAddress(str(listener.ip), listener.port))
    return found


def find_holders(inodes: Collection[int], pids: Iterable[int], proc: Path = _PROC) -> Holders:
    """Return which of `pids` have a socket with one of `inodes` open."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found, hidden = set(), set()
    for pid in pids:
        try:
            if any(_link_of(descriptor) in wanted for descriptor in (proc / str(pid) / "fd").iterdir()):
                found.add(pid)
        except PermissionError:
            hidden.add(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return Holders(frozenset(found), frozenset(hidden))


def parse_listener(line: str) -> Listener | None:
    """Return the socket of a line of /proc/net/tcp or tcp6; None for one that does not listen."""
    _slot, local, _remote, state, *_, inode = line.split()[:10]
    if state != _LISTENING:
        return None
    ip, _, port = local.partition(":")
    # Each word of the address is printed as a number, whose bytes are in the machine's order.
    words = [int(ip[start : start + 8], 16) for start in range(0, len(ip), 8)]
    packed = b"".join(word.to_bytes(_WORD_BYTES, sys.byteorder) for word in words)
    return Listener(ip_address(packed), int(port, 16), int(inode))


def _read_listeners(proc: Path) -> Iterable[Listener]:
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), (proc / "net" / name).open(encoding="ascii") as table:
            next(table)
            for line in table:
                listener = parse_listener(line)
                if listener is None:
                    break  # the kernel lists those that listen before all connections, which may be a million
                yield listener


def _unix_inodes(path: str, proc: Path) -> Iterator[int]:
    wanted = {path, os.path.realpath(path)}
    with suppress(FileNotFoundError), (proc / "net" / "unix").open(encoding="utf-8", errors="surrogateescape") as table:
        next(table)
        for line in table:
            # The path comes last, and may hold spaces; sockets without one end with the inode.
            _slot, _references, _protocol, flags, kind, _state, inode, *bound = line.rstrip("\n").split(maxsplit=7)
            if bound and bound[0] in wanted and int(flags, 16) & _ACCEPTS and int(kind, 16) == _STREAM:
                yield int(inode)


def _rank(ip: IPv4Address | IPv6Address, wanted: IPv4Address | IPv6Address) -> int | None:
    """Return how close a listener's address is to the wanted one, 0 the closest; None if it does not serve it."""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip == wanted:
        return 0
    if not ip.is_unspecified or ip.version < wanted.version:
        return None
    return 1 if ip.version == wanted.version else 2


def _link_of(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # closed meanwhile
