"""What the machine of a target shows of it: counters at the edges of a window, its memory, its open descriptors.

`TargetReadings` reads on the machine that it is called on; of a target on another machine of a cluster it is called
there. Times are those of that machine's monotonic clock.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loadlab.probes.clocks import ClockReading, read_clocks
from loadlab.probes.memory import MemoryReading, read_memory, read_pss
from loadlab.probes.open_files import OpenFiles, read_open_files
from loadlab.probes.probe import Probe
from loadlab.probes.procfs import GroupReading, read_group
from loadlab.probes.tcp import ListenQueue, read_listen_queue, read_sockets
from loadlab.probes.throttling import LimitsReading, read_limits, read_limits_again
from loadlab.processes.cores import CoresReading, read_cores
from loadlab.results.probe_data import SocketsReading
from loadlab.serving.probing import ChosenProbe, WatchedKind, choose_probe, open_probe
from loadlab.serving.starting import Server


@dataclass(frozen=True, slots=True)
class HostReading:
    """The machine of a target that is not the coordinator's; `beside` are its Dask worker and a server behind it.

    Machines with the same `kernel` share its cores.
    """

    kernel: str
    beside: GroupReading
    cores: CoresReading
    clocks: ClockReading
    limits: LimitsReading


@dataclass(frozen=True, slots=True)
class TargetReading:
    """The counters of a target at one end of a window; `host` is None where it is on the coordinator's machine."""

    group: GroupReading
    files: list[OpenFiles]
    listen_queue: ListenQueue | None
    host: HostReading | None = None


@dataclass(frozen=True, slots=True)
class TargetLook:
    """A target in the middle of a window, and TCP on its machine."""

    group: GroupReading
    sockets: SocketsReading | None


class TargetReadings:
    """What can be read here of a target, and of the server behind it."""

    def __init__(self, target: Server, upstream: Server | None = None) -> None:
        self.target = target
        self.upstream = upstream

    def poll_exit(self) -> str | None:
        """Return a sentence on how it, or the server behind it, ended; None while they run."""
        ends = (server.poll_exit() for server in (self.target, self.upstream) if server is not None)
        return next((end for end in ends if end is not None), None)

    def choose_probe(self, kind: WatchedKind, wanted: str = "") -> ChosenProbe:
        """Return what watches it here: the best of its kind, or the tracer that is `wanted`."""
        return choose_probe(kind, wanted)

    def open_probe(self, chosen: ChosenProbe, check: Callable[[], None]) -> Probe[Any]:
        """Return a probe for one window, which is to be prepared with its processes."""
        return open_probe(chosen, check)

    def pids_beside(self) -> list[int]:
        """Return the processes of the server behind it, now."""
        return self.upstream.pids() if self.upstream is not None else []

    def read(self, start: HostReading | None = None) -> TargetReading:
        """Read its counters now, and of its machine nothing, which is read with the load's: so `start` is None."""
        pids = self.target.pids()
        return TargetReading(
            group=read_group(pids, time.monotonic_ns()),
            files=read_open_files(pids),
            # Of a server on another machine it would be that of a server here that has the same port.
            listen_queue=read_listen_queue(self.target.address) if pids else None,
        )

    def look(self, pids: Collection[int] | None, since_ns: int | None) -> TargetLook:
        """Read in the middle of a window: of these processes only, or of all where `pids` is None.

        TCP is read at a time that counts from `since_ns`, or from now where that is None.
        """
        # To find what the target has forked, all processes of the machine are looked at: 0.015 ms for each of them.
        pids = self.target.pids() if pids is None else pids
        now_ns = time.monotonic_ns()
        return TargetLook(read_group(pids, now_ns), read_sockets(now_ns - (now_ns if since_ns is None else since_ns)))

    def read_pss(self) -> int | None:
        """Return its memory in bytes, what its processes share in equal parts; None where that may not be read."""
        return read_pss(self.target.pids())

    def read_memory(self, holder_pids: Iterable[int] = ()) -> MemoryReading | None:
        """Return its memory, that of idle holders here, and the kernel's."""
        return read_memory(self.target.pids(), holder_pids)

    def count_open(self) -> int | None:
        """Return how many descriptors it has open in all; None where the kernel does not say."""
        files = read_open_files(self.target.pids())
        return sum(process.open for process in files) if files else None


def read_host(
    kernel: str, target_pids: Sequence[int], pids_beside: Sequence[int], start: HostReading | None = None
) -> HostReading:
    """Read this machine, which is known by its `kernel`, as that of a target.

    `start` is the reading before this one, if this is the window's end.
    """
    beside = read_group([*pids_beside, os.getpid()], time.monotonic_ns())
    limits = read_limits_again(start.limits) if start else read_limits({"target": target_pids})
    return HostReading(kernel, beside, read_cores(), read_clocks(), limits)
