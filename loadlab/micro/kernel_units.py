"""What the operating system switches between, threads and processes: how they pass a turn, and how many are kept alive.

Both are measured on one core (`worker.undisturbed`). Threads hand on a lock, the cheapest thing that CPython can
block on; its interpreter lock changes hands too, as it does in any server with threads, and so the kernel counts three
context switches a turn. Processes pass a byte through a pipe: one context switch a turn, hence they can be cheaper.
"""

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from itertools import repeat
from time import perf_counter_ns
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.micro.units import Weigh

_SWITCHES: Final = 2_000
_BYTE: Final = b"."


class Threads:
    """Threads of this process."""

    plural = "threads"
    most = 2_000
    switches = _SWITCHES

    def pass_turns(self, switches: int) -> int:
        """Have two threads wait for each other in turn: each round is two switches."""
        rounds = switches // 2
        ours, theirs = threading.Lock(), threading.Lock()
        ours.acquire()
        theirs.acquire()

        def answer() -> None:
            for _ in repeat(None, rounds):
                theirs.acquire()
                ours.release()

        # A daemon, lest an interrupted measurement wait for its answer for ever.
        partner = threading.Thread(target=answer, daemon=True)
        partner.start()
        start_ns = perf_counter_ns()
        for _ in repeat(None, rounds):
            theirs.release()
            ours.acquire()
        passed_ns = perf_counter_ns() - start_ns
        partner.join()
        return passed_ns

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        """Weigh while `count` threads wait for one lock. Raises LoadlabError."""
        end = threading.Lock()
        running = threading.Semaphore(0)

        def wait_for_end() -> None:
            running.release()
            with end:
                pass

        # `end` is released before the joins.
        with ExitStack() as joins, end:
            for number in range(count):
                thread = threading.Thread(target=wait_for_end)
                try:
                    thread.start()
                except RuntimeError as error:  # no more specific than that
                    raise _refused(number, count, self.plural) from error
                joins.callback(thread.join)
            for _ in range(count):
                running.acquire()
            return weigh(())


class Processes:
    """Children made by fork, which share all memory with this process until one of them writes to it."""

    plural = "processes"
    most = 200
    switches = _SWITCHES

    def pass_turns(self, switches: int) -> int:
        """Have two processes ask and answer: each round is two switches. Raises LoadlabError if none can be made."""
        rounds = switches // 2
        with _Children() as children:
            asked, asking = children.open_pipe_to()
            answers, answering = children.open_pipe_from()

            def answer() -> None:
                os.close(asking)
                while os.read(asked, 1):
                    os.write(answering, _BYTE)

            children.fork(1, answer, self.plural)
            start_ns = perf_counter_ns()
            for _ in repeat(None, rounds):
                os.write(asking, _BYTE)
                os.read(answers, 1)
            return perf_counter_ns() - start_ns

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        """Weigh while `count` processes wait for the end of one pipe. Raises LoadlabError."""
        with _Children() as children:
            ended, ending = children.open_pipe_to()
            running, announcing = children.open_pipe_from()

            def wait_for_end() -> None:
                os.close(ending)
                os.write(announcing, _BYTE)
                os.close(announcing)
                os.read(ended, 1)

            children.fork(count, wait_for_end, self.plural)
            for _ in range(count):
                if not os.read(running, 1):
                    raise LoadlabError("a process was killed before its memory could be measured; set a smaller count")
            return weigh(children.pids)


class _Children:
    """Forked processes that end when the pipes to them do; leaving the `with` block closes those and reaps them all.

    Our copies of their ends are closed once they are forked, so that a child that dies ends the pipe from it.
    """

    def __init__(self) -> None:
        self.pids: list[int] = []
        self._ours = ExitStack()
        self._theirs = ExitStack()

    def __enter__(self) -> "_Children":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._theirs.close()
        self._ours.close()
        for pid in self.pids:
            os.waitpid(pid, 0)

    def open_pipe_to(self) -> tuple[int, int]:
        """Return (their end to read from, our end to write to). A child has to close its copy of ours."""
        reading, writing = os.pipe()
        self._theirs.callback(os.close, reading)
        self._ours.callback(os.close, writing)
        return reading, writing

    def open_pipe_from(self) -> tuple[int, int]:
        """Return (our end to read from, their end to write to)."""
        reading, writing = os.pipe()
        self._ours.callback(os.close, reading)
        self._theirs.callback(os.close, writing)
        return reading, writing

    def fork(self, count: int, run: Callable[[], None], plural: str) -> None:
        """Make `count` children that call `run` and end. Raises LoadlabError."""
        for number in range(count):
            try:
                pid = os.fork()
            except OSError as error:
                raise _refused(number, count, plural) from error
            if pid == 0:
                try:
                    run()
                finally:
                    os._exit(0)  # the rest of this program is the parent's
            self.pids.append(pid)
        self._theirs.close()


def _refused(made: int, count: int, plural: str) -> LoadlabError:
    return LoadlabError(f"the system allowed only {made:,} of {count:,} {plural}; set a smaller count")
