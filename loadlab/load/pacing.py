"""When a user may send its next request: by a schedule (open model), or after a pause (closed model).

A user without pacing sends at once. All users are silent while the gate of their worker is closed.
"""

import itertools
import sys
import time
import types
from collections import deque
from collections.abc import Generator, Iterator
from typing import Final, Protocol

import numpy as np

from loadlab.kernel.loop import Loop
from loadlab.kernel.tasks import Task, suspend
from loadlab.load.schedule import Seed, ThinkTimes

_NEVER: Final = sys.maxsize
_REVOKED: Final = -1
# Pauses that are drawn at once, in 0.1 ms.
_DRAWN: Final = 1024


class Pacing(Protocol):
    """When a user sends next: the time that the request is intended for, from which its response time counts.

    `needs_connection` says that only users with a connection wait for their turn.
    """

    needs_connection: bool

    def take_due(self, now_ns: int) -> int:
        """Take the next request if it is due at `now_ns`: return when it was intended. Else return 0."""

    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend user `number`, whose last request ended at `now_ns`, until one is due; return when that was."""


class Gate:
    """Where the users of a worker wait between its windows; closed at first.

    `shut` is a list that is empty while the gate is open: its truth value is the cheapest test that the hot path can
    make before each request. `moves` is how many times it was opened or closed.
    """

    __slots__ = ("_loop", "_silent_ns", "_since_ns", "_waiting", "_waiting_for_end", "moves", "shut")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._since_ns = time.monotonic_ns()  # when it was opened or closed last
        self._silent_ns = 0
        self._waiting: dict[Task, None] = {}  # a set in the order of coming
        self._waiting_for_end: dict[Task, None] = {}
        self.shut = [True]
        self.moves = 0

    @property
    def closed(self) -> bool:
        """Whether `wait` suspends."""
        return bool(self.shut)

    def silent_ns(self) -> int:
        """Return for how long it has been closed so far, in total."""
        return self._silent_ns + (time.monotonic_ns() - self._since_ns if self.shut else 0)

    def open(self) -> None:
        """Resume all tasks that wait, in the order in which they came."""
        if self.shut:
            now_ns = time.monotonic_ns()
            self._silent_ns += now_ns - self._since_ns
            self._since_ns = now_ns
            self.moves += 1
            self.shut.clear()
            for task in self._waiting:
                self._loop.resume_soon(task)

    def close(self) -> None:
        """Let no user begin a request any more. Those under way go on until they are answered."""
        if not self.shut:
            self._since_ns = time.monotonic_ns()
            self.moves += 1
            self.shut.append(True)
            for task in self._waiting_for_end:
                self._loop.resume_soon(task)

    @types.coroutine
    def wait(self) -> Generator[None, None, None]:
        """Suspend the current task until the gate is open; return at once if it is."""
        task = self._loop.current
        try:
            while self.shut:
                self._waiting[task] = None
                yield
        finally:
            self._waiting.pop(task, None)

    async def wait_closed(self) -> None:
        """Suspend the current task until the gate is closed; return at once if it is."""
        task = self._loop.current
        try:
            while not self.shut:
                self._waiting_for_end[task] = None
                await suspend()
        finally:
            self._waiting_for_end.pop(task, None)


class Agenda:
    """The open model: requests arrive by a schedule, and any free user takes the next. Also the loop's `Pacer`.

    An arrival that finds no user free waits, in order, until one is: the queue is simply the rest of the schedule.
    Outside of a window, which lasts from `begin` to `drop_overdue`, there are no arrivals, and all users wait.
    """

    __slots__ = ("_due_ns", "_free", "_granted", "_last_ns", "_loop", "_next_due_ns", "_spin_ns")

    needs_connection = True

    def __init__(self, loop: Loop, users: int, spin_ns: int) -> None:
        """The loop does not sleep for `spin_ns` before each arrival and after it was sent."""
        self._loop = loop
        self._due_ns = _NEVER
        self._last_ns = 0  # the arrival that was sent last
        self._spin_ns = spin_ns
        self._free: deque[tuple[Task, int]] = deque()
        self._granted = [0] * users

    def begin(self, times_ns: Iterator[int]) -> None:
        """Let requests arrive at these times of the monotonic clock, in order, in place of all that were to come."""
        self._next_due_ns = itertools.chain(times_ns, itertools.repeat(_NEVER)).__next__
        self._due_ns = self._next_due_ns()

    def watch_ns(self, now_ns: int) -> int | None:
        """Return the time from which on the loop must not sleep: before the next arrival, and for a while after one.

        Waking up takes tens of microseconds, which would count as the server's time. None if no user is free for the
        next arrival, or there is none.
        """
        if now_ns < self._last_ns + self._spin_ns and len(self._free) < len(self._granted):
            return now_ns
        return self._due_ns - self._spin_ns if self._free and self._due_ns != _NEVER else None

    def release(self, now_ns: int) -> None:
        """Give the arrivals that are due to free users, the longest free first, so that all connections are used."""
        while self._due_ns <= now_ns and self._free:
            task, number = self._free.popleft()
            self._granted[number] = self._last_ns = self._due_ns
            self._due_ns = self._next_due_ns()
            self._loop.resume_soon(task)

    def take_due(self, now_ns: int) -> int:
        """Take the next request if it is due at `now_ns`: return when it was intended. Else return 0."""
        due_ns = self._due_ns
        if due_ns > now_ns:
            return 0
        self._last_ns, self._due_ns = due_ns, self._next_due_ns()
        return due_ns

    @types.coroutine
    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend until an arrival is given to this user; return when it was intended."""
        granted, me = self._granted, (self._loop.current, number)
        self._free.append(me)
        while (intended_ns := granted[number]) <= 0:
            if intended_ns == _REVOKED:
                granted[number] = 0
                self._free.append(me)
            yield
        granted[number] = 0
        return intended_ns

    @property
    def granted(self) -> int:
        """How many arrivals were given to users that are not resumed yet."""
        return sum(intended_ns > 0 for intended_ns in self._granted)

    def drop_overdue(self, now_ns: int) -> tuple[list[int], int]:
        """End the arrivals until the next `begin`, and forget those that are due and not sent.

        Return the users that were about to send one of them, and how many there were beside. Each of the former had
        been given one, or was free and about to be; the latter would have gone on waiting for a free user.
        """
        about_to_send = [number for number, intended_ns in enumerate(self._granted) if intended_ns > 0]
        for number in about_to_send:
            self._granted[number] = _REVOKED
        overdue = 0
        while self.take_due(now_ns):
            overdue += 1
        self._due_ns = _NEVER
        free = [number for _, number in itertools.islice(self._free, overdue)]
        return about_to_send + free, overdue - len(free)


class ThinkTime:
    """The closed model with think time: each user pauses between an answer and its next request.

    Only time in which the gate is open counts: what is left of a pause when a window ends is spent in the next one. So
    users do not all send at once when the gate opens, and the rate does not depend on how long windows are.
    """

    __slots__ = ("_gate", "_loop", "_next_pause_ns")

    needs_connection = False

    def __init__(self, loop: Loop, gate: Gate, mean_ns: int, times: ThinkTimes, seed: Seed) -> None:
        self._loop = loop
        self._gate = gate
        if times == "constant":
            self._next_pause_ns = itertools.repeat(mean_ns).__next__
        else:
            self._next_pause_ns = itertools.chain.from_iterable(_exponential_rows(mean_ns, seed)).__next__

    def take_due(self, now_ns: int) -> int:
        """Return 0: no user sends without a pause."""
        return 0

    @types.coroutine
    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend for the think time; return when it was over."""
        gate = self._gate
        intended_ns, silent_ns = now_ns + self._next_pause_ns(), gate.silent_ns()
        while True:
            yield from self._loop.sleep_until(intended_ns)
            yield from gate.wait()
            missed_ns = gate.silent_ns() - silent_ns
            if not missed_ns:
                return intended_ns
            intended_ns, silent_ns = intended_ns + missed_ns, silent_ns + missed_ns


class Allowance:
    """A number of requests that all users of a worker share, each as long as there are any left; the closed model.

    Within a window, from `begin` to `end`, there are as many as it says; before, in a warm-up, any number. A user that
    finds none left waits for the next window. `thinking` is the pause before each request, if there is one.
    """

    __slots__ = ("_left", "_loop", "_measures", "_thinking", "_users", "_waiting", "_watcher")

    needs_connection = False

    def __init__(self, loop: Loop, users: int, thinking: ThinkTime | None = None) -> None:
        self._loop = loop
        self._users = users
        self._thinking = thinking
        self._left = 0
        self._measures = False
        self._waiting: dict[Task, None] = {}  # a set in the order of coming
        self._watcher: Task | None = None

    def begin(self, requests: int | None) -> None:
        """Allow so many requests from now on, or None for any number."""
        self._measures = requests is not None
        self._left = _NEVER if requests is None else max(requests, 0)
        if self._left:
            for task in self._waiting:
                self._loop.resume_soon(task)
        self._wake_watcher()

    def end(self) -> None:
        """Allow none any more."""
        self._left = 0

    @property
    def used_up(self) -> bool:
        """Whether all requests that a window allows have ended: each of their users has come for another one."""
        return self._measures and not self._left and len(self._waiting) == self._users

    async def wait_used_up(self) -> None:
        """Suspend until it is used up. One task may do so at a time."""
        self._watcher = self._loop.current
        try:
            while not self.used_up:
                await suspend()
        finally:
            self._watcher = None

    def take_due(self, now_ns: int) -> int:
        """Take a request, if one is left and no pause comes before it: return `now_ns`. Else return 0."""
        if self._left and self._thinking is None:
            self._left -= 1
            return now_ns
        return 0

    @types.coroutine
    def wait_turn(self, number: int, now_ns: int) -> Generator[None, None, int]:
        """Suspend for the pause, if there is one, and until a request is left; return when that was."""
        if self._thinking is not None and self._left:
            now_ns = yield from self._thinking.wait_turn(number, now_ns)
        if not self._left:
            task = self._loop.current
            self._waiting[task] = None
            self._wake_watcher()
            try:
                while not self._left:
                    yield
            finally:
                del self._waiting[task]
            now_ns = time.monotonic_ns()
        self._left -= 1
        return now_ns

    def _wake_watcher(self) -> None:
        if self._watcher is not None and self.used_up:
            self._loop.resume_soon(self._watcher)


def _exponential_rows(mean_ns: int, seed: Seed) -> Iterator[list[int]]:
    random = np.random.default_rng(seed)
    while True:
        yield np.rint(random.exponential(mean_ns, _DRAWN)).astype(np.int64).tolist()
