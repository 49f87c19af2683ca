"""What target, load workers and host used over the measured window: two readings of /proc, and their difference."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.host import CpuTimes, read_cpu_times
from loadlab.probes.procfs import GroupReading, read_group, usage_between
from loadlab.results.model import ProcessUsage


@dataclass(frozen=True, slots=True)
class WindowEdge:
    """The counters at one end of the window; `beside` are further processes of the trial: holders, and an upstream."""

    target: GroupReading
    client: GroupReading
    beside: GroupReading
    host: CpuTimes


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """The use between two edges. Busy figures are in cores, `steal_fraction` is of the host's CPU time.

    `others_busy` is what every process outside of the trial used, loadlab's own coordinator among them.
    """

    target: ProcessUsage
    client: ProcessUsage
    client_busy_by_worker: tuple[float, ...]
    steal_fraction: float | None
    others_busy: float


def read_window_edge(target_pids: Sequence[int], worker_pids: Sequence[int], pids_beside: Sequence[int]) -> WindowEdge:
    """Read the counters now."""
    now_ns = time.monotonic_ns()
    target, client, beside = (read_group(pids, now_ns) for pids in (target_pids, worker_pids, pids_beside))
    return WindowEdge(target, client, beside, read_cpu_times())


def usage_over(start: WindowEdge, end: WindowEdge) -> WindowUsage:
    """Return what was used between two edges."""
    target, client = usage_between(start.target, end.target), usage_between(start.client, end.client)
    beside = usage_between(start.beside, end.beside)
    others_ns = end.host.busy_ns_since(start.host) - target.cpu_ns - client.cpu_ns - beside.cpu_ns
    return WindowUsage(
        target=target,
        client=client,
        client_busy_by_worker=tuple(
            usage_between(start.client.only(pid), end.client.only(pid)).busy for pid in end.client.processes
        ),
        steal_fraction=end.host.steal_since(start.host),
        others_busy=max(0.0, others_ns / (end.target.time_ns - start.target.time_ns)),
    )
