"""Timers: pure deadlines that take the time as an argument, and the timerfd that wakes the loop for the next one."""

import ctypes
import heapq
import os
import sys
from collections.abc import Callable
from itertools import count
from typing import Final

NEVER_NS: Final = sys.maxsize

# With fewer cancelled entries than this a heap is not worth clearing.
_FEW: Final = 64


class Timer:
    """One deadline and its action, which is None once it has run or was cancelled."""

    __slots__ = ("_queue", "action", "deadline_ns")

    def __init__(self, queue: "TimerQueue", deadline_ns: int, action: Callable[[], None]) -> None:
        self._queue = queue
        self.deadline_ns = deadline_ns
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Drop the action. Cancelling twice, or after it has run, does nothing."""
        if self.action is not None:
            self.action = None
            self._queue.note_cancelled()


class TimerQueue:
    """Timers in the order of their deadlines; equal deadlines in the order they were added.

    A cancelled timer stays in the heap until it surfaces, or until more than half of the heap is cancelled: with a
    minute's timeout for each of twenty thousand connections a second, waiting for them to surface would keep a million.

    `first_ns` is not after the earliest deadline; NEVER_NS if there is none. So it is cheap to see that none is due.
    """

    __slots__ = ("_cancelled", "_heap", "_order", "first_ns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._cancelled = 0
        self.first_ns = NEVER_NS

    def __len__(self) -> int:
        """How many entries the heap holds, cancelled ones among them."""
        return len(self._heap)

    def add(self, deadline_ns: int, action: Callable[[], None]) -> Timer:
        """Have `action` called by the first `run_due` at or after `deadline_ns`."""
        timer = Timer(self, deadline_ns, action)
        heapq.heappush(self._heap, (deadline_ns, next(self._order), timer))
        self.first_ns = min(self.first_ns, deadline_ns)
        return timer

    def next_deadline_ns(self) -> int | None:
        """Return the earliest deadline that is not cancelled, or None."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        self.first_ns = self._heap[0][0] if self._heap else NEVER_NS
        return self._heap[0][0] if self._heap else None

    def run_due(self, now_ns: int) -> None:
        """Call the actions whose deadline is not after `now_ns`; what they add waits for the next call."""
        due: list[Timer] = []
        while (deadline_ns := self.next_deadline_ns()) is not None and deadline_ns <= now_ns:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            # A timer that an earlier one of these cancelled is no longer in the heap.
            action, timer.action = timer.action, None
            if action is not None:
                action()
            else:
                self._cancelled -= 1

    def note_cancelled(self) -> None:
        """Count one more cancelled entry, and clear the heap of them when they are more than half of it."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0


_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK_CLOEXEC: Final = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1
_SECOND_NS: Final = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)


class _ITimerSpec(ctypes.Structure):
    """struct itimerspec: its interval (here 0, so it does not repeat), and when it expires."""

    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class Alarm:
    """A timerfd. Its descriptor `fd` becomes readable at the time that was set last; setting it again clears it."""

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
        """Wake epoll at `wake_ns` of the monotonic clock; at once if that is past. Setting it again is free."""
        if wake_ns == self._wake_ns:
            return
        self._wake_ns = wake_ns
        self._spec.seconds, self._spec.nanoseconds = divmod(max(wake_ns, 1), _SECOND_NS)
        _libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, self._spec_address, None)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)
