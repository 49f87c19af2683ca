"""The kernel's clocks side by side, so that a jump of one shows (clock_gettime(2)).

Monotonic and wall clock run at the same rate, including the corrections of NTP, so they diverge only when the wall
clock is set. Boot time continues while the machine sleeps, monotonic time does not. The raw clock is not corrected: it
shows how far the others were.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class ClockReading:
    """All four clocks at the same moment, in ns."""

    monotonic_ns: int
    realtime_ns: int
    boottime_ns: int
    raw_ns: int


@dataclass(frozen=True, slots=True)
class ClockChange:
    """How clocks diverged between two readings, in ns.

    That is by how much the wall clock was set (negative: back), how long the machine slept, and by how much the
    monotonic clock ran ahead of the uncorrected one.
    """

    set_ns: int
    asleep_ns: int
    corrected_ns: int


def read_clocks() -> ClockReading:
    """Read all clocks, within a microsecond or so of one another."""
    # They are read one after the other, and a process may lose its core in between: the quickest attempt is the best.
    return min((_read_once() for _ in range(_ATTEMPTS)), key=lambda attempt: attempt[0])[1]


def change_between(start: ClockReading, end: ClockReading) -> ClockChange:
    """Return how the clocks diverged."""
    passed_ns = end.monotonic_ns - start.monotonic_ns
    return ClockChange(
        set_ns=end.realtime_ns - start.realtime_ns - passed_ns - _asleep_ns(start, end),
        asleep_ns=_asleep_ns(start, end),
        corrected_ns=passed_ns - (end.raw_ns - start.raw_ns),
    )


def total_change(changes: Sequence[ClockChange]) -> ClockChange:
    """Return how they diverged over several stretches together."""
    return ClockChange(
        sum(change.set_ns for change in changes),
        sum(change.asleep_ns for change in changes),
        sum(change.corrected_ns for change in changes),
    )


def _asleep_ns(start: ClockReading, end: ClockReading) -> int:
    return (end.boottime_ns - start.boottime_ns) - (end.monotonic_ns - start.monotonic_ns)


def _read_once() -> tuple[int, ClockReading]:
    """Return how long it took, in ns, and the reading."""
    monotonic_ns = time.monotonic_ns()
    reading = ClockReading(
        monotonic_ns,
        time.time_ns(),
        time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
    )
    return time.monotonic_ns() - monotonic_ns, reading
