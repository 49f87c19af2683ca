"""What target, load workers and host used over the measured window: two readings, and their difference."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Self

from loadlab.analysis.verdict import DescriptorUse, ListenQueueUse
from loadlab.experiment.machine_usage import (
    MachineUse,
    busy_by_process,
    client_of,
    machines_between,
    mean_over_time,
    total_machines,
)
from loadlab.experiment.shared_cores import SharedCoresUse
from loadlab.probes.clocks import ClockChange, ClockReading, change_between, read_clocks, total_change
from loadlab.probes.open_files import OpenFiles
from loadlab.probes.procfs import GroupReading, ended_between, read_group, total_use, usage_between
from loadlab.probes.tcp import ListenQueue
from loadlab.probes.throttling import (
    LimitsReading,
    limits_between,
    pressure_between,
    read_limits,
    read_limits_again,
    total_limits,
    total_pressure,
)
from loadlab.processes.cores import CoresReading, joined, read_cores
from loadlab.processes.threads import total_of_threads
from loadlab.results.probe_data import ControlGroupUse, Pressure, ProcessUsage
from loadlab.serving.reading import HostReading, TargetReading

if TYPE_CHECKING:
    from loadlab.cluster.reading import MachineReading


@dataclass(frozen=True, slots=True)
class WindowEdge:
    """The counters at one end of the window; `beside` are other processes of the trial: holders, an upstream, ours.

    All are this machine's but those of `machines`, the others that generate the load, and those of a target that has a
    `host`, another machine of the cluster.
    """

    target: GroupReading
    client: GroupReading
    beside: GroupReading
    cores: CoresReading
    clocks: ClockReading
    target_files: list[OpenFiles]
    listen_queue: ListenQueue | None
    limits: LimitsReading
    host: HostReading | None = None
    machines: "Mapping[str, MachineReading]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostUse:
    """The machine of a target that is not the coordinator's, between two edges; `beside_busy` is in cores."""

    kernel: str
    beside_busy: float
    cores: tuple[CoresReading, CoresReading]


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """The use between two edges. Busy figures are in cores.

    The `client` is that of all `machines` together, where there are several.
    `active` is the part of that time in which there was load, where the edges were read before and after it.
    """

    target: ProcessUsage
    client: ProcessUsage
    client_busy_by_worker: tuple[float, ...]
    beside_busy: float
    target_processes: int
    target_processes_ended: int
    fullest_target: DescriptorUse | None
    listen_queue: ListenQueueUse | None
    clocks: ClockChange
    cores: tuple[CoresReading, CoresReading]
    threads: SharedCoresUse
    control_groups: tuple[ControlGroupUse, ...]
    pressure: Pressure
    active: float = 1.0
    host: HostUse | None = None
    machines: Mapping[str, MachineUse] = field(default_factory=dict)

    def with_threads(self, threads: SharedCoresUse) -> Self:
        """Return it with what the threads of the trial did on cores that they shared."""
        return replace(self, threads=threads)

    def with_memory(self, target_pss_bytes: int | None, client_pss_bytes: int | None) -> Self:
        """Return it with the memory of both sides, what processes share in equal parts; None where it is not known.

        That of load workers on several machines is not.
        """
        client_pss_bytes = None if self.machines else client_pss_bytes
        return replace(
            self,
            target=self.target.model_copy(update={"pss_bytes": target_pss_bytes}),
            client=self.client.model_copy(update={"pss_bytes": client_pss_bytes}),
        )


def read_window_edge(
    target: TargetReading, worker_pids: Sequence[int], pids_beside: Sequence[int], start: WindowEdge | None = None
) -> WindowEdge:
    """Read the counters now, beside those of the `target`; `start` is the edge before, if this is the window's end."""
    now_ns = time.monotonic_ns()
    # We ourselves run beside the load, and are no disturbance but part of the trial.
    client, beside = (read_group(pids, now_ns) for pids in (worker_pids, [*pids_beside, os.getpid()]))
    target_pids = [*target.group.processes] if target.host is None else []
    return WindowEdge(
        target.group,
        client,
        beside,
        cores=read_cores(),
        clocks=read_clocks(),
        target_files=target.files,
        listen_queue=target.listen_queue,
        limits=read_limits_again(start.limits)
        if start
        else read_limits({"target": target_pids, "client": [*worker_pids, os.getpid()]}),
        host=target.host,
    )


def usage_over(start: WindowEdge, end: WindowEdge, active_ns: int | None = None) -> WindowUsage:
    """Return what was used between two edges; with `active_ns` there was load for so long only between them."""
    passed_ns = end.target.time_ns - start.target.time_ns
    machines = machines_between(start.machines, end.machines)
    clocks, control_groups = (
        change_between(start.clocks, end.clocks),
        tuple(limits_between(start.limits, end.limits)),
    )
    pressure = pressure_between(start.limits, end.limits)
    if start.host is not None and end.host is not None:
        # A target that sleeps with its machine does not answer; other jumps of its clocks change no figure.
        asleep_ns = change_between(start.host.clocks, end.host.clocks).asleep_ns
        clocks = replace(clocks, asleep_ns=max(clocks.asleep_ns, asleep_ns))
        control_groups += tuple(limits_between(start.host.limits, end.host.limits))
        pressure = pressure_between(start.host.limits, end.host.limits)
    return WindowUsage(
        target=usage_between(start.target, end.target),
        client=client_of(machines) if machines else usage_between(start.client, end.client),
        client_busy_by_worker=tuple(chain.from_iterable(machine.busy_by_worker for machine in machines.values()))
        if machines
        else busy_by_process(start.client, end.client),
        beside_busy=usage_between(start.beside, end.beside).busy,
        target_processes=len(start.target.processes),
        target_processes_ended=ended_between(start.target, end.target),
        fullest_target=_fullest([*start.target_files, *end.target_files]),
        listen_queue=_queue_use(start.listen_queue, end.listen_queue),
        clocks=clocks,
        cores=(start.cores, end.cores),
        threads=SharedCoresUse(),
        control_groups=control_groups,
        pressure=pressure,
        active=min(1.0, active_ns / passed_ns) if active_ns and passed_ns else 1.0,
        host=_host_between(start.host, end.host),
        machines=machines,
    )


def total_usage(usages: Sequence[WindowUsage]) -> WindowUsage:
    """Return the use over several windows of one rig, as if they had followed one another; there is at least one."""
    first, last = usages[0], usages[-1]
    over_time = mean_over_time([usage.target.window_ns for usage in usages])
    workers = min(len(usage.client_busy_by_worker) for usage in usages)
    return WindowUsage(
        target=total_use([usage.target for usage in usages]),
        client=total_use([usage.client for usage in usages]),
        client_busy_by_worker=tuple(
            over_time(usage.client_busy_by_worker[worker] for usage in usages) for worker in range(workers)
        ),
        beside_busy=over_time(usage.beside_busy for usage in usages),
        target_processes=first.target_processes,
        target_processes_ended=sum(usage.target_processes_ended for usage in usages),
        fullest_target=min(
            filter(None, (usage.fullest_target for usage in usages)), key=lambda use: use.limit - use.open, default=None
        ),
        listen_queue=_total_queue_use([usage.listen_queue for usage in usages]),
        clocks=total_change([usage.clocks for usage in usages]),
        cores=joined([usage.cores for usage in usages]),
        threads=SharedCoresUse(
            total_of_threads([usage.threads.target for usage in usages]),
            total_of_threads([usage.threads.client for usage in usages]),
            total_of_threads([usage.threads.beside for usage in usages]),
        ),
        control_groups=tuple(total_limits([usage.control_groups for usage in usages])),
        pressure=total_pressure([usage.pressure for usage in usages]),
        active=over_time(usage.active for usage in usages),
        host=_total_host([usage.host for usage in usages], over_time),
        machines=total_machines([usage.machines for usage in usages]),
    ).with_memory(last.target.pss_bytes, last.client.pss_bytes)


def _host_between(start: HostReading | None, end: HostReading | None) -> HostUse | None:
    if start is None or end is None:
        return None
    return HostUse(end.kernel, usage_between(start.beside, end.beside).busy, (start.cores, end.cores))


def _total_host(uses: Sequence[HostUse | None], over_time: Callable[[Iterable[float]], float]) -> HostUse | None:
    known = [use for use in uses if use is not None]
    if not known or len(known) < len(uses):
        return None
    busy = over_time(use.beside_busy for use in known)
    return HostUse(known[0].kernel, busy, joined([use.cores for use in known]))


def _fullest(files: Sequence[OpenFiles]) -> DescriptorUse | None:
    fullest = min(files, key=lambda process: process.free, default=None)
    return None if fullest is None else DescriptorUse(fullest.pid, fullest.open, fullest.limit)


def _total_queue_use(uses: Sequence[ListenQueueUse | None]) -> ListenQueueUse | None:
    known = [use for use in uses if use is not None]
    if not known:
        return None
    return ListenQueueUse(known[0].before, sum(use.within for use in known), known[-1].backlog)


def _queue_use(start: ListenQueue | None, end: ListenQueue | None) -> ListenQueueUse | None:
    if start is None or end is None:
        return None
    # A listener that was closed in between takes its count with it.
    return ListenQueueUse(start.turned_away, max(0, end.turned_away - start.turned_away), end.backlog)
