"""What the kernel counted for a group of processes, read from /proc (proc(5)): CPU time, context switches, memory.

User and system time come in clock ticks, 10 ms as a rule, and a server that answers little uses less than one. So how
much CPU time there was in all is read off the process's own CPU clock, and the ticks only tell how it divides.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from loadlab.probes.open_files import count_open
from loadlab.results.probe_data import ProcessState, ProcessUsage

TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""The unit in which the kernel tells CPU times."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """One process at one moment. The CPU times include those of children that it has waited for.

    User and system time are whole ticks; `exact_cpu_ns` is both together by the CPU clock, but for such children.
    `started_ticks`, since boot, tells it from another one that had the same pid before. `exact_cpu_ns` and
    `open_descriptors` are None where the kernel does not tell; the latter also where it does so at a price
    (open_files.py).
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


def read_group(pids: Iterable[int], time_ns: int, proc: Path = Path("/proc")) -> GroupReading:
    """Read the counters of `pids` at monotonic time `time_ns`; processes that are gone are left out."""
    readings = {pid: reading for pid in pids if (reading := read_process(pid, proc)) is not None}
    return GroupReading(time_ns, readings)


def read_cpu_clock(pid: int) -> int | None:
    """Return the CPU time of a process in ns, or None if it is gone, or the kernel has no such clock.

    Threads that have ended are in it: /proc/PID/task/*/schedstat is as exact, but loses them. A thread that runs this
    very moment is told as of the last tick of its core's timer, 4 ms ago at most on most kernels. A reading takes
    0.4 µs.
    """
    # clock_getcpuclockid(3), which Python does not have: the pid inverted, and 2 for the scheduler's own account.
    try:
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return None


def read_process(
    pid: int, proc: Path = Path("/proc"), read_clock: Callable[[int], int | None] = read_cpu_clock
) -> ProcessReading | None:
    """Read one process with all its threads, or None if it is gone."""
    clock_ns = read_clock(pid)
    try:
        # The command name, in parentheses, may itself hold spaces and parentheses; the fields follow the last one.
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # Switches and waits are counted per thread; the process's own files tell only of its first one.
        threads = [_read_thread(task) for task in (proc / str(pid) / "task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5) numbers the fields from 1, pid and name first: state, field 3, is fields[0] here.
    user, system, waited_user, waited_system = (int(fields[number - 3]) for number in (14, 15, 16, 17))
    return ProcessReading(
        cpu_user_ns=(user + waited_user) * TICK_NS,
        cpu_system_ns=(system + waited_system) * TICK_NS,
        voluntary_switches=sum(thread.voluntary_switches for thread in threads),
        involuntary_switches=sum(thread.involuntary_switches for thread in threads),
        run_queue_wait_ns=sum(thread.run_queue_wait_ns for thread in threads),
        threads=int(fields[20 - 3]),
        rss_bytes=int(fields[24 - 3]) * _PAGE_BYTES,
        started_ticks=int(fields[22 - 3]),
        open_descriptors=count_open(pid, proc),
        exact_cpu_ns=None if clock_ns is None else clock_ns + (waited_user + waited_system) * TICK_NS,
    )


def read_shared_fairly(pids: Iterable[int], proc: Path = Path("/proc")) -> int | None:
    """Return the memory of `pids` in bytes, what they share counted once; None if the kernel does not tell.

    The kernel walks all of their pages for it, 0.1 ms and 1 ms for each 100 MiB: so not within the measured window.
    """
    total = 0
    for pid in pids:
        try:
            lines = (proc / str(pid) / "smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            return None
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


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

    A process that came in between counts from zero; one that went in between is counted by the parent that waited
    for it. What the group has, memory and the like, is that of the end.
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


def ended_between(start: GroupReading, end: GroupReading) -> int:
    """Return how many processes of the first reading are gone in the second, their pid perhaps another's by then."""
    return sum(not _is_still_there(pid, start, end) for pid in start.processes)


def _difference(start: GroupReading, end: GroupReading, counter: str) -> int:
    return sum(
        getattr(reading, counter) - (getattr(start.processes[pid], counter) if _is_still_there(pid, start, end) else 0)
        for pid, reading in end.processes.items()
    )


def _divide(cpu_ns: int, user_ticks_ns: int, system_ticks_ns: int) -> tuple[int, int]:
    """Return the user and the system part of a CPU time; without a tick all is user time, as the kernel has it."""
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
        # Time on a core, time waiting for one, and how often (Documentation/scheduler/sched-stats in the sources).
        waited_ns = (task / "schedstat").read_text(encoding="ascii").split()[1] if (task / "schedstat").exists() else 0
    except (FileNotFoundError, ProcessLookupError):
        return _Thread()  # it has ended since it was listed; the process goes on
    counted = dict(line.partition(":")[::2] for line in status.splitlines())
    return _Thread(
        voluntary_switches=int(counted["voluntary_ctxt_switches"]),
        involuntary_switches=int(counted["nonvoluntary_ctxt_switches"]),
        run_queue_wait_ns=int(waited_ns),
    )
