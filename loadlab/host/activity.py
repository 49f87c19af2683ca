"""What uses the CPU right now: a short look, since the load average still counts what ended a minute ago."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes import list_family
from loadlab.processes.cores import CoresReading, read_cores, use_between
from loadlab.processes.proc import PROC, list_pids, read_cpu_clock, read_stat

_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process, and how many cores it kept busy on average."""

    pid: int
    name: str
    cores: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What some cores were used for, in cores: busy with something other than us, and taken by the hypervisor.

    `processes` are those of the whole machine that ran meanwhile, without ours, the busiest first. They may account for
    less than `others`: interrupts belong to no process, and a container does not see those of its host.
    """

    others: float
    stolen: float
    processes: tuple[BusyProcess, ...] = ()


def observe(
    cores: Collection[int],
    proc: Path = PROC,
    pause: Callable[[float], None] = time.sleep,
    read_clock: Callable[[int], int | None] = read_cpu_clock,
) -> Activity | None:
    """Look for half a second, which passes in `pause`; None where the kernel does not show how busy its cores are."""
    start = _read(proc, read_clock)
    pause(_SECONDS)
    end = _read(proc, read_clock)
    if start is None or end is None:
        return None
    uses = use_between(start.cores, end.cores, cores)
    if not uses:
        return None
    passed_ns = end.cores.time_ns - start.cores.time_ns
    used_ns = {pid: end.cpu_ns[pid] - start.cpu_ns[pid] for pid in start.cpu_ns.keys() & end.cpu_ns.keys()}
    ours = list_family([os.getpid()], proc)
    ours_ns = sum(used_ns.pop(pid, 0) for pid in ours)
    busy = sum(1 - use.idle - use.stolen for use in uses.values())
    return Activity(
        others=max(0.0, busy - ours_ns / passed_ns),
        stolen=sum(use.stolen for use in uses.values()),
        processes=tuple(
            BusyProcess(pid, end.names[pid], used_ns[pid] / passed_ns)
            for pid in sorted(used_ns, key=lambda pid: (-used_ns[pid], pid))
            if used_ns[pid] > 0
        ),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Counters at one moment: of the cores, and of each process, by pid."""

    cores: CoresReading
    cpu_ns: Mapping[int, int]
    names: Mapping[int, str]


def _read(proc: Path, read_clock: Callable[[int], int | None]) -> _Reading | None:
    try:
        cores = read_cores(proc / "stat")
    except OSError:
        return None
    stats = {pid: stat for pid in list_pids(proc) if (stat := read_stat(pid, proc)) is not None}
    clocks_ns = {pid: read_clock(pid) for pid in stats}
    return _Reading(
        cores,
        # By ticks only where there is nothing better: a process that runs between them may have none.
        {pid: stat.user_ns + stat.system_ns if (ns := clocks_ns[pid]) is None else ns for pid, stat in stats.items()},
        {pid: stat.name for pid, stat in stats.items()},
    )
