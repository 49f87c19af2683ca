"""`user.thread(f, ...)`: calls that block, in a few threads beside the loop.

The threads are made when they are needed. They put what a call returned aside and wake the loop by an eventfd, so the
loop waits for them as for any other descriptor.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, ParamSpec, TypeVar

from loadlab.kernel import Loop, Task, suspend

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS: Final = 8


class Threads:
    """A pool of at most `most` threads. Calls beyond wait for their turn, in the order of their coming."""

    def __init__(self, loop: Loop, most: int = MOST_THREADS) -> None:
        self._loop = loop
        self._most = most
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._done: deque[_Call[Any]] = deque()
        self._started = self._under_way = 0
        self._wakeup = -1
        self._guards_wakeup = threading.Lock()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, or raise what it raises.

        If the task is cancelled meanwhile, a call that has begun goes on, and what it returns is dropped.
        """
        call = _Call(lambda: function(*args, **kwargs), self._loop.current)
        self._submit(call)
        try:
            while not call.done:
                await suspend()
        finally:
            call.task = None
        return call.take()

    def close(self) -> None:
        """Let the threads end. Never waits: one in the middle of a call ends with the process, if not before."""
        if self._wakeup < 0:
            return
        for _ in range(self._started):
            self._calls.put(None)
        with self._guards_wakeup:  # its number is soon another file's
            self._loop.unregister(self._wakeup)
            os.close(self._wakeup)
            self._wakeup = -1

    def _submit(self, call: "_Call[Any]") -> None:
        if self._wakeup < 0:
            self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._loop.register(self._wakeup, for_sending=False)
            self._loop.start_task(self._resume_callers(), "results of threads", _raise_bug)
        self._under_way += 1
        self._calls.put(call)
        if self._started < min(self._under_way, self._most):
            self._started += 1
            threading.Thread(target=self._work, name=f"scenario {self._started}", daemon=True).start()

    async def _resume_callers(self) -> None:
        while True:
            await self._loop.wait_event(self._wakeup)
            os.eventfd_read(self._wakeup)
            while self._done:
                call = self._done.popleft()
                self._under_way -= 1
                if call.task is not None:
                    call.done = True
                    self._loop.resume_soon(call.task)

    def _work(self) -> None:
        """Carry out one call after the other, in a thread of its own."""
        while (call := self._calls.get()) is not None:
            if call.task is not None:
                call.carry_out()
            self._done.append(call)
            del call
            with self._guards_wakeup:
                if self._wakeup < 0:
                    return
                os.eventfd_write(self._wakeup, 1)


class _Call(Generic[T]):
    """One call: by which task, None once that does not wait for it any more, and what came of it."""

    __slots__ = ("_error", "_function", "_result", "done", "task")

    def __init__(self, function: Callable[[], T], task: Task) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._result: T
        self.task: Task | None = task
        self.done = False

    def carry_out(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self._error = error

    def take(self) -> T:
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # it would hold itself by its traceback, and nothing collects cycles while measuring


def _raise_bug(task: Task, result: object, error: BaseException | None) -> None:
    if error is not None:
        raise error
