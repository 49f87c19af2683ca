"""What /proc shows over the course of a window: target, load workers, and TCP on the whole machine of the target.

Readings are taken on a core that the load runs on, so what costs much is not read within the window: memory in equal
parts never, a target of many threads at both ends only, and which processes the target has, too. docs/probes.md has
the figures.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.experiment.ends import Ends
from loadlab.probes.memory import read_pss
from loadlab.probes.procfs import GroupReading, read_group, state_of, usage_between
from loadlab.results.probe_data import ProcessUsage, ProcfsProbe, SocketsProbe, SocketsReading

# Each thread takes 0.05 ms to read, so as many take 3 ms.
_MOST_THREADS: Final = 64
_MOST_READINGS: Final = 64


@dataclass(frozen=True, slots=True)
class _Reading:
    target: GroupReading
    client: GroupReading
    sockets: SocketsReading | None


@dataclass(frozen=True, slots=True)
class SharedFairly:
    """The memory of both sides in bytes, what processes share in equal parts; None where the kernel does not say."""

    target: int | None
    client: int | None


class Timeline:
    """Readings at points of the window, the first at its begin and the last at its end.

    There are never many, however long the window is: each time that there would be more, every other one is dropped,
    and every other one is taken from then on. The stretches between those that stay are as exact as before.
    """

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._readings: list[_Reading] = []
        self._memory: list[SharedFairly] = []
        self._points = 0
        self._every = 1

    def read(self, at_end: bool = False) -> None:
        """Take the reading of the next point; one in between is left out where it is not due or would cost too much."""
        due = self._points % self._every == 0
        self._points += 1
        in_between = bool(self._readings) and not at_end
        if in_between and not (due and self._readings[0].target.threads <= _MOST_THREADS):
            return
        first = self._readings[0].target if self._readings else None
        pids = [*first.processes] if first is not None and in_between else None
        look = self._ends.side.look(pids, None if first is None else first.time_ns)
        client = read_group(self._ends.fleet.worker_pids(), time.monotonic_ns())
        self._readings.append(_Reading(look.group, client, look.sockets))
        if len(self._readings) > _MOST_READINGS:
            del self._readings[1::2]  # an even number are the most, so the one too many, the last, stays
            self._every *= 2

    def read_memory(self) -> SharedFairly:
        """Read and return the memory of both sides: before the load begins, and again after the window."""
        self._memory.append(SharedFairly(self._ends.side.read_pss(), read_pss(self._ends.fleet.worker_pids())))
        return self._memory[-1]

    def processes(self) -> ProcfsProbe | None:
        """Return what target and client used from reading to reading; None if there are not two."""
        if len(self._readings) < 2:
            return None
        first = self._readings[0]
        unknown = SharedFairly(None, None)
        before, after = [*self._memory, unknown, unknown][:2]
        return ProcfsProbe(
            target=_stretches(_with_all_processes([reading.target for reading in self._readings]), after.target),
            client=_stretches([reading.client for reading in self._readings], after.client),
            target_at_start=state_of(first.target).model_copy(update={"pss_bytes": before.target}),
            client_at_start=state_of(first.client).model_copy(update={"pss_bytes": before.client}),
        )

    def sockets(self) -> SocketsProbe | None:
        """Return what TCP had at each reading, and counted from the first to the last; None if there are not two.

        None also where the kernel does not show it.
        """
        readings = [reading.sockets for reading in self._readings if reading.sockets is not None]
        if len(readings) < 2:
            return None
        return SocketsProbe(readings=readings, counted=readings[-1].counters.since(readings[0].counters))


def _with_all_processes(readings: list[GroupReading]) -> list[GroupReading]:
    """Return those readings that lack no process: if one was forked on the way, it is only in the last."""
    first, *_, last = readings
    return readings if last.processes.keys() <= first.processes.keys() else [first, last]


def _stretches(readings: Sequence[GroupReading], pss_bytes_after: int | None) -> list[ProcessUsage]:
    *earlier, last = [usage_between(start, end) for start, end in itertools.pairwise(readings)]
    return [*earlier, last.model_copy(update={"pss_bytes": pss_bytes_after})]
