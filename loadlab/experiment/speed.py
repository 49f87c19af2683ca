"""The speed of this machine over a run: readings between windows, while every rig is silent."""

import time
from typing import Final

from loadlab.probes.speed import SpeedMeter
from loadlab.processes import Placement
from loadlab.results.speed import MachineSpeed, SpeedReading

_MILLISECONDS: Final = 3


class RunSpeed:
    """The readings of one run, which begins now. The cores of each side are those that are read first."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._meter: SpeedMeter | None = None

    @property
    def at(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self.began, _MILLISECONDS)

    def read(self, placement: Placement) -> SpeedReading:
        """Take a reading. It takes 5 ms for each core that is looked at."""
        if self._meter is None:
            self._meter = SpeedMeter(placement.target, placement.load)
        return self._meter.read(self.at)

    def so_far(self) -> MachineSpeed | None:
        """Return all readings and their medians; None if there is none yet."""
        return None if self._meter is None else self._meter.so_far()
