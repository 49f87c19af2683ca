"""The speed of this machine over a run, as run.json has it: the CPU time of the same piece of arithmetic."""

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self

from loadlab.results.probe_data import Document, Side

_AROUND_SECONDS: Final = 1.0


class Speed(Document):
    """How fast the cores of each side were, against their median over the run: 0.8 is 20 % slower than that.

    None where it was not measured, as on another machine.
    """

    target: float | None = None
    client: float | None = None

    @property
    def slowest(self) -> float | None:
        """The speed of the side that was further below its median."""
        return min((each for each in (self.target, self.client) if each is not None), default=None)


class SpeedReading(Document):
    """How much CPU time the same piece of arithmetic took on the cores of each side, `at` seconds after the run began.

    None where a side has no cores on this machine.
    """

    at: float
    target_ns: int | None = None
    client_ns: int | None = None


class MachineSpeed(Document):
    """The speed of this machine over a run: all readings in their order, and their medians by side."""

    readings: list[SpeedReading]
    target_ns: int | None = None
    client_ns: int | None = None

    @classmethod
    def of(cls, readings: Sequence[SpeedReading]) -> Self:
        """Return the speed over readings, in their order, with the medians of each side that has any."""
        return cls(
            readings=list(readings),
            target_ns=_median_ns(reading.target_ns for reading in readings),
            client_ns=_median_ns(reading.client_ns for reading in readings),
        )

    def relative(self, reading: SpeedReading) -> Speed:
        """Return the speed at a reading against the run's median."""
        return Speed(target=_ratio(self.target_ns, reading.target_ns), client=_ratio(self.client_ns, reading.client_ns))

    def change(self, side: Side) -> float | None:
        """Return by how much the slowest of a side's readings was slower than the fastest: 0.25 is 25 %.

        Of ten readings and more a tenth is left out at either end: a reading may be disturbed. None with fewer than
        two.
        """
        readings = (reading.target_ns if side == "target" else reading.client_ns for reading in self.readings)
        known = sorted(ns for ns in readings if ns is not None)
        left_out = len(known) // 10
        return 1 - known[left_out] / known[-1 - left_out] if len(known) > 1 else None

    def during(self, start: float, end: float) -> Speed:
        """Return the speed between two moments, in seconds after the run began, against the run's median.

        It is the median of the readings from a second before until a second after, with the last one before and the
        first one after at least: a single reading scatters by 1 to 3 %, and the speed stays the same for seconds.
        """
        first = bisect_right(self.readings, start, key=_at) - 1
        last = bisect_left(self.readings, end, key=_at)
        first = max(0, min(first, bisect_left(self.readings, start - _AROUND_SECONDS, key=_at)))
        last = max(last, bisect_right(self.readings, end + _AROUND_SECONDS, key=_at) - 1)
        speeds = [self.relative(reading) for reading in self.readings[first : last + 1]]
        return median_speed(speeds)


NO_SPEEDS: Final[Mapping[str, MachineSpeed]] = {}
"""Those of the machines of a cluster in a run that had none."""


def median_speed(speeds: Sequence[Speed]) -> Speed:
    """Return the median speed of each side, as far as it is known."""
    return Speed(target=_median(speed.target for speed in speeds), client=_median(speed.client for speed in speeds))


def _at(reading: SpeedReading) -> float:
    return reading.at


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _median_ns(times_ns: Iterable[int | None]) -> int | None:
    known = [time_ns for time_ns in times_ns if time_ns is not None]
    return round(statistics.median(known)) if known else None


def _ratio(usual_ns: int | None, ns: int | None) -> float | None:
    return usual_ns / ns if usual_ns and ns else None
