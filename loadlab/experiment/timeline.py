"""What /proc tells over the course of the measured window: target, load workers, and TCP on the whole machine."""

import itertools
import time
from typing import Final

from loadlab.experiment.stage import Stage
from loadlab.probes.procfs import GroupReading, read_group, usage_between
from loadlab.probes.sockets import read_sockets
from loadlab.results.model import ProcessUsage, ProcfsProbe, SocketsProbe
from loadlab.results.sockets import SocketsReading

# Reading a process takes 0.1 ms of a core that the load runs on. With more than so many, only both ends are read.
_MOST_PROCESSES: Final = 64


class Timeline:
    """Readings at points of the window, the first at its begin and the last at its end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._target: list[GroupReading] = []
        self._client: list[GroupReading] = []
        self._sockets: list[SocketsReading] = []

    def read(self, at_end: bool = False) -> None:
        """Take another reading; one in between is left out where it would cost too much."""
        target_pids = self._stage.target.pids()
        if self._target and not at_end and len(target_pids) > _MOST_PROCESSES:
            return
        now_ns = time.monotonic_ns()
        self._target.append(read_group(target_pids, now_ns))
        self._client.append(read_group(self._stage.fleet.worker_pids(), now_ns))
        self._sockets.append(read_sockets())

    def processes(self) -> ProcfsProbe | None:
        """Return what target and client used from reading to reading; None if there are not two."""
        if len(self._target) < 2:
            return None
        return ProcfsProbe(target=_stretches(self._target), client=_stretches(self._client))

    def sockets(self) -> SocketsProbe | None:
        """Return what TCP had at each reading, and counted from the first to the last; None if there are not two."""
        if len(self._sockets) < 2:
            return None
        first, *_, last = self._sockets
        return SocketsProbe(readings=self._sockets, counted=last.counters.since(first.counters))


def _stretches(readings: list[GroupReading]) -> list[ProcessUsage]:
    return [usage_between(start, end) for start, end in itertools.pairwise(readings)]
