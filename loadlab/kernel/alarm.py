"""A timer that wakes epoll: finer than epoll's own timeout, which counts in milliseconds.

epoll_wait(2) rounds its timeout up to whole milliseconds, half a millisecond late in the median; a timerfd
(timerfd_create(2)) in the same epoll set is some 60 us late, most of it the time to schedule the process in.
"""

import ctypes
import os
from typing import Final

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK_CLOEXEC: Final = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1
_SECOND_NS: Final = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)


class _ITimerSpec(ctypes.Structure):
    """struct itimerspec: how often it repeats (here never), and when it expires."""

    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class Alarm:
    """A timerfd. Its descriptor `fd` turns readable at the time that was set last; setting it anew clears it."""

    __slots__ = ("_spec", "_spec_address", "_wake_ns", "fd")

    def __init__(self) -> None:
        self.fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self.fd < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        self._spec = _ITimerSpec()
        self._spec_address = ctypes.byref(self._spec)
        self._wake_ns = 0

    def set(self, wake_ns: int) -> None:
        """Wake epoll at `wake_ns` of the monotonic clock; at once if that is past. A second call for it is free."""
        if wake_ns == self._wake_ns:
            return
        self._wake_ns = wake_ns
        self._spec.seconds, self._spec.nanoseconds = divmod(max(wake_ns, 1), _SECOND_NS)
        _libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, self._spec_address, None)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)
