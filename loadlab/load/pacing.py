"""When a user may send its next request: when the schedule says so (open model), or after a pause (closed model).

A user without pacing sends at once, and needs none of this.
"""

import itertools
import random
import sys
import types
from collections import deque
from collections.abc import Generator, Iterator
from typing import Final, Protocol

from loadlab.kernel.loop import Loop
from loadlab.kernel.tasks import Task
from loadlab.load.schedule import ThinkTimes

_NEVER: Final = sys.maxsize
# As with the turns of a mix: drawn once and gone through again and again.
_DRAWN: Final = 9973


class Pacing(Protocol):
    """Tells a user when to send next, as the time that the request is intended for (its response time's begin)."""

    def take_due(self, now_ns: int) -> int:
        """Return when the next request was intended if that is not after `now_ns`; it is the caller's then. Else 0."""

    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend user `number`, who was done at `now_ns`, until a request is intended; return when it was."""


class Agenda:
    """The open model: arrivals come when they come, and any free user takes the next. Also the loop's `Pacer`.

    An arrival that finds no user free waits, in order, until one is. So the queue is simply the rest of the schedule.
    """

    __slots__ = ("_due_ns", "_free", "_granted", "_last_ns", "_loop", "_next_due_ns", "_spin_ns")

    def __init__(self, loop: Loop, users: int, spin_ns: int) -> None:
        """The loop does not sleep for `spin_ns` before an arrival and after it was sent. None comes before `begin`."""
        self._loop = loop
        self._due_ns = _NEVER
        self._last_ns = 0  # the arrival that was sent last
        self._spin_ns = spin_ns
        self._free: deque[tuple[Task, int]] = deque()
        self._granted = [0] * users

    def begin(self, times_ns: Iterator[int]) -> None:
        """Let requests arrive at these times of the monotonic clock, in order."""
        self._next_due_ns = itertools.chain(times_ns, itertools.repeat(_NEVER)).__next__
        self._due_ns = self._next_due_ns()

    def watch_ns(self, now_ns: int) -> int | None:
        """Return from when on the loop must not sleep: before the next arrival, and for a while after one was sent.

        Waking up takes tens of microseconds, which would be told as the server's time. None if nobody is free for the
        next arrival, or none will come.
        """
        if now_ns < self._last_ns + self._spin_ns and len(self._free) < len(self._granted):
            return now_ns
        return self._due_ns - self._spin_ns if self._free and self._due_ns != _NEVER else None

    def release(self, now_ns: int) -> None:
        """Give the arrivals that are due to those who are free, the longest free first: all connections are used."""
        while self._due_ns <= now_ns and self._free:
            task, number = self._free.popleft()
            self._granted[number] = self._last_ns = self._due_ns
            self._due_ns = self._next_due_ns()
            self._loop.resume_soon(task)

    def take_due(self, now_ns: int) -> int:
        """Return when the next request was intended if that is not after `now_ns`; it is the caller's then. Else 0."""
        due_ns = self._due_ns
        if due_ns > now_ns:
            return 0
        self._last_ns, self._due_ns = due_ns, self._next_due_ns()
        return due_ns

    @types.coroutine
    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend until an arrival is given to this user; return when it was intended."""
        granted = self._granted
        self._free.append((self._loop.current, number))
        while not granted[number]:
            yield
        intended_ns, granted[number] = granted[number], 0
        return intended_ns

    def drop_overdue(self, now_ns: int) -> tuple[int, int]:
        """Forget the arrivals that are due and not sent; return how many of them were about to be, and how many not.

        Those about to be had a free user, who was only not resumed yet; the others would have gone on waiting for one.
        """
        granted = sum(intended_ns > 0 for intended_ns in self._granted)
        overdue = 0
        while self.take_due(now_ns):
            overdue += 1
        soon = min(overdue, len(self._free))
        return granted + soon, overdue - soon


class ThinkTime:
    """The closed model with a pause: each user thinks between an answer and its next request."""

    __slots__ = ("_loop", "_next_pause_ns")

    def __init__(self, loop: Loop, mean_ns: int, times: ThinkTimes, seed: int) -> None:
        self._loop = loop
        if times == "constant":
            self._next_pause_ns = itertools.repeat(mean_ns).__next__
        else:
            drawn = random.Random(seed)
            pauses = [round(drawn.expovariate(1 / mean_ns)) for _ in range(_DRAWN)]
            self._next_pause_ns = itertools.cycle(pauses).__next__

    def take_due(self, now_ns: int) -> int:
        """Return 0: nobody sends without having thought."""
        return 0

    @types.coroutine
    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend for the time that the user thinks; return when it was over."""
        intended_ns = now_ns + self._next_pause_ns()
        yield from self._loop.sleep_until(intended_ns)
        return intended_ns
