"""Socket calls for all but the hot path, over TCP and Unix sockets, and arrival times from the kernel.

Those named wait_... try first, wait for an event, and try again; the others never wait.
"""

import errno
import os
import socket
import struct
import time
from typing import Final, Protocol

from loadlab.kernel.loop import Loop

# From linux/in.h; the socket module has no name for it before Python 3.12.
_IP_BIND_ADDRESS_NO_PORT = 24
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_BACKLOG_FULL_PAUSE_NS: Final = 1_000_000

_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EALREADY})
_ESTABLISHED: Final = frozenset({0, errno.EISCONN})

Address = tuple[str, int] | str
"""IPv4 or IPv6 address and port; or the path of a Unix socket (an abstract one begins with a null character)."""


def unconnected(address: Address, source: str | None) -> socket.socket:
    """Return a non-blocking stream socket that can be connected to `address`.

    With `source` its connection leaves from that local address; the port is chosen only at connect(2), so that one
    local port can serve connections to several destinations (IP_BIND_ADDRESS_NO_PORT, ip(7)). It means nothing for a
    Unix socket. Raises OSError.
    """
    if isinstance(address, str):
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
    except OSError:
        sock.close()
        raise
    return sock


def is_connected(sock: socket.socket, address: Address) -> bool:
    """Begin to connect, or check on it; return whether the connection is established. Never waits.

    A further connect(2) reports on the first: EALREADY while it is under way, 0 or EISCONN once the connection is
    established, or why it failed, which is raised as OSError. To a Unix socket whose backlog is full nothing is under
    way (EAGAIN), and has to be tried again.
    """
    error = sock.connect_ex(address)
    if error in _UNDER_WAY or (error == errno.EAGAIN and isinstance(address, str)):
        return False
    if error not in _ESTABLISHED:
        raise OSError(error, os.strerror(error))
    return True


def connect_nowait(loop: Loop, address: Address, source: str | None) -> tuple[socket.socket, bool]:
    """Begin to connect; return the socket, and whether the connection is established, as it is over loopback.

    TCP_NODELAY is on. If the connection is established, the socket is registered with the loop, but not for sending:
    `Loop.watch_sending` before waiting for that. If not, `wait_established` is to be called. With `source` the
    connection leaves from that local address. Raises OSError as connect(2) does.
    """
    sock = unconnected(address, source)
    try:
        if not isinstance(address, str):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        established = is_connected(sock, address) or is_connected(sock, address)  # the first begins
        if established:
            loop.register(sock.fileno(), for_sending=False)
    except BaseException:
        sock.close()
        raise
    return sock, established


async def wait_established(loop: Loop, sock: socket.socket, address: Address) -> None:
    """Register a socket with the loop and wait until its connection is established; close it if that fails.

    Raises OSError as connect(2) does. Wrap it in a time scope to bound it.
    """
    loop.register(sock.fileno())
    try:
        while not is_connected(sock, address):
            await wait_progress(loop, sock, address)
        loop.parked[sock.fileno()] = True  # the same event may have reported data
    except BaseException:
        discard(loop, sock)
        raise


async def wait_progress(loop: Loop, sock: socket.socket, address: Address) -> None:
    """Wait until `is_connected` is worth another try. No event reports that a Unix socket's backlog has room."""
    if isinstance(address, str):
        await loop.sleep(_BACKLOG_FULL_PAUSE_NS)
    else:
        await loop.wait_event(sock.fileno())


async def wait_connected(loop: Loop, address: Address, source: str | None) -> socket.socket:
    """Return a non-blocking socket connected to `address`, registered with the loop. TCP_NODELAY is on.

    With `source` the connection leaves from that local address. Raises OSError as connect(2) does. Wrap it in a time
    scope to bound it.
    """
    sock, established = connect_nowait(loop, address, source)
    if established:
        loop.watch_sending(sock.fileno())
    else:
        await wait_established(loop, sock, address)
    return sock


async def wait_sent(loop: Loop, sock: socket.socket, data: bytes | memoryview) -> None:
    """Send all of `data`. Raises OSError as send(2) does."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except BlockingIOError:
            await loop.wait_event(sock.fileno())


async def wait_received(loop: Loop, sock: socket.socket, limit_bytes: int) -> bytes:
    """Return at least one byte and at most `limit_bytes`, or b"" at the end of the stream."""
    while True:
        try:
            return sock.recv(limit_bytes)
        except BlockingIOError:
            await loop.wait_event(sock.fileno())


def has_spoken(loop: Loop, sock: socket.socket) -> bool:
    """Return whether the peer has closed a connection on which nothing is expected, or sent something unasked.

    Clears the event that is kept for it, and leaves the data unread.
    """
    loop.parked[sock.fileno()] = None
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def reset_on_close(sock: socket.socket) -> None:
    """Have the connection end with a reset when it is closed: then neither end keeps its port in TIME_WAIT.

    To be used where all that was expected has been received, or nothing was (socket(7), SO_LINGER).
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def discard(loop: Loop, sock: socket.socket) -> None:
    """Close a socket that is registered; closing it takes it out of epoll's set, without another system call."""
    loop.parked[sock.fileno()] = None
    sock.close()


_SO_TIMESTAMPING: Final = 37  # asm-generic/socket.h
_RX_SOFTWARE: Final = 1 << 3  # linux/net_tstamp.h: have arrivals stamped by software
_SOFTWARE: Final = 1 << 4  # and have these stamps reported
_STAMP: Final = struct.Struct("qq")  # the first of three struct timespec: the software stamp
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(3 * _STAMP.size)
_SECOND_NS: Final = 1_000_000_000


def ask_for_stamps(sock: socket.socket) -> None:
    """Have the kernel record the time at which data arrives on this socket. Over a Unix socket it has none."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX_SOFTWARE | _SOFTWARE)


def receive_stamped(sock: socket.socket, limit_bytes: int) -> tuple[bytes, int]:
    """Receive like `sock.recv`; return the data, and when the last of it arrived in monotonic ns (0 if unknown)."""
    data, ancillary, _flags, _address = sock.recvmsg(limit_bytes, _ANCILLARY_BYTES)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPING:
            seconds, nanoseconds = _STAMP.unpack_from(content)
            # Stamps are wall-clock times. Both clocks are read each time, so that the wall clock may be adjusted.
            offset_ns = time.monotonic_ns() - time.time_ns()
            return data, seconds * _SECOND_NS + nanoseconds + offset_ns
    return data, 0


class Transport(Protocol):
    """How a user reads and writes on its connection: as here, or encrypted (`kernel.tls`).

    `cut_short` is whether what ended may have been cut: the end of the connection is not proof of the end of a message.
    """

    cut_short: bool

    def write(self, fd: int, data: bytes, /) -> int:
        """Send what the socket takes at once; return how many bytes of `data`. `wait_sent` sends the rest."""

    async def wait_sent(self, sock: socket.socket, rest: bytes, /) -> None:
        """Send the rest of what was given to `write`. The socket is to be watched for sending."""

    def read(self, fd: int, limit_bytes: int, /) -> bytes:
        """Return what has come, b"" at the end. Raises BlockingIOError if nothing has: an event will follow."""

    def receive_stamped(self, sock: socket.socket, limit_bytes: int, /) -> tuple[bytes, int]:
        """Read like `read`; return the data, and when the last of it arrived in monotonic ns (0 if unknown)."""

    def receive_piece(self, sock: socket.socket, buffer: memoryview, /) -> bytes | memoryview:
        """Read like `read`, about as much as `buffer` holds, which may be where it is."""

    def has_spoken(self, sock: socket.socket, /) -> bool:
        """Return whether the peer has ended a connection on which nothing is expected, or sent something unasked."""


async def wait_read(loop: Loop, transport: Transport, sock: socket.socket, limit_bytes: int) -> bytes:
    """Return what has come over a transport, at least one byte, or b"" at the end."""
    while True:
        try:
            return transport.read(sock.fileno(), limit_bytes)
        except BlockingIOError:
            await loop.wait_event(sock.fileno())


class PlainTransport:
    """The system's calls themselves, so it costs nothing. One serves all users of a loop."""

    cut_short = False
    read = staticmethod(os.read)
    write = staticmethod(os.write)
    receive_stamped = staticmethod(receive_stamped)

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def wait_sent(self, sock: socket.socket, rest: bytes) -> None:
        """Send all of `rest`. Raises OSError as send(2) does."""
        await wait_sent(self._loop, sock, rest)

    def receive_piece(self, sock: socket.socket, buffer: memoryview) -> memoryview:
        """Receive into `buffer`; return the part that was filled. Raises OSError as recv(2) does."""
        return buffer[: sock.recv_into(buffer)]

    def has_spoken(self, sock: socket.socket) -> bool:
        """Return what the function of this name does."""
        return has_spoken(self._loop, sock)
