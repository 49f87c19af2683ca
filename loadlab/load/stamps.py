"""When an answer arrived, by the kernel's own clock: what the client adds to a time is then a figure, not a guess.

The kernel stamps a segment when the network hands it over, before any process is woken, and tells the stamp of the
last one read with the data (SO_TIMESTAMPING; Documentation/networking/timestamping in the kernel's sources), for TCP on
loopback too. What passes from then until the answer is parsed is time that the client has added: its wake-up, its place
in the batch, its system call, its parsing.
"""

import socket
import struct
import time
from typing import Final

STAMPED_EVERY: Final = 61
"""One answer of so many is asked for its stamp: reading it costs 2 us more than a plain read. Prime, so that it falls
into step with nothing."""

_SO_TIMESTAMPING: Final = 37  # asm-generic/socket.h
_RX_SOFTWARE: Final = 1 << 3  # linux/net_tstamp.h: have arrivals stamped by software
_SOFTWARE: Final = 1 << 4  # and have these stamps told
_STAMP: Final = struct.Struct("qq")  # the first of three struct timespec: the software's
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(3 * _STAMP.size)
_SECOND_NS: Final = 1_000_000_000


def ask_for_stamps(sock: socket.socket) -> None:
    """Have the kernel keep the time at which data arrives on this socket."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX_SOFTWARE | _SOFTWARE)


def receive_stamped(sock: socket.socket, limit_bytes: int) -> tuple[bytes, int]:
    """Receive like `sock.recv`, and when the last of it arrived, in monotonic ns; 0 if the kernel does not tell."""
    data, ancillary, _flags, _address = sock.recvmsg(limit_bytes, _ANCILLARY_BYTES)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPING:
            seconds, nanoseconds = _STAMP.unpack_from(content)
            # Stamps are of the wall clock. The two clocks are read anew each time, so that it may be adjusted.
            offset_ns = time.monotonic_ns() - time.time_ns()
            return data, seconds * _SECOND_NS + nanoseconds + offset_ns
    return data, 0
