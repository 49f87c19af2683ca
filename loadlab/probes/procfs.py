"""What the kernel counted for a group of processes, read from /proc (proc(5)): CPU time, context switches, memory.

User and system time are in clock ticks, 10 ms as a rule, and a server under little load uses less than one. So the
total is that of the process's CPU clock, and the ticks only divide it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from loadlab.probes.open_files import count_open
from loadlab.processes.proc import PROC, read_cpu_clock, read_rss_bytes, read_stat
from loadlab.results.probe_data import ProcessState, ProcessUsage


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """One process at one moment. The CPU times include those of children that it has waited for.

    User and system time are whole ticks; `exact_cpu_ns` is both together by the CPU clock, without such children.
    `started_ticks`, since boot, distinguishes it from an earlier one with the same pid. `exact_cpu_ns` and
    `open_descriptors` are None where the kernel does not report them, the latter also where counting would take too
    long (open_files.py).
    """

    cpu_user_ns: int
    cpu_system_ns: int
    voluntary_switches: int
    involuntary_switches: int
    run_queue_wait_ns: int
    threads: int
    rss_bytes: int
    started_ticks: int
    open_descriptors: int | None = None
    exact_cpu_ns: int | None = None

    @property
    def cpu_ns(self) -> int:
        """User and system time together, as exact as it is known."""
        return self.cpu_user_ns + self.cpu_system_ns if self.exact_cpu_ns is None else self.exact_cpu_ns


@dataclass(frozen=True, slots=True)
class GroupReading:
    """A group of processes at one moment; `processes` by pid."""

    time_ns: int
    processes: dict[int, ProcessReading]

    @property
    def threads(self) -> int:
        """The threads of all of them."""
        return sum(reading.threads for reading in self.processes.values())

    @property
    def rss_bytes(self) -> int:
        """Their memory, what they share counted for each."""
        return sum(reading.rss_bytes for reading in self.processes.values())

    @property
    def open_descriptors(self) -> int | None:
        """Their descriptors; None if that of any is not known."""
        known = [count for each in self.processes.values() if (count := each.open_descriptors) is not None]
        return sum(known) if len(known) == len(self.processes) else None

    def only(self, pid: int) -> Self:
        """Return the reading of one process of the group."""
        return replace(self, processes={key: value for key, value in self.processes.items() if key == pid})


def read_group(pids: Iterable[int], time_ns: int, proc: Path = PROC) -> GroupReading:
    """Read the counters of `pids` at monotonic time `time_ns`; processes that are gone are left out."""
    readings = {pid: reading for pid in pids if (reading := read_process(pid, proc)) is not None}
    return GroupReading(time_ns, readings)


def read_process(
    pid: int, proc: Path = PROC, read_clock: Callable[[int], int | None] = read_cpu_clock
) -> ProcessReading | None:
    """Read one process with all its threads, or None if it is gone."""
    clock_ns = read_clock(pid)
    stat = read_stat(pid, proc)
    rss_bytes = read_rss_bytes(pid, proc)
    if stat is None or rss_bytes is None:
        return None
    try:
        # Switches and waits are counted per thread; the process's own files report those of its first one only.
        threads = [_read_thread(task) for task in (proc / str(pid) / "task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return None
    of_children_ns = stat.children_user_ns + stat.children_system_ns
    return ProcessReading(
        cpu_user_ns=stat.user_ns + stat.children_user_ns,
        cpu_system_ns=stat.system_ns + stat.children_system_ns,
        voluntary_switches=sum(thread.voluntary_switches for thread in threads),
        involuntary_switches=sum(thread.involuntary_switches for thread in threads),
        run_queue_wait_ns=sum(thread.run_queue_wait_ns for thread in threads),
        threads=stat.threads,
        rss_bytes=rss_bytes,
        started_ticks=stat.started_ticks,
        open_descriptors=count_open(pid, proc),
        exact_cpu_ns=None if clock_ns is None else clock_ns + of_children_ns,
    )


def state_of(reading: GroupReading) -> ProcessState:
    """Return what the group had at that moment."""
    return ProcessState(
        processes=len(reading.processes),
        threads=reading.threads,
        rss_bytes=reading.rss_bytes,
        open_descriptors=reading.open_descriptors,
    )


def usage_between(start: GroupReading, end: GroupReading) -> ProcessUsage:
    """Return what the group used between two readings.

    A process that started in between counts from zero; one that ended in between counts in the parent that waited for
    it. What the group has, such as memory, is that of the end.
    """
    voluntary, involuntary = (_difference(start, end, f"{kind}_switches") for kind in ("voluntary", "involuntary"))
    user_ns, system_ns = _divide(
        _difference(start, end, "cpu_ns"),
        _difference(start, end, "cpu_user_ns"),
        _difference(start, end, "cpu_system_ns"),
    )
    return ProcessUsage(
        processes=len(end.processes),
        threads=end.threads,
        rss_bytes=end.rss_bytes,
        open_descriptors=end.open_descriptors,
        cpu_user_ns=user_ns,
        cpu_system_ns=system_ns,
        context_switches=voluntary + involuntary,
        involuntary_switches=involuntary,
        run_queue_wait_ns=_difference(start, end, "run_queue_wait_ns"),
        window_ns=end.time_ns - start.time_ns,
    )


def total_use(usages: Sequence[ProcessUsage]) -> ProcessUsage:
    """Return what a group used over several stretches, at least one; what it has is that of the last."""
    summed = (
        "cpu_user_ns",
        "cpu_system_ns",
        "context_switches",
        "involuntary_switches",
        "run_queue_wait_ns",
        "window_ns",
    )
    return usages[-1].model_copy(update={name: sum(getattr(usage, name) for usage in usages) for name in summed})


def ended_between(start: GroupReading, end: GroupReading) -> int:
    """Return how many processes of the first reading have ended by the second, even if another has their pid now."""
    return sum(not _is_still_there(pid, start, end) for pid in start.processes)


def _difference(start: GroupReading, end: GroupReading, counter: str) -> int:
    return sum(
        getattr(reading, counter) - (getattr(start.processes[pid], counter) if _is_still_there(pid, start, end) else 0)
        for pid, reading in end.processes.items()
    )


def _divide(cpu_ns: int, user_ticks_ns: int, system_ticks_ns: int) -> tuple[int, int]:
    """Return the user and the system part of a CPU time; without a tick all is user time, as in the kernel."""
    ticks_ns = user_ticks_ns + system_ticks_ns
    system_ns = cpu_ns * system_ticks_ns // ticks_ns if ticks_ns else 0
    return cpu_ns - system_ns, system_ns


def _is_still_there(pid: int, start: GroupReading, end: GroupReading) -> bool:
    before, now = start.processes.get(pid), end.processes.get(pid)
    return before is not None and now is not None and before.started_ticks == now.started_ticks


@dataclass(frozen=True, slots=True)
class _Thread:
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    run_queue_wait_ns: int = 0


def _read_thread(task: Path) -> _Thread:
    try:
        status = (task / "status").read_text(encoding="utf-8", errors="replace")
        # Time on a core, time waiting for one, number of time slices (the kernel's
        # Documentation/scheduler/sched-stats).
        waited_ns = (task / "schedstat").read_text(encoding="ascii").split()[1] if (task / "schedstat").exists() else 0
    except (FileNotFoundError, ProcessLookupError):
        return _Thread()  # it has ended since it was listed; the process goes on
    counted = dict(line.partition(":")[::2] for line in status.splitlines())
    return _Thread(
        # Some sandboxes leave them out.
        voluntary_switches=int(counted.get("voluntary_ctxt_switches", 0)),
        involuntary_switches=int(counted.get("nonvoluntary_ctxt_switches", 0)),
        run_queue_wait_ns=int(waited_ns),
    )
