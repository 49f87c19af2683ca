"""How long the threads of a group of processes ran, on which cores, and waited for one (proc(5), sched-stats).

/proc/PID/task/TID/schedstat has the time that a thread has run and the time that it was ready to run and had no core;
its stat has the core that it ran on last. So the time that it ran between two readings is taken to have been on the
core of the later one: the more readings, the nearer to the truth. A reading takes 0.04 ms for each thread that has run.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from loadlab.processes.proc import PROC, read_last_core

_MOST_IN_BETWEEN: Final = 64
_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class ThreadUse:
    """How long one thread, by its pid and its own number, ran, by core, and how long it waited for one, in ns."""

    thread: tuple[int, int]
    ran_ns: Mapping[int, int]
    waited_ns: int


def total_of_threads(stretches: Iterable[Iterable[ThreadUse]]) -> tuple[ThreadUse, ...]:
    """Return the use of each thread over several stretches together."""
    ran: dict[tuple[int, int], Counter[int]] = {}
    waited: Counter[tuple[int, int]] = Counter()
    for use in chain.from_iterable(stretches):
        ran.setdefault(use.thread, Counter()).update(use.ran_ns)
        waited[use.thread] += use.waited_ns
    return tuple(ThreadUse(thread, dict(by_core), waited[thread]) for thread, by_core in ran.items())


class WatchedThreads:
    """The threads of a group of processes, from the first reading to the last; of thousands of them, none."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._threads: dict[tuple[int, int], _Thread] = {}
        self._too_many = False

    def read_first(self, pids: Collection[int]) -> None:
        """Note how long each thread has run and waited before."""
        for thread, ran_ns, waited_ns in self._list_times(pids):
            self._threads[thread] = _Thread(ran_ns, waited_ns, waited_ns)

    def read_in_between(self, pids: Collection[int]) -> None:
        """Take a reading, unless there are so many threads that it would disturb what is measured."""
        if len(self._threads) <= _MOST_IN_BETWEEN:
            self.read(pids)

    def read(self, pids: Collection[int]) -> None:
        """Take a reading. A thread that is new counts from its start."""
        for thread, ran_ns, waited_ns in self._list_times(pids):
            known = self._threads.setdefault(thread, _Thread())
            if ran_ns > known.ran_ns and (core := read_last_core(*thread, self._proc)) is not None:
                known.by_core[core] = known.by_core.get(core, 0) + ran_ns - known.ran_ns
                known.ran_ns = ran_ns
            known.waited_ns = waited_ns

    def uses(self) -> tuple[ThreadUse, ...]:
        """Return the use of each thread that ran or waited; of none where it is not known."""
        if self._too_many:
            return ()
        return tuple(
            ThreadUse(name, thread.by_core, thread.waited_ns - thread.waited_before_ns)
            for name, thread in self._threads.items()
            if thread.by_core or thread.waited_ns > thread.waited_before_ns
        )

    def _list_times(self, pids: Collection[int]) -> list[tuple[tuple[int, int], int, int]]:
        """Return ((pid, thread), time that it has run, time that it has waited); without those that have ended."""
        threads = [(pid, task) for pid in pids for task in self._list_tasks(pid)]
        self._too_many = self._too_many or len(threads) > _MOST
        found = []
        for pid, task in [] if self._too_many else threads:
            try:
                ran, waited, _slices = (task / "schedstat").read_text(encoding="ascii").split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.append(((pid, int(task.name)), int(ran), int(waited)))
        return found

    def _list_tasks(self, pid: int) -> list[Path]:
        try:
            return [*(self._proc / str(pid) / "task").iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            return []


@dataclass(slots=True)
class _Thread:
    """What is known of a thread: the times at the last reading, and what it waited before the first."""

    ran_ns: int = 0
    waited_ns: int = 0
    waited_before_ns: int = 0
    by_core: dict[int, int] = field(default_factory=dict)
