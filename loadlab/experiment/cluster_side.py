"""The client's side of a rig on the machines of a cluster: shares, counters, speed and clock of each by its name.

What can be measured only in silence is measured where the speed of this machine is, before each window and after it:
so the offset of each clock is known at both its ends.
"""

import statistics
from collections.abc import Mapping
from itertools import pairwise
from types import TracebackType
from typing import Self

import msgspec

from loadlab.cluster.clocks import drift_bound_ppm, drift_ppm, over_window
from loadlab.cluster.fleet import ClusterFleet
from loadlab.cluster.reading import MachineReading
from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.cluster.shares import assign_cores
from loadlab.experiment.context import Resources, RunContext
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.fleet.division import Division, Share
from loadlab.fleet.scenario_log import ScenarioLog
from loadlab.profile.address import Address
from loadlab.results.machine import ClockResult, MachineResult
from loadlab.results.speed import MachineSpeed, Speed, SpeedReading, median_speed


class ClusterSide:
    """The client's side on the machines of `context.cluster`; see `ClientSide` for its methods.

    Those that run on this machine's kernel keep to the cores of the load that `resources` has. The machine that has the
    target takes no part.
    """

    def __init__(self, cluster: Cluster, resources: Resources, log: ScenarioLog | None, context: RunContext) -> None:
        self._cores = cores_by_machine(cluster, resources)
        self._cluster = cluster
        self._context = context
        self._shares: dict[str, tuple[list[Share], list[Share]]] = {}
        self._clocks_before = {machine.name: len(machine.offsets) for machine in cluster.machines}
        self._speed_before = {name: len(readings) for name, readings in context.speed_by_machine.items()}
        host = next((each for each in cluster.machines if each.name == resources.target_on), None)
        self.fleet = ClusterFleet(cluster, self._cores, log, host)
        self._has_ended = False

    @property
    def least_lead_ns(self) -> int:
        """How long before its warm-up a plan has to be sent at least."""
        return self.fleet.plan_lead_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        self.fleet.stop()

    def divide(self, address: Address, connections: int, workers: int | None, idle: int) -> Division:
        """Divide the connections to `address` among the machines; None for `workers` is one for each core."""
        division = self.fleet.divide(address, connections, workers, idle)
        self._shares = self.fleet.shares_by_machine()
        return division

    def read(self, start: Mapping[str, MachineReading]) -> Mapping[str, MachineReading]:
        """Read the counters of each machine, all at once."""
        return self.fleet.read(start)

    def read_silent(self) -> None:
        """Measure the offset of each machine's clock, and the speed of its cores; nothing once the rig has ended."""
        if self._has_ended:
            return
        at = self._context.speed.at
        self.fleet.measure_clocks()
        for name, client_ns in self.fleet.read_speed().items():
            self._context.speed_by_machine.setdefault(name, []).append(SpeedReading(at=at, client_ns=client_ns))

    def machines(self) -> list[LoadMachine]:
        """Return each machine with its share, its clock since this rig began, and its speed against the run so far."""
        return [
            LoadMachine(
                self._result(machine),
                tuple(self._cores[machine.name]),
                kernel=machine.info.boot or machine.name,
                is_here=self._cluster.is_here(machine),
            )
            for machine in self.fleet.machines
        ]

    def _result(self, machine: RemoteMachine) -> MachineResult:
        workers, holders = self._shares.get(machine.name, ([], []))
        return MachineResult(
            name=machine.name,
            host=machine.info.host,
            cores=len(self._cores[machine.name]),
            workers=len(workers),
            holders=len(holders),
            connections=_count(workers),
            idle=_count(holders),
            clock=self._clock(machine),
            speed=self._speed(machine),
        )

    def _clock(self, machine: RemoteMachine) -> ClockResult | None:
        """Return what is known of its clock: each window is planned by the last offset, so it drifts in one only."""
        offsets = machine.offsets[self._clocks_before[machine.name] :]
        if not offsets:
            return None
        first, last = offsets[0], offsets[-1]
        windows = pairwise(offsets) if len(offsets) > 1 else [(first, first)]
        return ClockResult(
            offset_ns=over_window(first, last).offset_ns,
            bound_ns=round(statistics.median(over_window(*pair).bound_ns for pair in windows)),
            drift_ppm=drift_ppm(first, last),
            drift_bound_ppm=drift_bound_ppm(first, last),
        )

    def _speed(self, machine: RemoteMachine) -> Speed:
        run = MachineSpeed.of(readings := self._context.speed_by_machine.get(machine.name, []))
        return median_speed([run.relative(each) for each in readings[self._speed_before.get(machine.name, 0) :]])


def cores_by_machine(cluster: Cluster, resources: Resources) -> dict[str, tuple[int, ...]]:
    """Return the cores of each machine's processes, by name; `resources` are those of this machine.

    One that has the target leaves others on its kernel their part of the cores; here the load's are known already.
    """
    sharing = [each for each in cluster.machines if each.name != resources.target_on or not cluster.is_here(each)]
    infos = [msgspec.structs.replace(machine.info, name=machine.name) for machine in sharing]
    return assign_cores(infos, cluster.here, resources.placement.load)


def _count(shares: list[Share]) -> int:
    return sum(count for share in shares for _, count in share)
