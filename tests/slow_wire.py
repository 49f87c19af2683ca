"""A wire between two network namespaces that holds up every frame: a tap(4) interface in each, and this between them.

    python slow_wire.py MILLISECONDS PID INTERFACE PID INTERFACE

Each pid is that of a process in the namespace that gets the interface of that name. A line is printed once there are
both; they are gone when this ends. (netem of tc(8) would do the same, in kernels that have it.)
"""

import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Final

_CLONE_NEWNET: Final = 0x4000_0000
_TUNSETIFF: Final = 0x4004_54CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_FRAME_BYTES: Final = 2048


def open_tap(pid: str, interface: str) -> int:
    """Make an interface in the network namespace of a process; return the descriptor that its frames go through."""
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", interface.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def forward(ends: tuple[int, int], delay_ns: int) -> None:
    """Pass on all frames in both directions, each so long after it came."""
    held: deque[tuple[int, int, bytes]] = deque()
    while True:
        until_due = max(0, held[0][0] - time.monotonic_ns()) / 1e9 if held else None
        for end in select.select(ends, (), (), until_due)[0]:
            frame = os.read(end, _FRAME_BYTES)
            held.append((time.monotonic_ns() + delay_ns, ends[end == ends[0]], frame))
        while held and held[0][0] <= time.monotonic_ns():
            _, end, frame = held.popleft()
            with suppress(OSError):  # the interface is down: it is lost
                os.write(end, frame)


if __name__ == "__main__":
    milliseconds, *places = sys.argv[1:]
    taps = open_tap(*places[:2]), open_tap(*places[2:])
    print("ready", flush=True)
    forward(taps, round(float(milliseconds) * 1e6))
