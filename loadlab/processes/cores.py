"""How busy each core was, read from /proc/stat (proc(5)).

Only the idle time is measured there. On most kernels user and system time are sampled: each tick of the timer (1 to 10
ms) counts for the process that runs at that moment. A paced load falls into step with the ticks: a process that woke
every millisecond and used 0.22 of a core was counted as all of it, or as nothing. Idle time is measured by the clock at
each entry and exit, and was right to 0.03 of a core. So the busy time is what remains of the elapsed time.
"""

import os
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes.proc import TICK_NS

_STAT: Final = Path("/proc/stat")
_PRESSURE: Final = Path("/proc/pressure")


@dataclass(frozen=True, slots=True)
class CoreTimes:
    """Time of one core since boot, in ns: idle, taken by the hypervisor, and in interrupts, soft ones included."""

    idle_ns: int
    stolen_ns: int
    interrupts_ns: int


@dataclass(frozen=True, slots=True)
class CoresReading:
    """All cores at one moment of the monotonic clock, by their numbers.

    `interrupts_charged` says that processes are charged with the interrupts that occur while they run, as far as is
    known.
    """

    time_ns: int
    cores: dict[int, CoreTimes]
    interrupts_charged: bool


@dataclass(frozen=True, slots=True)
class CoreUse:
    """How one core was used between two readings, as shares (0 to 1) of the time.

    `charged` is what processes were charged with, all together. A third of a network server's work is interrupts; where
    it is not known that processes are charged with them, they are left out, so that the figure is never too high.
    """

    idle: float
    stolen: float
    charged: float


def read_cores(stat: Path = _STAT) -> CoresReading:
    """Read the times so far, of no core where the kernel does not show them."""
    time_ns = time.monotonic_ns()
    try:
        text = stat.read_text(encoding="ascii")
    except OSError:
        text = ""
    return CoresReading(time_ns, parse_cores(text), charges_interrupts())


def parse_cores(stat: str) -> dict[int, CoreTimes]:
    """Return the times of each core that is online, from the text of /proc/stat."""
    lines = [line.split() for line in stat.splitlines() if line.startswith("cpu")]
    return {int(name.removeprefix("cpu")): _times(ticks) for name, *ticks in lines if name != "cpu"}


def use_between(start: CoresReading, end: CoresReading, cores: Collection[int]) -> dict[int, CoreUse]:
    """Return the use of those of `cores` that are in both readings; of none if no time has passed."""
    passed_ns = end.time_ns - start.time_ns
    known = sorted(set(cores) & start.cores.keys() & end.cores.keys()) if passed_ns > 0 else []
    charged = end.interrupts_charged
    return {core: _use(start.cores[core], end.cores[core], passed_ns, charged) for core in known}


def joined(stretches: Sequence[tuple[CoresReading, CoresReading]]) -> tuple[CoresReading, CoresReading]:
    """Return two readings with as much between them as in several stretches together, of the cores that are in all."""
    (first, end), *others = stretches
    for begun, ended in others:
        cores = {
            core: CoreTimes(
                end.cores[core].idle_ns + ended.cores[core].idle_ns - begun.cores[core].idle_ns,
                end.cores[core].stolen_ns + ended.cores[core].stolen_ns - begun.cores[core].stolen_ns,
                end.cores[core].interrupts_ns + ended.cores[core].interrupts_ns - begun.cores[core].interrupts_ns,
            )
            for core in end.cores.keys() & begun.cores.keys() & ended.cores.keys()
        }
        end = CoresReading(end.time_ns + ended.time_ns - begun.time_ns, cores, end.interrupts_charged)
    return first, end


def charges_interrupts(pressure: Path = _PRESSURE, release: str = os.uname().release) -> bool:
    """Return whether this kernel is known to charge processes with the interrupts that occur while they run.

    One built with CONFIG_IRQ_TIME_ACCOUNTING keeps them apart. Since Linux 6.1 it then shows their pressure, in
    a file beside that of the CPU; where neither file exists, nothing is known.
    """
    version = re.match(r"(\d+)\.(\d+)", release)
    if version is None or (int(version[1]), int(version[2])) < (6, 1):
        return False
    return (pressure / "cpu").exists() and not (pressure / "irq").exists()


def _times(ticks: list[str]) -> CoreTimes:
    _user, _nice, _system, idle, waiting_for_disk, interrupts, soft_interrupts, stolen = map(int, ticks[:8])
    return CoreTimes(
        idle_ns=(idle + waiting_for_disk) * TICK_NS,
        stolen_ns=stolen * TICK_NS,
        interrupts_ns=(interrupts + soft_interrupts) * TICK_NS,
    )


def _use(start: CoreTimes, end: CoreTimes, passed_ns: int, interrupts_charged: bool) -> CoreUse:
    idle = _share(start.idle_ns, end.idle_ns, passed_ns)
    stolen = _share(start.stolen_ns, end.stolen_ns, passed_ns)
    not_charged = 0.0 if interrupts_charged else _share(start.interrupts_ns, end.interrupts_ns, passed_ns)
    return CoreUse(idle, stolen, max(0.0, 1 - idle - stolen - not_charged))


def _share(start_ns: int, end_ns: int, passed_ns: int) -> float:
    # Readings are in whole ticks, so a core that was idle all the while may seem to have been so for longer than that;
    # and on some kernels idle time runs back by a tick (proc(5)).
    return min(1.0, max(0, end_ns - start_ns) / passed_ns)
