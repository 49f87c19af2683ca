"""Deadlines that mostly never come: a heap with lazy deletion.

The time is always an argument, so nothing here knows a clock.
"""

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """One deadline and what to do then. After `cancel()` its entry in the heap is skipped when it surfaces."""

    __slots__ = ("action", "deadline_ns")

    def __init__(self, deadline_ns: int, action: Callable[[], None]) -> None:
        self.deadline_ns = deadline_ns
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action. Cancelling twice, or after it ran, does nothing."""
        self.action = None


class TimerQueue:
    """Timers in the order of their deadlines; equal deadlines in the order they were added."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = count()

    def add(self, deadline_ns: int, action: Callable[[], None]) -> Timer:
        """Have `action` called by the first `run_due` at or after `deadline_ns`."""
        timer = Timer(deadline_ns, action)
        heapq.heappush(self._heap, (deadline_ns, next(self._order), timer))
        return timer

    def next_deadline_ns(self) -> int | None:
        """Return the earliest deadline that still matters, or None."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run_due(self, now_ns: int) -> None:
        """Call the actions whose deadline is not after `now_ns`; what they add waits for the next call."""
        due: list[Timer] = []
        while self._heap and self._heap[0][0] <= now_ns:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            action, timer.action = timer.action, None
            if action is not None:
                action()
