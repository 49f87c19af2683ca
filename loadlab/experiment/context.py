"""What everything in a run shares: this machine's resources, who is kept informed, and how it is ended early."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

from loadlab.errors import LoadlabError
from loadlab.host import OwnLimits
from loadlab.probes.speed import SpeedMeter
from loadlab.processes import Placement, choose_placement
from loadlab.processes.control_groups import own_quota
from loadlab.profile.schema import Cores, LoadProfile, Profile
from loadlab.profile.sweep import Trial
from loadlab.recording.histogram import Histogram
from loadlab.results.paired import Difference
from loadlab.results.speed import MachineSpeed, SpeedReading
from loadlab.results.trial import TrialResult
from loadlab.targets import Names

if TYPE_CHECKING:
    from loadlab.cluster.messages import MachineInfo
    from loadlab.cluster.remote import Cluster


@dataclass(frozen=True, slots=True)
class Resources:
    """The cores of target and load, whether each side is bound to its own, and the hard limit of open files.

    A target that runs already is not bound by loadlab: its cores are those that it may run on. The load has none where
    it comes from other machines only. The target's are those of `target_on`, a machine of the cluster (None: this one).
    """

    placement: Placement
    pinned: bool
    open_files: int
    target_on: str | None = None

    @property
    def cores(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """The cores to bind target and load to; None leaves it to the kernel."""
        target, load = self.placement.target, self.placement.load
        # Where all load comes from other machines, what is beside the target is on its cores.
        return (target, load or target) if self.pinned else (None, None)

    @property
    def shared_cores(self) -> frozenset[int]:
        """The cores that both sides may run on."""
        target, load = set(self.placement.target), set(self.placement.load)
        if not target or not load or self.target_on is not None:  # one of them is on other machines
            return frozenset()
        return frozenset(target & load if self.pinned else target | load)

    @property
    def is_apart(self) -> bool:
        """Whether the target's cores are its own: it is bound to them, or alone on another machine."""
        return self.pinned or self.target_on is not None

    def cores_by_side(self) -> dict[str, list[int]]:
        """Return the cores that each side was bound to, by side; empty if neither was."""
        if not self.pinned:
            return {}
        load = {"load": list(self.placement.load)} if self.placement.load else {}
        return {"target": list(self.placement.target), **load}


def resources_of_host() -> Resources:
    """Return what this machine gives a trial that asks for nothing in particular."""
    placement = choose_placement(os.sched_getaffinity(0), own_quota())
    return Resources(placement, True, OwnLimits.of_this_process().open_files_hard)


def resources_for(profile: Profile) -> Resources:
    """Return what this machine gives the trials. Raises LoadlabError where the profile's placement asks for more."""
    given = resources_of_host()
    wanted = profile.placement if isinstance(profile, LoadProfile) else "auto"
    placement = given.placement
    if isinstance(profile, LoadProfile) and isinstance(wanted, Cores):
        available = os.sched_getaffinity(0)
        # Beside a target that runs already, bundled servers are started for the calibration only.
        target = wanted.target or tuple(sorted(available - set(wanted.load))) or wanted.load
        placement = Placement(target, wanted.load)
        # Those of a target on another machine are that machine's.
        named = {*placement.load, *(() if profile.target.on else placement.target)}
        if missing := sorted(named - available):
            raise LoadlabError(
                f"placement: core {missing[0]} is not among the cores that loadlab may use here "
                f"({', '.join(map(str, sorted(available)))}); name others, or say auto"
            )
    return replace(given, placement=placement, pinned=wanted != "none")


def resources_beside(
    given: Resources, profile: LoadProfile, target_cores: Collection[int], available: Collection[int]
) -> Resources:
    """Return the resources beside a target that runs already, and may run on `target_cores`.

    Unless the profile names the cores of the load, it takes those of `available` that the target cannot run on. Where
    there are none it keeps to its own part of them, which leaves the others to the target. Load from other machines
    takes none.
    """
    load = given.placement.load
    if profile.placement == "auto" and load:
        load = tuple(sorted(set(available) - set(target_cores))) or load
    return replace(given, placement=Placement(tuple(sorted(target_cores)), load))


@dataclass(frozen=True, slots=True)
class SoFar:
    """A measured window under way: the rate over its last interval, and what it has recorded since its begin.

    `requests` have been answered as expected, `failed` ended otherwise. `responses` is not a copy, and goes on growing.
    With a scenario its iterations have a rate as well.
    """

    requests_per_second: float
    requests: int
    failed: int
    responses: Histogram
    iterations_per_second: float | None = None


class Observer(Protocol):
    """What a run reports as it goes on; the terminal's progress display is one such observer.

    Called from the thread that measures: an observer that takes long delays the measurement's bookkeeping.
    """

    def trial_begins(self, trial: Trial) -> None:
        """A trial is about to start its target."""

    def phase(self, name: str, fraction: float | None) -> None:
        """The trial is at `name`, such as "warming up"; `fraction` of it is done (None: not known)."""

    def so_far(self, measured: SoFar) -> None:
        """What the measured window has so far, after each of its intervals."""

    def compared(self, pairs: int, difference: Difference | None) -> None:
        """A comparison in the same seconds has so many pairs, with this difference in what it is to be decided on."""

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has its result, whatever its state."""


class Unobserved:
    """An observer for those who need only the results."""

    def trial_begins(self, trial: Trial) -> None:
        """Do nothing."""

    def phase(self, name: str, fraction: float | None) -> None:
        """Do nothing."""

    def so_far(self, measured: SoFar) -> None:
        """Do nothing."""

    def compared(self, pairs: int, difference: Difference | None) -> None:
        """Do nothing."""

    def trial_ended(self, result: TrialResult) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The resources that trials have, the addresses of their servers, the machine's speed, the observer, and `check`.

    The load comes from the machines of `cluster`, whose speeds are kept by name; None is this machine alone. So is the
    speed of one that has the target.

    `check` is called many times a second wherever a trial can end without losing anything. It raises KeyboardInterrupt
    when the user wants an end; `check_insistent` does when the user does not even want to wait for what is tidied up.
    """

    resources: Resources
    observer: Observer
    check: Callable[[], None]
    names: Names = field(default_factory=Names)
    speed: SpeedMeter = field(default_factory=SpeedMeter)
    check_insistent: Callable[[], None] = lambda: None
    cluster: "Cluster | None" = None
    speed_by_machine: dict[str, list[SpeedReading]] = field(default_factory=dict)

    def with_cluster(self, cluster: "Cluster | None") -> Self:
        """Return it with the load coming from the machines of `cluster`; None is this machine alone.

        If none of them is this one, the target may have all cores, unless the profile names those of both sides.
        """
        if cluster is None or any(map(cluster.is_here, cluster.machines)):
            return replace(self, cluster=cluster)
        resources, placement = self.resources, self.resources.placement
        target = placement.target
        if placement == resources_of_host().placement:
            target = tuple(sorted({*placement.target, *placement.load}))
        return replace(self, cluster=cluster, resources=replace(resources, placement=Placement(target, ())))

    def speed_of_target(self, on: str | None) -> MachineSpeed | None:
        """Return the speed so far of the machine that has the target: of the cluster's machine `on`, or of this one.

        None if there is no reading yet.
        """
        if on is None:
            return self.speed.so_far()
        readings = self.speed_by_machine.get(on)
        return MachineSpeed.of(readings) if readings else None

    @property
    def client_speeds(self) -> dict[str, MachineSpeed]:
        """The speeds of the machines of the cluster over the run so far, by their names."""
        return {name: MachineSpeed.of(readings) for name, readings in self.speed_by_machine.items()}

    @property
    def client_bytes(self) -> int | None:
        """The memory of the machines that the load comes from; None for load from this one."""
        if self.cluster is None or self.load_is_here:
            return None
        by_kernel: defaultdict[str, list[MachineInfo]] = defaultdict(list)
        for machine in self.cluster.machines:
            by_kernel[machine.info.boot or machine.name].append(machine.info)
        return sum(
            min(same[0].kernel_memory_bytes, sum(info.memory_bytes for info in same)) for same in by_kernel.values()
        )

    @property
    def load_is_here(self) -> bool:
        """Whether all of the load comes from this machine, be it as the machines of a cluster."""
        return self.cluster is None or self.cluster.is_here_alone
