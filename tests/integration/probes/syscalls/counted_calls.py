"""A program that makes a known number of system calls when it is triggered; run by the tests, not a test itself.

It takes `alone`, `threads` or `forks`, writes `ready`, and for each line that it is sent works a round and writes
`done`. In a round of `alone` it makes the calls of `work` once; of the other two three times: in a thread or process
that was there from the beginning, and in two new ones. It waits with calls that `work` does not make.
"""

import os
import select
import sys
import threading
from collections.abc import Callable

GETPPID, READ_ZERO, READ_IN_VAIN, WAITS_WITH_EVENTS, WAITS_IN_VAIN, EVENTS = 1000, 500, 100, 50, 20, 8


class Workplace:
    """The descriptors that the calls are made on, opened beforehand."""

    def __init__(self) -> None:
        self.zero = os.open("/dev/zero", os.O_RDONLY)
        self.empty, self.empty_writer = os.pipe()
        os.set_blocking(self.empty, False)
        self.busy_epoll, self.idle_epoll = select.epoll(), select.epoll()
        for _ in range(EVENTS):
            reader, writer = os.pipe()
            os.write(writer, b"x")
            self.busy_epoll.register(reader, select.EPOLLIN)

    def work(self) -> None:
        for _ in range(GETPPID):
            os.getppid()
        for _ in range(READ_ZERO):
            os.read(self.zero, 1)
        for _ in range(READ_IN_VAIN):
            try:
                os.read(self.empty, 1)
            except BlockingIOError:
                continue
        for _ in range(WAITS_WITH_EVENTS):
            self.busy_epoll.poll(0)
        for _ in range(WAITS_IN_VAIN):
            self.idle_epoll.poll(0)


class Worker:
    """Works a round whenever a byte comes, and answers with one; in a thread or a process of its own."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.orders, self.order = os.pipe()
        self.answers, self.answer = os.pipe()

    def serve(self) -> None:
        while receive(self.orders):
            self.work()
            os.write(self.answer, b"x")

    def work_a_round(self) -> None:
        os.write(self.order, b"x")
        receive(self.answers)


def receive(descriptor: int) -> int:
    return os.readv(descriptor, [bytearray(64)])


def fork(function: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        function()
        os._exit(0)
    return pid


def work_in_threads(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def work_in_children(work: Callable[[], None]) -> None:
    for pid in [fork(work) for _ in range(2)]:
        os.waitpid(pid, 0)


def main() -> None:
    (kind,) = sys.argv[1:]
    workplace = Workplace()
    old = Worker(workplace.work)
    if kind == "threads":
        threading.Thread(target=old.serve, daemon=True).start()
    elif kind == "forks":
        fork(old.serve)
    os.write(1, b"ready\n")
    while receive(0):
        if kind == "alone":
            workplace.work()
        else:
            old.work_a_round()
            (work_in_threads if kind == "threads" else work_in_children)(workplace.work)
        os.write(1, b"done\n")


if __name__ == "__main__":
    main()
