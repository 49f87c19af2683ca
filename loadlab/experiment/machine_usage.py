"""Each of several machines that generate load: its share, and what it used over the measured window.

A machine's readings are in its own time, and only compared with one another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadlab.analysis.verdict import CorePool, WindowEvidence
from loadlab.probes.clocks import ClockChange, change_between, total_change
from loadlab.probes.procfs import GroupReading, total_use, usage_between
from loadlab.probes.throttling import limits_between, pressure_between, total_limits, total_pressure
from loadlab.processes.cores import CoresReading, joined
from loadlab.results.machine import MachineResult
from loadlab.results.probe_data import ControlGroupUse, Pressure, ProcessUsage

if TYPE_CHECKING:
    from loadlab.cluster.reading import MachineReading


@dataclass(frozen=True, slots=True)
class LoadMachine:
    """One machine as far as it is known beside its use: `result` has its share, its clock and its speed.

    Its processes run on `cores` of a `kernel`, which other machines may run on too; `is_here` if it is that of this
    machine, and so of a target that runs here.
    """

    result: MachineResult
    cores: tuple[int, ...] = ()
    kernel: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class MachineUse:
    """The use of one machine between the edges of a window. Busy figures are in cores.

    `beside_busy` is that of its idle holders and its Dask worker.
    """

    client: ProcessUsage
    busy_by_worker: tuple[float, ...]
    beside_busy: float
    clocks: ClockChange
    cores: tuple[CoresReading, CoresReading]
    control_groups: tuple[ControlGroupUse, ...]
    pressure: Pressure

    @property
    def busy(self) -> float:
        """What all its processes used."""
        return self.client.busy + self.beside_busy

    def evidence(
        self, known: WindowEvidence, machine: LoadMachine, pool: CorePool | None, active: float
    ) -> WindowEvidence:
        """Return what a verdict on this machine has to know: of the window what is `known`, and its own figures.

        `pool` is what became of its cores. There was load for the part `active` of the time only.
        """
        of_target = tuple(each for each in known.pools if each.owner != "client")
        return replace(
            known,
            client_busy_by_worker=tuple(min(1.0, busy / active) for busy in self.busy_by_worker),
            pools=of_target if pool is None else (*of_target, pool),
            clock=machine.result.clock,
            clock_set_ns=self.clocks.set_ns,
            clock_asleep_ns=self.clocks.asleep_ns,
            clock_corrected_ns=self.clocks.corrected_ns,
            control_groups=self.control_groups,
            memory_pressure_ns=self.pressure.memory_ns,
        )


def machines_between(
    start: "Mapping[str, MachineReading]", end: "Mapping[str, MachineReading]"
) -> dict[str, MachineUse]:
    """Return the use of each machine by its name, of those that are in both readings."""
    return {name: _between(start[name], reading) for name, reading in end.items() if name in start}


def total_machines(windows: Sequence[Mapping[str, MachineUse]]) -> dict[str, MachineUse]:
    """Return the use of each machine over several windows, at least one, as if they had followed one another."""
    in_all = [name for name in windows[0] if all(name in window for window in windows)]
    return {name: _total([window[name] for window in windows]) for name in in_all}


def client_of(machines: Mapping[str, MachineUse]) -> ProcessUsage:
    """Return what the load workers of all machines used together, in the window of the first; there is one at least.

    Descriptors are None where those of any machine are not known.
    """
    uses = [machine.client for machine in machines.values()]
    first = uses[0]
    summed = (
        "processes",
        "threads",
        "rss_bytes",
        "cpu_user_ns",
        "cpu_system_ns",
        "context_switches",
        "involuntary_switches",
        "run_queue_wait_ns",
    )
    descriptors = [use.open_descriptors for use in uses if use.open_descriptors is not None]
    together = {name: sum(getattr(use, name) for use in uses) for name in summed}
    together["open_descriptors"] = sum(descriptors) if len(descriptors) == len(uses) else None
    return first.model_copy(update=together)


def busy_by_process(start: GroupReading, end: GroupReading) -> tuple[float, ...]:
    """Return how busy each process of a group was, in cores."""
    return tuple(usage_between(start.only(pid), end.only(pid)).busy for pid in end.processes)


def mean_over_time(times_ns: Sequence[int]) -> Callable[[Iterable[float]], float]:
    """Return a function that gives the mean of figures of so many windows, which count by how long they took."""
    whole_ns = max(sum(times_ns), 1)
    return lambda figures: sum(each * time_ns for each, time_ns in zip(figures, times_ns, strict=True)) / whole_ns


def _between(start: "MachineReading", end: "MachineReading") -> MachineUse:
    return MachineUse(
        client=usage_between(start.client, end.client),
        busy_by_worker=busy_by_process(start.client, end.client),
        beside_busy=usage_between(start.beside, end.beside).busy,
        clocks=change_between(start.clocks, end.clocks),
        cores=(start.cores, end.cores),
        control_groups=tuple(limits_between(start.limits, end.limits)),
        pressure=pressure_between(start.limits, end.limits),
    )


def _total(uses: Sequence[MachineUse]) -> MachineUse:
    over_time = mean_over_time([use.client.window_ns for use in uses])
    workers = min(len(use.busy_by_worker) for use in uses)
    return MachineUse(
        client=total_use([use.client for use in uses]),
        busy_by_worker=tuple(over_time(use.busy_by_worker[worker] for use in uses) for worker in range(workers)),
        beside_busy=over_time(use.beside_busy for use in uses),
        clocks=total_change([use.clocks for use in uses]),
        cores=joined([use.cores for use in uses]),
        control_groups=tuple(total_limits([use.control_groups for use in uses])),
        pressure=total_pressure([use.pressure for use in uses]),
    )
