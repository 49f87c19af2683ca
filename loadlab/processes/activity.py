"""What uses the CPU right now: a short look, since the load average still counts what ended a minute ago."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadlab.processes.cores import CoresReading, read_cores, use_between
from loadlab.processes.family import list_family
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


class ActivityWatch:
    """Looks at what runs, from now on until `finish`. Where other things are done meanwhile, it costs no time."""

    def __init__(self, proc: Path = PROC, read_clock: Callable[[int], int | None] = read_cpu_clock) -> None:
        self._proc = proc
        self._read_clock = read_clock
        self._start = _read(proc, read_clock)

    def finish(self, cores: Collection[int], pause: Callable[[float], None] = time.sleep) -> Activity | None:
        """Return the activity since the start, of half a second at least: what is left of that passes in `pause`.

        None where the kernel does not show how busy its cores are.
        """
        start = self._start
        passed_seconds = (time.monotonic_ns() - start.cores.time_ns) / 1e9
        if passed_seconds < _SECONDS:
            pause(_SECONDS - passed_seconds)
        end = _read(self._proc, self._read_clock)
        uses = use_between(start.cores, end.cores, cores)
        if not uses:
            return None
        passed_ns = end.cores.time_ns - start.cores.time_ns
        # One that was not there at the start has begun since, and counts from zero.
        used_ns = {each: cpu_ns - start.cpu_ns.get(each, 0) for each, cpu_ns in end.cpu_ns.items()}
        ours = list_family([os.getpid()], self._proc)
        others_ns = {each: ns for each, ns in used_ns.items() if each.pid not in ours and ns > 0}
        ours_ns = sum(ns for each, ns in used_ns.items() if each.pid in ours)
        busy = sum(1 - use.idle - use.stolen for use in uses.values())
        return Activity(
            others=max(0.0, busy - ours_ns / passed_ns),
            stolen=sum(use.stolen for use in uses.values()),
            processes=tuple(
                BusyProcess(each.pid, each.name, ns / passed_ns)
                for each, ns in sorted(others_ns.items(), key=lambda item: (-item[1], item[0].pid))
            ),
        )


@dataclass(frozen=True, slots=True)
class _Process:
    """A process; `started_ticks` distinguishes it from a later one with the same pid. Its name may change."""

    pid: int
    started_ticks: int
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The counters of cores and processes at one moment."""

    cores: CoresReading
    cpu_ns: Mapping[_Process, int]


def _read(proc: Path, read_clock: Callable[[int], int | None]) -> _Reading:
    cores = read_cores(proc / "stat")
    cpu_ns: dict[_Process, int] = {}
    for pid in list_pids(proc):
        stat = read_stat(pid, proc)
        if stat is not None:
            clock_ns = read_clock(pid)
            # By ticks only where there is nothing better: a process that runs between them may have none.
            used_ns = stat.user_ns + stat.system_ns if clock_ns is None else clock_ns
            cpu_ns[_Process(pid, stat.started_ticks, stat.name)] = used_ns
    return _Reading(cores, cpu_ns)
