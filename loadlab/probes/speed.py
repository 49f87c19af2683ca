"""How fast this machine's cores are now: the CPU time that the same piece of arithmetic takes on each side's cores.

The speed of a virtual machine's cores changes by a third within seconds, and nothing reports it: another machine that
shares the physical core, its caches or its power budget causes no steal time. A server's cost of a request changes
with it, so readings before and after each window distinguish a slow server from a slow machine.

The arithmetic is the same on every machine, makes no system call and fits into the first-level cache. It is timed by
the thread's own CPU time, which does not contain what others ran on the core meanwhile, nor the time for which a quota
stopped it. Of a few pieces the one counts that took least by the wall clock, as it was disturbed least: interrupts and
data that has to come back into the caches prolong a piece, and where another process ran in the middle of one, the
kernel divides the CPU time between the two with an error of up to a half (seen on a virtual machine with two busy
cores). Quiet cores give the same figure to within 1 to 2 %, in one process or in another.
"""

import os
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from loadlab.results.speed import MachineSpeed, SpeedReading

# Of a side with more cores than these, so many are looked at, spread over all of them: each takes 5 ms.
MOST_CORES: Final = 4
_MILLISECONDS: Final = 3
_PART_SECONDS: Final = 0.2
_PIECES: Final = 5
_STEPS: Final = 12_000


class SpeedMeter:
    """Takes readings of both sides' cores over a run, which begins now, and keeps them.

    To be called from the thread that is to do the arithmetic, while neither target nor client is at work: a busy core
    delays a reading, and what runs there leaves its data in the caches.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._readings: list[SpeedReading] = []

    @property
    def at(self) -> float:
        """Seconds since the run began."""
        return round(self._now() - self._began, _MILLISECONDS)

    def read(self, target: Collection[int], client: Collection[int]) -> SpeedReading:
        """Measure the cores of both sides now; a side without cores on this machine has no speed."""
        at, target, client = self.at, _some(target), _some(client)
        spent_ns = _measure_each({*target, *client})
        reading = SpeedReading(at=at, target_ns=_mean_ns(spent_ns, target), client_ns=_mean_ns(spent_ns, client))
        self._readings.append(reading)
        return reading

    def so_far(self) -> MachineSpeed | None:
        """Return all readings, and their medians; None if there is none yet."""
        return MachineSpeed.of(self._readings) if self._readings else None


def watch_speed(
    target: Collection[int], client: Collection[int], seconds: float, now: Callable[[], float] = time.monotonic
) -> MachineSpeed:
    """Measure both sides' cores without a pause for a while; each reading is the median over a fifth of a second."""
    start, readings = now(), list[SpeedReading]()
    while (at := now() - start) < seconds:
        meter = SpeedMeter()
        while now() - start < at + _PART_SECONDS:
            meter.read(target, client)
        if (part := meter.so_far()) is not None:
            readings.append(SpeedReading(at=at, target_ns=part.target_ns, client_ns=part.client_ns))
    return MachineSpeed(readings=readings)


def measure_core_speeds(cores: Collection[int]) -> int | None:
    """Return the CPU time in ns that the arithmetic takes on these cores, their mean; on a few of them if many.

    None if there are none, or none that this process may use.
    """
    chosen = _some(cores)
    return _mean_ns(_measure_each(chosen), chosen)


def _some(cores: Collection[int]) -> tuple[int, ...]:
    """Return the cores to look at: all, or as many as are looked at, from the first to the last of them."""
    ordered = sorted(set(cores))
    if len(ordered) <= MOST_CORES:
        return tuple(ordered)
    return tuple(ordered[index * (len(ordered) - 1) // (MOST_CORES - 1)] for index in range(MOST_CORES))


def _measure_each(cores: Collection[int]) -> dict[int, int]:
    """Return the CPU time in ns by core, of those that this process may use."""
    spent_ns: dict[int, int] = {}
    with _own_cores_restored():
        for core in sorted(cores):
            try:
                os.sched_setaffinity(0, {core})  # of the calling thread
            except OSError:  # offline, or not in our control group's set
                continue
            spent_ns[core] = _spend()
    return spent_ns


@contextmanager
def _own_cores_restored() -> Iterator[None]:
    own = os.sched_getaffinity(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _spend() -> int:
    """Do the arithmetic a few times; return the CPU time in ns of the piece that was disturbed least."""
    return min(_spend_once() for _ in range(_PIECES))[1]


def _spend_once() -> tuple[int, int]:
    """Return the time passed and the CPU time, in ns."""
    value = 1
    start_ns, start_cpu_ns = time.monotonic_ns(), time.thread_time_ns()
    for _ in range(_STEPS):
        value = (value * 16_807) % 2_147_483_647  # Park and Miller, 1988
    cpu_ns = time.thread_time_ns() - start_cpu_ns
    return time.monotonic_ns() - start_ns, cpu_ns


def _mean_ns(spent_ns: dict[int, int], cores: Sequence[int]) -> int | None:
    known = [spent_ns[core] for core in cores if core in spent_ns]
    return round(statistics.fmean(known)) if known else None
