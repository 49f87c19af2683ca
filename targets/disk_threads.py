"""A few threads for calls that block: files on disk, SQLite, connecting to PostgreSQL.

A regular file is never "not ready": epoll refuses to watch it, and a non-blocking read() of it waits for the disk all
the same. So some thread has to wait for it. Node.js, nginx (`aio threads`) and this do it in a few threads beside
the loop. Few, because a thread waits for one call only, and most disks do not become faster by a longer queue.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue

from waits import LoopSteps, WakeUp

_Task = tuple[Callable[[], object], Future[object], Callable[[], None]]
"""What to call, where its result belongs, and how to wake who waits for it."""


class DiskThreads:
    """At most `threads` calls at a time, the others in the order they came; `fd` turns readable when some are over.

    The first call starts the threads. They are daemons: a call that still blocks does not keep the server from ending.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._started = False
        self._to_do: SimpleQueue[_Task] = SimpleQueue()
        self._to_wake: deque[Callable[[], None]] = deque()
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def call(self, function: Callable[[], object]) -> LoopSteps[object]:
        """Have a thread call `function`; return what it returns, or raise what it raises."""
        if not self._started:
            self._start()
        future: Future[object] = Future()
        yield WakeUp(lambda wake: self._to_do.put((function, future, wake)))
        return future.result()

    def wake_waiters(self) -> None:
        """Wake those whose calls are over; to be called in the loop's thread when `fd` is readable, or for nothing."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)  # before looking: a call that ends meanwhile makes it readable again
        while self._to_wake:
            self._to_wake.popleft()()

    def _start(self) -> None:
        self._started = True
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"disk-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            function, future, wake = self._to_do.get()
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)  # to be raised where the result is waited for
            self._to_wake.append(wake)
            os.eventfd_write(self.fd, 1)
