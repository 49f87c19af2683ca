"""The target's side of a rig on a machine of the cluster (`target.on`): the coordinator's end of `cluster.target`.

That machine generates no load then: its cores are the target's. A bundled server listens at the address by which the
machines of the load reach it, and on loopback only if all of them share its network namespace.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from loadlab.cluster.machine import LEASE_SECONDS
from loadlab.cluster.messages import TargetInfo
from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.cluster.shares import assign_cores
from loadlab.cluster.target import Answered, AskedTarget, ProbeStep
from loadlab.errors import ClusterFailed, LoadlabError, NotPossible
from loadlab.experiment.context import Resources, RunContext
from loadlab.probes.memory import MemoryReading
from loadlab.probes.probe import ProbeFailed
from loadlab.processes import Placement
from loadlab.profile.address import Address, TcpAddress, format_address
from loadlab.profile.schema import Cores, LoadProfile
from loadlab.results.speed import SpeedReading
from loadlab.serving.probing import ChosenProbe, WatchedKind
from loadlab.serving.reading import HostReading, TargetLook, TargetReading
from loadlab.serving.starting import Server
from loadlab.targets import Capabilities

_POLL_SECONDS: Final = 1.0
_CHECK_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 25.0  # a command has 10 s to end by itself, and so has what it has started
_numbers: Final = itertools.count(1)


class HostedServer:
    """The target as the load sees it. Its processes are those of another machine, which watches them."""

    def __init__(self, info: TargetInfo, end: Callable[[], str | None]) -> None:
        self.address: Address = TcpAddress(info.host, info.port)
        self.authority = info.authority
        self.capabilities = Capabilities(tuple(info.handlers), info.max_connections, info.backlog)
        self._end = end

    def pids(self) -> list[int]:
        """Return none: they are not this machine's."""
        return []

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs. Raises ClusterFailed where its machine is lost."""
        return self._end()


class HostedProbe:
    """A probe of the target on its machine, for one window; see `Probe`. `check` is called while it waits."""

    def __init__(self, side: "HostedTargetSide", chosen: ChosenProbe, check: Callable[[], None]) -> None:
        self._side = side
        self._chosen = chosen
        self._check = check

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to its processes, which only its machine knows."""
        self._answer(self._side.call("begin_watching", self._chosen))

    def begin(self) -> None:
        """Switch on."""
        self._step("begin")

    def look(self) -> None:
        """Look after the tool."""
        self._step("look")

    def end(self) -> None:
        """Switch off."""
        self._step("end")

    def collect(self) -> Any:  # noqa: ANN401
        """Return what was seen."""
        return self._step("collect")

    def stop(self) -> None:
        """End whatever the probe started."""
        with suppress(LoadlabError):
            self._side.wait(self._side.call("end_watching"))

    def _step(self, step: ProbeStep) -> Any:  # noqa: ANN401
        return self._answer(self._side.call("watch_target", step))

    def _answer(self, future: Any) -> Any:  # noqa: ANN401
        answered: Answered = self._side.wait_patiently(future, self._check)
        if answered.problem is not None:
            raise ProbeFailed(answered.problem)
        return answered.value


class HostedTargetSide:
    """The target of a profile on one machine of the cluster; see `TargetSide` for its methods, and `stand` first."""

    target: Server

    def __init__(self, cluster: Cluster, machine: RemoteMachine, resources: Resources, context: RunContext) -> None:
        self.resources = resources
        self._context = context
        self._cluster = cluster
        self._machine = machine
        self._number = next(_numbers)
        self._end: str | None = None
        self._is_stopped = False
        self._is_seen = True

    def stand(self, asked: AskedTarget, check: Callable[[], None]) -> None:
        """Have it listen. Raises NotPossible, TrialFailed, or what `check` raises; `stop` is to be called then too."""
        info: TargetInfo = self.wait_patiently(self.call("stand_target", asked), check)
        self.target = HostedServer(info, self.poll_exit)
        self._is_seen = info.is_seen
        placement = Placement(tuple(info.cores), self.resources.placement.load)
        self.resources = replace(self.resources, placement=placement)
        self._cluster.add_callback(self._listen)

    def check_reached(self, machines: Sequence[RemoteMachine]) -> None:
        """Raise NotPossible where one of the machines of the load cannot connect to it."""
        address = self.target.address
        calls = [(machine, self._cluster.call(machine, "reaches", address)) for machine in machines]
        for machine, call in calls:
            if not self._cluster.wait(machine, call):
                raise NotPossible(
                    f"client machine {machine.name} cannot connect to the target at {format_address(address)} on "
                    f"machine {self._machine.name}: have it listen on that address ({{host}} in a command), and check "
                    "that nothing filters its port"
                )

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs. Raises ClusterFailed where its machine is lost."""
        if self._end is None and self._machine.problem is not None:
            raise ClusterFailed(self._machine.problem)
        return self._end

    @property
    def is_watched(self) -> bool:
        """Whether its processes can be seen: by its machine."""
        return self._is_seen

    def choose_probe(self, kind: WatchedKind, wanted: str = "") -> ChosenProbe:
        """Return what watches it on its machine."""
        asked = self._cluster.call(self._machine, "choose_probe", kind, wanted)
        chosen: ChosenProbe = self.wait(asked)
        return replace(chosen, missed=tuple(f"on machine {self._machine.name}: {each}" for each in chosen.missed))

    def open_probe(self, chosen: ChosenProbe, check: Callable[[], None]) -> HostedProbe:
        """Return a probe for one window, on its machine."""
        return HostedProbe(self, chosen, check)

    def pids_beside(self) -> list[int]:
        """Return none: they are not this machine's."""
        return []

    def read(self, start: HostReading | None = None) -> TargetReading:
        """Read its counters, and those of its machine."""
        reading: TargetReading = self.wait(self.call("read_target", start))
        return reading

    def look(self, pids: Collection[int] | None, since_ns: int | None) -> TargetLook:
        """Read it, and TCP on its machine, in the middle of a window; times are that machine's."""
        look: TargetLook = self.wait(self.call("look_at_target", None if pids is None else list(pids), since_ns))
        return look

    def read_pss(self) -> int | None:
        """Return its memory in bytes."""
        pss_bytes: int | None = self.wait(self.call("read_target_pss"))
        return pss_bytes

    def read_memory(self, holder_pids: Iterable[int] = ()) -> MemoryReading | None:
        """Return its memory, and that of its machine's kernel; idle holders are on other machines."""
        memory: MemoryReading | None = self.wait(self.call("read_target_memory"))
        return memory

    def count_open(self) -> int | None:
        """Return how many descriptors it has open in all."""
        count: int | None = self.wait(self.call("count_target_open"))
        return count

    def read_silent(self) -> None:
        """Measure the speed of its cores."""
        target_ns: int | None = self.wait(self.call("read_target_speed"))
        reading = SpeedReading(at=self._context.speed.at, target_ns=target_ns)
        self._context.speed_by_machine.setdefault(self._machine.name, []).append(reading)

    def stop(self, log: Path | None) -> None:
        """End it, and keep in `log` what its command has printed. A machine that is lost ends it by its lease."""
        self._is_stopped = True
        with suppress(LoadlabError):
            printed: bytes = self.wait(self.call("stop_target"), _STOP_SECONDS)
            if log is not None:
                log.write_bytes(printed)

    def call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a method of its machine's for this rig."""
        return self._cluster.call(self._machine, method, self._number, *arguments)

    def wait_patiently(self, future: Any, check: Callable[[], None]) -> Any:  # noqa: ANN401
        """Return what a call returns, however long it takes, as long as its machine can be reached."""
        while not future.done():
            check()
            if self._machine.problem is not None:
                raise ClusterFailed(self._machine.problem)
            time.sleep(_CHECK_SECONDS)
        return self.wait(future)

    def wait(self, future: Any, seconds: float | None = None) -> Any:  # noqa: ANN401
        """Return what a call returns; see `Cluster.wait`."""
        if seconds is None:
            return self._cluster.wait(self._machine, future)
        return self._cluster.wait(self._machine, future, seconds)

    async def _listen(self) -> None:
        """Ask whether it has ended, until it is stopped, in the thread of Dask's client."""
        while not self._is_stopped and self._end is None:
            try:
                asked = self.call("next_end", _POLL_SECONDS)
                self._end = await asyncio.wait_for(asked, _POLL_SECONDS + LEASE_SECONDS)
            except Exception as error:  # all that Dask may raise means that the machine cannot be used any more
                if not self._is_stopped:
                    await self._cluster.failure(self._machine, error)
                return


@contextmanager
def hosted_target(
    profile: LoadProfile, context: RunContext, cluster: Cluster, log: Path | None
) -> Iterator[HostedTargetSide]:
    """Have the target of a profile listen on its machine until the end of the block; see `serving.serve`."""
    machine = next(each for each in cluster.machines if each.name == profile.target.on)
    others = [each for each in cluster.machines if each is not machine]
    machine.role = "machine"
    placement = _placement(profile, context, cluster, machine)
    resources = replace(context.resources, placement=placement, target_on=machine.name)
    side = HostedTargetSide(cluster, machine, resources, context)
    try:
        host = listening_host(cluster, machine, others)
        side.stand(
            AskedTarget(profile, host, placement.target, resources.pinned, machine.info.boot or machine.name),
            context.check,
        )
        side.check_reached(others)
        yield side
    finally:
        side.stop(log)
        machine.role = "client machine"


def _placement(profile: LoadProfile, context: RunContext, cluster: Cluster, machine: RemoteMachine) -> Placement:
    """Return the cores of the target on its machine, and those of the load on this one, if any of it is here."""
    given, wanted = context.resources.placement, profile.placement
    load_is_here = any(cluster.is_here(each) for each in cluster.machines if each is not machine)
    load = given.load if load_is_here else ()
    if isinstance(wanted, Cores):
        return Placement(wanted.target or given.target, load)
    own = tuple(machine.info.cores)
    if not context.resources.pinned:
        return Placement(own, load)
    if cluster.is_here(machine):  # the same cores as this machine's
        return Placement(tuple(core for core in given.target if core in own) or own if load else own, load)
    infos = [msgspec.structs.replace(each.info, name=each.name) for each in cluster.machines]
    # Those of other Dask workers on its kernel are divided with them.
    target = assign_cores(infos, cluster.here, given.load)[machine.name]
    return Placement(target, tuple(sorted(os.sched_getaffinity(0))) if load else ())


def listening_host(cluster: Cluster, machine: RemoteMachine, others: Sequence[RemoteMachine]) -> str | None:
    """Return the machine's address towards those of the load; None if all of them share its network namespace."""
    own = (machine.info.boot, machine.info.network)
    outside = [each for each in others if not own[0] or (each.info.boot, each.info.network) != own]
    if not outside:
        return None
    for each in outside:
        towards = urlsplit(each.address).hostname or each.info.host
        sources: list[str] = cluster.wait(machine, cluster.call(machine, "sources", towards))
        if sources and not sources[0].startswith("127."):
            return sources[0]
    # By IPv6, or over a network that Dask reaches otherwise: where its worker listens, the others can connect to.
    return urlsplit(machine.address).hostname or machine.info.host
