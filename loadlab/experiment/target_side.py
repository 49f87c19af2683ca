"""The target's side of one rig: where the target runs, which cores it has there, and what is read of it.

`TargetHere` is on this machine, or on one that is none of the cluster's and of which nothing can be read. With
`target.on` it is on a machine of the cluster (`hosted_target`), started and read there by the same functions.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from loadlab.errors import LoadlabError, NotPossible
from loadlab.experiment.context import Resources, RunContext, resources_beside
from loadlab.probes.memory import MemoryReading
from loadlab.probes.probe import Probe
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.profile.values import list_words
from loadlab.serving.probing import ChosenProbe, WatchedKind
from loadlab.serving.reading import HostReading, TargetLook, TargetReading, TargetReadings
from loadlab.serving.starting import Place, Server, StandingTarget, stand_target
from loadlab.targets import why_not_held

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


class TargetSide(Protocol):
    """Where the target of one rig runs. See `TargetReadings` for what its methods return.

    `target` has no pids where its processes are those of another machine.
    """

    target: Server
    resources: Resources

    def poll_exit(self) -> str | None:
        """Return a sentence on how it, or the server behind it, ended; None while they run."""

    @property
    def is_watched(self) -> bool:
        """Whether its processes can be seen, here or where it is."""

    def choose_probe(self, kind: WatchedKind, wanted: str = "") -> ChosenProbe:
        """Return what watches it on its machine: the best of its kind, or the tracer that is `wanted`."""

    def open_probe(self, chosen: ChosenProbe, check: Callable[[], None]) -> Probe[Any]:
        """Return a probe for one window, on its machine; it is prepared with processes only if they are here."""

    def pids_beside(self) -> list[int]:
        """Return the processes of the server behind it that are on this machine."""

    def read(self, start: HostReading | None = None) -> TargetReading:
        """Read its counters; `start` is the reading of its machine at the window's begin, where it is another one."""

    def look(self, pids: Collection[int] | None, since_ns: int | None) -> TargetLook:
        """Read in the middle of a window."""

    def read_pss(self) -> int | None:
        """Return its memory in bytes."""

    def read_memory(self, holder_pids: Iterable[int] = ()) -> MemoryReading | None:
        """Return its memory, that of idle holders on this machine, and the kernel's."""

    def count_open(self) -> int | None:
        """Return how many descriptors it has open in all."""

    def read_silent(self) -> None:
        """Measure what can be measured only while the rig is silent: the speed of its cores on another machine."""


class TargetHere(TargetReadings):
    """A target that was started on this machine or attached to, beside the load if that is here."""

    def __init__(self, standing: StandingTarget, resources: Resources) -> None:
        super().__init__(standing.target, standing.upstream)
        self.resources = resources

    @property
    def is_watched(self) -> bool:
        """Whether its processes can be seen."""
        return bool(self.target.pids())

    def read_silent(self) -> None:
        """Do nothing: the speed of this machine is read with that of the load's cores."""


@contextmanager
def serve(profile: LoadProfile, context: RunContext, log: Path | None) -> Iterator[TargetSide]:
    """Have the target of a profile listen where it says, until the end of the block.

    What a command prints goes to `log`, or nowhere that lasts. Raises NotPossible where target or machine lack what the
    profile asks for, TrialFailed when a server does not start, or what the context's `check` raises.
    """
    target, load = profile.target, profile.load
    where = "" if target.on is None else f" on {target.on}"
    verb = "attaching to" if target.kind == "address" else "starting"
    context.observer.phase(f"{verb} {target.name}{where}", None)
    with (_here if target.on is None else _there)(profile, context, log) as side:
        connections = load.connections + load.slow_connections + load.idle
        if reason := why_not_held(side.target.capabilities, connections):
            raise NotPossible(reason)
        yield side


def check_hosts(trials: Iterable[Trial], cluster: "Cluster | None") -> None:
    """Raise LoadlabError where a machine that the trials name for their targets cannot have them."""
    for trial in trials:
        if isinstance(trial.profile, LoadProfile) and (reason := why_not_hosted(trial.profile, cluster)):
            raise LoadlabError(reason)


def only_host(trials: Iterable[Trial]) -> str | None:
    """Return the machine that has the targets of all trials; None where there is none, or they have turns."""
    hosts = {trial.profile.target.on for trial in trials if isinstance(trial.profile, LoadProfile)}
    return hosts.pop() if len(hosts) == 1 else None


def why_not_hosted(profile: LoadProfile, cluster: "Cluster | None") -> str | None:
    """Return why the machine that the profile names for its target cannot have it, in a sentence; None if it can."""
    name = profile.target.on
    if name is None:
        return None
    if cluster is None:
        return f"target.on: {name} is a machine of a cluster: name its scheduler with --cluster, or remove target.on"
    names = [machine.name for machine in cluster.machines]
    if name not in names:
        return f"the cluster has no machine {name} (target.on); it has {list_words(names)}"
    if len(names) == 1:
        return (
            f"machine {name} has the target (target.on), so the load has to come from others, and the cluster has no "
            "other: start a Dask worker on one"
        )
    return None


@contextmanager
def _there(profile: LoadProfile, context: RunContext, log: Path | None) -> Iterator[TargetSide]:
    if reason := why_not_hosted(profile, context.cluster):
        raise NotPossible(reason)
    assert context.cluster is not None
    # Not above: it needs Dask, which runs without a cluster do not have.
    from loadlab.experiment.hosted_target import hosted_target

    with hosted_target(profile, context, context.cluster, log) as hosted:
        yield hosted


@contextmanager
def _here(profile: LoadProfile, context: RunContext, log: Path | None) -> Iterator[TargetSide]:
    target_cores, load_cores = context.resources.cores
    place = Place(target_cores, load_cores, log=log)
    with stand_target(profile, place, context.names, context.check) as standing:
        resources = context.resources
        if standing.may_run_on is not None:
            available = os.sched_getaffinity(0)
            resources = resources_beside(resources, profile, standing.may_run_on, available)
        yield TargetHere(standing, resources)
