"""A target as a process of the test, and what the kernel knows of it."""

import contextlib
import fcntl
import json
import os
import re
import socket
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadlab.processes import Child, spawn
from loadlab.targets import find_target

DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Holdings:
    """What all processes of a server hold together."""

    processes: int
    threads: int
    descriptors: int


class Server:
    """A target that has said READY."""

    def __init__(self, child: Child, ready_line: str) -> None:
        ready = json.loads(ready_line.removeprefix("READY "))
        self.address: tuple[str, int] = (ready["address"][0], ready["address"][1])
        self.handlers: list[str] = ready["capabilities"]["handlers"]
        self.max_connections: int = ready["capabilities"]["max_connections"]
        self.backlog: int = ready["capabilities"]["backlog"]
        self.pid: int = ready["pid"]
        self._child = child

    def connect(self) -> socket.socket:
        """Return a new connection to it."""
        client = socket.create_connection(self.address, timeout=DEADLINE_SECONDS)
        # Else the second of two small sends waits for the acknowledgement of the first, up to 40 ms.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def pids(self) -> list[int]:
        """Return the pids of all its processes that have not ended."""
        return self._child.all_pids()

    def holdings(self) -> Holdings:
        """Count what it holds now."""
        pids = self.pids()
        descriptors, threads = (sum(_count(pid, kind) for pid in pids) for kind in ("fd", "task"))
        return Holdings(len(pids), threads, descriptors)

    def sockets(self) -> int:
        """Count the sockets that its processes have open; one more for each accepted connection."""
        return sum(_count_sockets(pid) for pid in self.pids())

    def has_read(self, client: socket.socket) -> bool:
        """Return whether all that `client` sent has been read: none of it waits in the kernel, at either end."""
        # This end first: what has left it is at the other one then, and waits there or has been read.
        if _count_unacknowledged(client) > 0:
            return False
        return _count_unread(self.address, client.getsockname()) == 0

    def wait_settled(self) -> None:
        """Wait until all its threads sleep: they have set themselves up then, and wait for clients.

        It says READY before its loop has all of its descriptors, and before a pool has closed what it inherited.
        """
        wait_until(self._is_asleep)

    def _is_asleep(self) -> bool:
        pids = self.pids()
        try:
            asleep = all(_sleeps(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            return False  # one of them has just ended
        return asleep and self.pids() == pids  # nobody has been forked meanwhile

    def wait_ended(self) -> str:
        """Wait until it has ended; return one sentence on how."""
        wait_until(lambda: self._child.poll() is not None)
        return self._child.account()


@contextlib.contextmanager
def serving(name: str, *arguments: str) -> Iterator[Server]:
    """Run a target until the end of the block."""
    command = [sys.executable, str(find_target(name).file), *arguments]
    with tempfile.TemporaryFile() as output, spawn(name, command, stdout=output) as child:
        wait_until(lambda: _first_line(output.fileno()) is not None or child.poll() is not None)
        line = _first_line(output.fileno())
        assert line is not None, child.account(" before it was ready")
        yield Server(child, line)


def refusal(name: str, *arguments: str) -> str:
    """Run a target that must not start; return one sentence on how it ended."""
    with spawn(name, [sys.executable, str(find_target(name).file), *arguments]) as child:
        wait_until(lambda: child.poll() is not None)
        return child.account()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of 127.0.0.1 from all others. It refuses, until a server listens on it."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that the server may have it beside us
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail when it does not for long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def receive(client: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes, fewer only if the server closes."""
    received = bytearray()
    while len(received) < size and (data := client.recv(min(size - len(received), 1 << 20))):
        received += data
    return bytes(received)


def receive_all(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def receive_response(client: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the next response, and leave what follows it unread."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, f"the server closed after {head!r}"
        head += byte
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n", head)
    assert length is not None, head
    return int(head.split()[1]), receive(client, int(length[1]))


def ask(client: socket.socket, path: str) -> tuple[int, bytes]:
    """Send a request and return status and body of its response."""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    return receive_response(client)


def hello(clients: Sequence[socket.socket]) -> None:
    """Assert that each of these is served."""
    for client in clients:
        assert ask(client, "/hello") == (200, b"Hello, world!\n")


def _first_line(descriptor: int) -> str | None:
    line, end, _ = os.pread(descriptor, 65536, 0).partition(b"\n")
    return line.decode() if end else None


def _count(pid: int, kind: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{kind}"))
    except OSError:
        return 0  # it has ended meanwhile


def _count_sockets(pid: int) -> int:
    count = 0
    with contextlib.suppress(OSError):  # the process has ended meanwhile
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # or has closed this one
                count += os.readlink(descriptor).startswith("socket:")
    return count


def _sleeps(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"


def _count_unacknowledged(client: socket.socket) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))
    return int(count)


_SOCK_DIAG = 4  # linux/netlink.h: NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # linux/sock_diag.h: SOCK_DIAG_BY_FAMILY
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBxxI")  # the head of struct inet_diag_req_v2: family, protocol, states
_SOCKET = struct.Struct("!HH4s12x4s12xI8s")  # struct inet_diag_sockid: ports, addresses, interface, cookie
_REPLY = struct.Struct("=xB2x48x4xI")  # the head of struct inet_diag_msg: state, bytes that wait to be read
_LISTENS = 10  # TCP_LISTEN
_ANY = b"\xff" * 8


def _count_unread(address: tuple[str, int], client: tuple[str, int]) -> int:
    """Return how many bytes wait at the end of a connection that is at `address`; 0 if it is gone.

    The kernel is asked for this one connection: /proc/net/tcp has all of them, and takes milliseconds to read.
    """
    wanted = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0xFFFFFFFF)
    wanted += _SOCKET.pack(address[1], client[1], socket.inet_aton(address[0]), socket.inet_aton(client[0]), 0, _ANY)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(wanted), _BY_FAMILY, 1, 1, 0) + wanted)
        answer = kernel.recv(4096)
    _length, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        return 0
    state, unread = _REPLY.unpack_from(answer, _HEADER.size)
    return 0 if state == _LISTENS else int(unread)  # without such a connection it finds the listener
