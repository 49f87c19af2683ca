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
from loadlab.load.arrivals import ThinkTimes

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

    __slots__ = ("_due_ns", "_free", "_granted", "_loop", "_next_due_ns", "_spin_ns")

    def __init__(self, loop: Loop, users: int, spin_ns: int) -> None:
        """Over the last `spin_ns` before an arrival the loop does not sleep. Nothing arrives before `begin`."""
        self._loop = loop
        self._due_ns = _NEVER
        self._spin_ns = spin_ns
        self._free: deque[tuple[Task, int]] = deque()
        self._granted = [0] * users

    def begin(self, times_ns: Iterator[int]) -> None:
        """Let requests arrive at these times of the monotonic clock, in order."""
        self._next_due_ns = itertools.chain(times_ns, itertools.repeat(_NEVER)).__next__
        self._due_ns = self._next_due_ns()

    @property
    def watch_ns(self) -> int | None:
        """When the loop has to begin to watch the clock; None if nobody is free or nothing will come."""
        return self._due_ns - self._spin_ns if self._free and self._due_ns != _NEVER else None

    def release(self, now_ns: int) -> None:
        """Give the arrivals that are due to those who are free, the longest free first: all connections are used."""
        while self._due_ns <= now_ns and self._free:
            task, number = self._free.popleft()
            self._granted[number] = self._due_ns
            self._due_ns = self._next_due_ns()
            self._loop.resume_soon(task)

    def take_due(self, now_ns: int) -> int:
        """Return when the next request was intended if that is not after `now_ns`; it is the caller's then. Else 0."""
        due_ns = self._due_ns
        if due_ns > now_ns:
            return 0
        self._due_ns = self._next_due_ns()
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

    def drop_overdue(self, now_ns: int) -> int:
        """Forget the arrivals that are due and that nobody has sent; return how many there were."""
        dropped = sum(intended_ns > 0 for intended_ns in self._granted)
        while self.take_due(now_ns):
            dropped += 1
        return dropped


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
