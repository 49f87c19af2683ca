"""Deadlines that mostly never come: a heap with lazy deletion.

The time is always an argument, so nothing here knows a clock.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

# Below this many a heap of dead entries is not worth clearing.
_FEW: Final = 64


class Timer:
    """One deadline and what to do then; `action` is None once it ran or was cancelled."""

    __slots__ = ("_queue", "action", "deadline_ns")

    def __init__(self, queue: "TimerQueue", deadline_ns: int, action: Callable[[], None]) -> None:
        self._queue = queue
        self.deadline_ns = deadline_ns
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action. Cancelling twice, or after it ran, does nothing."""
        if self.action is not None:
            self.action = None
            self._queue.note_cancelled()


class TimerQueue:
    """Timers in the order of their deadlines; equal deadlines in the order they were added.

    A cancelled timer stays in the heap until it surfaces, or until more than half of the heap is cancelled: with a
    minute's timeout for each of twenty thousand connections a second, waiting for them to surface would keep a million.
    """

    __slots__ = ("_cancelled", "_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._cancelled = 0

    def __len__(self) -> int:
        """How many entries the heap holds, cancelled ones among them."""
        return len(self._heap)

    def add(self, deadline_ns: int, action: Callable[[], None]) -> Timer:
        """Have `action` called by the first `run_due` at or after `deadline_ns`."""
        timer = Timer(self, deadline_ns, action)
        heapq.heappush(self._heap, (deadline_ns, next(self._order), timer))
        return timer

    def next_deadline_ns(self) -> int | None:
        """Return the earliest deadline that still matters, or None."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def run_due(self, now_ns: int) -> None:
        """Call the actions whose deadline is not after `now_ns`; what they add waits for the next call."""
        due: list[Timer] = []
        while (deadline_ns := self.next_deadline_ns()) is not None and deadline_ns <= now_ns:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            # One that an earlier one of these cancelled is in the heap no more.
            action, timer.action = timer.action, None
            if action is not None:
                action()
            else:
                self._cancelled -= 1

    def note_cancelled(self) -> None:
        """Count one more cancelled entry, and clear the heap of them when they are the most of it."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
