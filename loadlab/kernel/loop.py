"""The event loop: one thread, one epoll, and the one place where tasks are resumed.

Facts about epoll that this file stands on (epoll(7), epoll_wait(2)):

- A socket is registered once, for everything, edge-triggered, and never modified: no epoll_ctl per request. Edge
  rather than level, because a level-triggered descriptor goes back to the ready list after each report and is polled
  again by the next epoll_wait, only to be found empty: 0.3 us of 6.5 us per request.
- An edge is reported once. A task that waits must have read until EAGAIN (or a short read, which means the same), and
  an event for a descriptor that no task waits for is kept until one does.
- The end of a connection may be reported together with the last data, and then it is never reported again; neither
  does a short read say that there is no end behind it. So an event with an end wakes the task and is kept as well.
- A registration is for reading and writing at once, so a wake-up does not say which; nor may an event still belong to
  the descriptor it names, when an earlier task of the batch closed it and a new socket got its number. Hence the rule
  of `tasks`: a task that wakes checks again.
- maxevents is a constant. Sized by the number of registered descriptors, as the selectors module does it, the poll
  itself would become slower with idle connections, which is the very thing being measured.
- Its timeout counts in milliseconds. So deadlines are an `Alarm`'s, a timerfd in the same set; and a
  `Pacer`, which must be as punctual as the clock allows, has the loop poll without waiting over the last stretch.
"""

import select
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, Protocol, TypeVar

from loadlab.kernel.tasks import CancelScope, Task, TaskGroup, suspend
from loadlab.kernel.timers import NEVER_NS, Alarm, TimerQueue

T = TypeVar("T")

# Small enough that what a batch touches stays in the processor's cache: 512 cost 0.9 us more user time per request than
# 64 at 1,000 connections (2.6 against 1.7), and nothing less at 64.
MAX_EVENTS: Final = 64
_FOR_RECEIVING: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_EVERYTHING: Final = _FOR_RECEIVING | select.EPOLLOUT
# The bits of EPOLLERR, EPOLLHUP and EPOLLRDHUP are above these, so that one comparison sees any of them.
_NO_END: Final = select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT
_NOT_ARMED: Final = -1

Thrower = Callable[[], BaseException | None]


class Pacer(Protocol):
    """A schedule that the loop follows beside its timers, to the microsecond."""

    def watch_ns(self, now_ns: int) -> int | None:
        """Return the time from which on the loop must not sleep; None while nothing is due."""

    def release(self, now_ns: int) -> None:
        """Resume what is due at `now_ns`. Called once a turn."""


class Loop:
    """Runs tasks until the main one ends. Created by `run`; every wait is a method of it, so there is no global state.

    `parked` has for each descriptor the task that waits for it, `True` if an event came while none did, or None. The
    hot path parks itself by an assignment to it; all other code uses `wait_event`.
    `batch_ns` is when epoll returned the batch of events that is being processed. `pacer` is asked in each turn.
    """

    __slots__ = ("_alarm", "_armed_ns", "_epoll", "_main_error", "_main_result", "_ready", "batch_ns", "current",
                 "pacer", "parked", "timers")  # fmt: skip

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: deque[tuple[Task, Thrower | None]] = deque()
        self._main_error: BaseException | None = None
        self._main_result: object = None
        self.timers = TimerQueue()
        self.pacer: Pacer | None = None
        self.parked: list[Task | Literal[True] | None] = []
        self.batch_ns = time.monotonic_ns()
        self.current: Task
        self._alarm = Alarm()
        self._armed_ns = _NOT_ARMED  # the time that the alarm is set to, if that is still to come
        self.register(self._alarm.fd)

    def register(self, fd: int, for_sending: bool = True) -> None:
        """Watch `fd` for all events, edge-triggered, until `unregister` or until it is closed.

        Without `for_sending` it is not reported that it can be written to, which for a new connection would be the
        first event. Raises OSError as epoll_ctl(2) does.
        """
        self._epoll.register(fd, _EVERYTHING if for_sending else _FOR_RECEIVING)
        if fd >= len(self.parked):
            self.parked.extend([None] * (fd + 1 - len(self.parked)))
        self.parked[fd] = None

    def watch_sending(self, fd: int) -> None:
        """Watch `fd`, which was registered without `for_sending`, for all events."""
        self._epoll.modify(fd, _EVERYTHING)

    def unregister(self, fd: int) -> None:
        """Stop watching `fd`; to be called before it is closed, so that its number can be used again."""
        self._epoll.unregister(fd)
        self.parked[fd] = None

    async def wait_event(self, fd: int) -> None:
        """Suspend until there is an event on `fd`; return at once if there was one since the last wait."""
        if self.parked[fd] is True:
            self.parked[fd] = None
            return
        task = self.current
        if self.parked[fd] is not None and self.parked[fd] is not task:
            raise RuntimeError(f"two tasks wait for descriptor {fd}: only one would be woken")
        self.parked[fd] = task
        try:
            await suspend()
        finally:
            if self.parked[fd] is task:
                self.parked[fd] = None

    async def sleep_until(self, deadline_ns: int) -> None:
        """Suspend until the monotonic clock reads `deadline_ns`, or a little later: 60 us on an idle core."""
        task = self.current
        timer = self.timers.add(deadline_ns, lambda: self.resume_soon(task))
        try:
            while timer.action is not None:
                await suspend()
        finally:
            timer.cancel()

    async def sleep(self, duration_ns: int) -> None:
        """Suspend for `duration_ns`."""
        await self.sleep_until(time.monotonic_ns() + duration_ns)

    async def yield_now(self) -> None:
        """Let every other ready task run first."""
        self.resume_soon(self.current)
        await suspend()

    def time_scope(self, duration_ns: int) -> CancelScope:
        """Return a scope of the current task that is cancelled after `duration_ns`."""
        return CancelScope(self, time.monotonic_ns() + duration_ns)

    def task_group(self) -> TaskGroup:
        """Return a group whose tasks end before its `async with` block does."""
        return TaskGroup(self)

    def start_task(
        self,
        coroutine: Coroutine[Any, Any, object],
        name: str,
        on_done: Callable[[Task, object, BaseException | None], None],
    ) -> Task:
        """Create a task that runs from the next turn on. Prefer a task group, which waits for its tasks."""
        task = Task(coroutine, name, on_done)
        self.resume_soon(task)
        return task

    def resume_soon(self, task: Task) -> None:
        """Resume `task` in the loop's next turn."""
        self._ready.append((task, None))

    def throw_soon(self, task: Task, thrower: Thrower) -> None:
        """In the next turn raise in `task` what `thrower` returns then, unless it returns None."""
        self._ready.append((task, thrower))

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` and what it starts until it ends; return its result or raise its error."""
        task = self.start_task(main, "main", self._on_main_done)
        self._run_until_done(task)
        if self._main_error is not None:
            raise self._main_error
        return self._main_result  # type: ignore[return-value]  # what `main` returned, kept untyped by Task

    def close(self) -> None:
        """Close the loop's own descriptors."""
        self._epoll.close()
        self._alarm.close()

    def _run_until_done(self, main: Task) -> None:
        """Poll, and run all tasks that this makes ready, again and again. A batch is finished before the next poll.

        One function with local names for what each turn needs: a call for each turn would make it 0.95 us and not 0.78.
        """
        parked, timers, ready, poll, clock = self.parked, self.timers, self._ready, self._epoll.poll, time.monotonic_ns
        while not main.done:
            # Where a server answers one request after the other, nearly each has a turn of its own. So what mostly has
            # not changed since the last turn is not asked for: that was 0.2 us of 1 us for a turn.
            if self.pacer is None and timers.first_ns == self._armed_ns and not ready:
                timeout = None
            else:
                timeout = self._poll_timeout()
            events = poll(timeout, MAX_EVENTS)
            self.batch_ns = batch_ns = clock()
            for fd, event in events:
                task = parked[fd]
                if task is None or task is True:
                    parked[fd] = True
                    continue
                parked[fd] = None if event <= _NO_END else True
                self.current = task
                try:
                    task.send(None)
                except StopIteration as end:
                    self._finish(task, end.value, None)
                except BaseException as error:
                    self._finish(task, None, error)
            # What has become due since is run in the next turn, which the alarm begins at once. So the clock is read
            # once a turn, which saves 0.07 us.
            if timers.first_ns <= batch_ns:
                self._armed_ns = _NOT_ARMED  # the alarm has gone off, or is about to
                timers.run_due(batch_ns)
            if self.pacer is not None:
                self.pacer.release(clock())
            if ready:
                # Only those that are ready now: what they make ready waits for the next turn, after a poll.
                for _ in range(len(ready)):
                    resumed, thrower = ready.popleft()
                    if not resumed.done:
                        self._step(resumed, thrower)

    def _step(self, task: Task, thrower: Thrower | None) -> None:
        self.current = task
        try:
            if thrower is None:
                task.send(None)
            elif (error := thrower()) is not None:
                thrower = None  # it may be a method of the error, whose traceback is about to refer to this frame
                task.coroutine.throw(error)
        except StopIteration as end:
            self._finish(task, end.value, None)
        except BaseException as error:
            self._finish(task, None, error)

    def _finish(self, task: Task, result: object, error: BaseException | None) -> None:
        task.done = True
        task.on_done(task, result, error)

    def _on_main_done(self, task: Task, result: object, error: BaseException | None) -> None:
        self._main_result, self._main_error = result, error

    def _poll_timeout(self) -> int | None:
        """Return 0 to poll without waiting, or None to wait, with the alarm set to the next deadline."""
        if self._ready:
            return 0
        now_ns = time.monotonic_ns()
        wake_ns = self.timers.next_deadline_ns()
        if self.pacer is not None and (watch_ns := self.pacer.watch_ns(now_ns)) is not None:
            wake_ns = watch_ns if wake_ns is None else min(wake_ns, watch_ns)
        if wake_ns is not None:
            if wake_ns <= now_ns:
                return 0
            self._alarm.set(wake_ns)
        self._armed_ns = NEVER_NS if wake_ns is None else wake_ns
        return None


def run(main: Callable[[Loop], Coroutine[Any, Any, T]]) -> T:
    """Run `main(loop)` on a new loop until it ends; return its result or raise its error."""
    loop = Loop()
    try:
        return loop.run(main(loop))
    finally:
        loop.close()
