"""What target, load workers and host used over the measured window: two readings of /proc, and their difference."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.host import CpuTimes, read_steal
from loadlab.probes.procfs import GroupReading, read_group, usage_between
from loadlab.results.model import ProcessUsage


@dataclass(frozen=True, slots=True)
class WindowEdge:
    """The counters at one end of the window."""

    target: GroupReading
    client: GroupReading
    host: CpuTimes


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """The use between two edges. `client_busy_by_worker` is in cores, `steal_fraction` of the host's CPU time."""

    target: ProcessUsage
    client: ProcessUsage
    client_busy_by_worker: tuple[float, ...]
    steal_fraction: float | None


def read_window_edge(target_pids: Sequence[int], worker_pids: Sequence[int]) -> WindowEdge:
    """Read the counters now."""
    now_ns = time.monotonic_ns()
    return WindowEdge(read_group(target_pids, now_ns), read_group(worker_pids, now_ns), read_steal())


def usage_over(start: WindowEdge, end: WindowEdge) -> WindowUsage:
    """Return what was used between two edges."""
    return WindowUsage(
        target=usage_between(start.target, end.target),
        client=usage_between(start.client, end.client),
        client_busy_by_worker=tuple(
            usage_between(start.client.only(pid), end.client.only(pid)).busy for pid in end.client.processes
        ),
        steal_fraction=end.host.steal_since(start.host),
    )
