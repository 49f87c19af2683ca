"""A server that runs already: which processes it is, and watching them without ever touching them."""

import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

from loadlab.errors import LoadlabError
from loadlab.processes import list_family, list_family_without_us, read_parents
from loadlab.profile.address import Address, UnixAddress, format_address, socket_address
from loadlab.targets.launching import Capabilities
from loadlab.targets.listeners import find_holders, listening_inodes

_PROC: Final = Path("/proc")
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: process, user and group


class NotAttachable(LoadlabError):
    """No server can be watched at an address; the text says why, and what to do."""


class NotVisible(NotAttachable):
    """A server listens at the address, but its processes cannot be seen from here: it can be loaded all the same."""


class AttachedTarget:
    """A server that runs already, `pids()` its processes; leaving the `with` block leaves it as it is."""

    def __init__(self, address: Address, authority: str, roots: Collection[int], capabilities: Capabilities) -> None:
        """`roots` are the processes from which all its others come. Raises NotAttachable if one of them has ended."""
        self.address = address
        self.authority = authority
        self.capabilities = capabilities
        self._roots = frozenset(roots)
        with contextlib.ExitStack() as closed_unless_attached:
            self._pidfds = [_open_pidfd(pid, address, closed_unless_attached) for pid in sorted(roots)]
            self._held = closed_unless_attached.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._held.close()

    def pids(self) -> list[int]:
        """Return the pids of its processes, and of all their descendants but us, now."""
        return sorted(list_family_without_us(self._roots))

    def poll_exit(self) -> str | None:
        """Return a sentence once all processes that it had at first have ended, None before."""
        ended = select.poll()
        for pidfd in self._pidfds:
            ended.register(pidfd, select.POLLIN)
        if len(ended.poll(0)) < len(self._pidfds):
            return None
        return f"{_describe(self.address, self._roots)} ended"

    def cores(self) -> frozenset[int]:
        """Return the cores that its processes may run on."""
        found: set[int] = set()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                found |= os.sched_getaffinity(pid)
        return frozenset(found)


class UnseenTarget:
    """A server of which nothing is known but its address: on another machine, or with processes that cannot be seen."""

    def __init__(self, address: Address, authority: str, capabilities: Capabilities) -> None:
        self.address = address
        self.authority = authority
        self.capabilities = capabilities

    def pids(self) -> list[int]:
        """Return no pids."""
        return []

    def poll_exit(self) -> str | None:
        """Return None: that it ended is seen in the outcomes of requests only."""
        return None


def find_server(address: Address, pid: int | None = None, proc: Path = _PROC) -> frozenset[int]:
    """Return the processes from which all of the server at `address` come: `pid` if it is given, else who listens.

    The address is one of this machine; a host is an IP address.

    Those that share a listening socket come from one another as a rule, and the first of them is the server; processes
    that listen at one port with a socket each (SO_REUSEPORT) may have no such ancestor. Raises NotAttachable.
    """
    if isinstance(address, UnixAddress):
        _check_reachable(address)
    inodes = listening_inodes(address, proc)
    if isinstance(address, UnixAddress) and not inodes and pid is None:
        return _find_peer(address)
    return _find_listening(address, inodes, proc) if pid is None else _check_listening(address, pid, inodes, proc)


def _find_listening(address: Address, inodes: Collection[int], proc: Path) -> frozenset[int]:
    if not inodes:
        raise NotAttachable(f"nothing listens at {format_address(address)}; start the server first")
    parents = read_parents(proc)
    holders = find_holders(inodes, parents, proc)
    if not holders.pids and holders.hidden:
        raise NotVisible(
            f"the server at {format_address(address)} belongs to another user: name its process (target.pid), or run "
            "loadlab as root or as that user"
        )
    if not holders.pids:
        raise NotVisible(
            f"none of the processes that are visible here listens at {format_address(address)}: run loadlab in the "
            "server's PID namespace, with docker as --pid=host"
        )
    # systemd keeps a socket open for the service that it starts on demand; all of the machine descends from it.
    serving = {pid for pid in holders.pids if _name_of(pid, proc) != "systemd"} or holders.pids
    return frozenset(pid for pid in serving if parents[pid] not in serving)


def _check_listening(address: Address, pid: int, inodes: Collection[int], proc: Path) -> frozenset[int]:
    family = list_family([pid], proc)
    if not family:
        raise NotAttachable(f"there is no process {pid} (target.pid) to watch for {format_address(address)}")
    holders = find_holders(inodes, family, proc)
    # In a container it listens at an address of its own; and who must not look cannot check.
    if not holders.pids and not holders.hidden and _has_our_network(pid, proc):
        raise NotAttachable(
            f"neither process {pid} (target.pid) nor its children listen at {format_address(address)}; leave "
            "target.pid out to watch the processes that do"
        )
    return frozenset({pid})


def _check_reachable(address: UnixAddress) -> None:
    path = socket_address(address)
    assert isinstance(path, str)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        match error := probe.connect_ex(path):
            case errno.ENOENT | errno.ECONNREFUSED:
                raise NotAttachable(f"nothing listens at {format_address(address)}; start the server first")
            case errno.EACCES | errno.EPERM:
                raise NotAttachable(
                    f"{format_address(address)} belongs to another user: run loadlab as root or as that user"
                )
            case errno.EPROTOTYPE:
                raise NotAttachable(f"{format_address(address)} is no stream socket, so no HTTP server listens there")
            case 0 | errno.EAGAIN:  # its queue may be full
                return
        raise NotAttachable(f"{format_address(address)} cannot be connected to: {os.strerror(error)}")


def _find_peer(address: UnixAddress) -> frozenset[int]:
    """Return who listens at a Unix socket that was bound under another path, or from another network namespace."""
    path = socket_address(address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            raise NotAttachable(
                f"{format_address(address)} cannot be connected to: {error.strerror}; start the server again"
            ) from None
        pid, _user, _group = _CREDENTIALS.unpack(
            probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
    if not pid or not list_family([pid]):  # in a PID namespace that we do not see, or it has handed the socket on
        raise NotAttachable(
            f"the process that listens at {format_address(address)} cannot be found: name it (target.pid)"
        )
    return frozenset({pid})


def _has_our_network(pid: int, proc: Path) -> bool:
    try:
        return os.readlink(proc / str(pid) / "ns/net") == os.readlink(proc / "self/ns/net")
    except OSError:
        return False


def _name_of(pid: int, proc: Path) -> str:
    try:
        return (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return ""  # it has ended


def _open_pidfd(pid: int, address: Address, stack: contextlib.ExitStack) -> int:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        raise NotAttachable(f"{_describe(address, [pid])} has just ended; start it again") from None
    stack.callback(os.close, pidfd)
    return pidfd


def _describe(address: Address, pids: Collection[int]) -> str:
    named = ", ".join(map(str, sorted(pids)))
    return f"the server at {format_address(address)} (process{'' if len(pids) == 1 else 'es'} {named})"
