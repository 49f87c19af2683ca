"""Whether the machines of a cluster can generate the load of trials together, before anything is started.

The load of each trial is divided as it would be in the run; each machine then judges its own part by the checks that
`doctor` has for this one.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlsplit

from loadlab.cluster.clocks import ClockOffset
from loadlab.cluster.limits import limits_towards
from loadlab.cluster.machine import Claimed
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.remote import Cluster
from loadlab.cluster.shares import MachineLimits, divide_among
from loadlab.errors import LoadlabError
from loadlab.experiment.cluster_side import cores_by_machine
from loadlab.experiment.context import Resources
from loadlab.experiment.hosted_target import listening_host
from loadlab.experiment.preflight import format_problem, required_by_target
from loadlab.fleet.division import Share
from loadlab.host import Diagnosis, Requirements, State, largest, requirements_of_part
from loadlab.profile import LoadProfile, Trial
from loadlab.profile.address import Address, TcpAddress, format_address, parse_address
from loadlab.profile.values import list_words
from loadlab.targets import Names, accepts
from loadlab.units import format_duration_ns

_EXAMINE_SECONDS: Final = 30.0
_LOOPBACK: Final = "127.0.0.1"
_KNOWN_WELL_NS: Final = 1_000_000  # docs/verdict.md: from here on the merged intervals of an open model are suspect


@dataclass(frozen=True, slots=True)
class Part:
    """What a machine has of a load."""

    workers: int = 0
    connections: int = 0
    holders: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class MachineReadiness:
    """One machine: its part of the trial in which that is largest, the most that trials need of it, and its checks.

    `part` is None for one that has nothing but targets. `speed_ns` is the CPU time that a fixed piece of arithmetic
    takes on its cores, None where another run uses them.
    """

    name: str
    info: MachineInfo
    cores: int
    part: Part | None
    needed: Requirements
    clock: ClockOffset
    speed_ns: int | None
    diagnoses: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True)
class ClusterReadiness:
    """The machines, which of the trials (by their position) they cannot make, and what is in the way of these.

    `held` says which other run holds machines now; None if none does.
    """

    machines: tuple[MachineReadiness, ...]
    impossible: frozenset[int]
    lacks: tuple[Diagnosis, ...]
    held: str | None

    @classmethod
    def of(
        cls,
        trials: Sequence[Trial],
        cluster: Cluster,
        resources: Resources,
        names: Names,
        measures_speed: bool = True,
        is_reference: bool = False,
    ) -> Self:
        """Judge the trials by the machines of `cluster` and their cores.

        With `is_reference` they are none of a user's: their targets are taken to be within reach. To measure their
        speed, all machines are claimed, unless another run holds one. Raises LoadlabError where one does not answer.
        """
        division = _Division(cluster, resources, names, _host_within_reach(cluster) if is_reference else _LOOPBACK)
        divided = [division.of(trial) for trial in trials]
        needed = {
            machine.name: [_needed(trial, found, machine.name) for trial, found in zip(trials, divided, strict=True)]
            for machine in cluster.machines
        }
        examined = _examine(cluster, needed, division.hosts)
        # One that does not even answer here is its own server's affair.
        attached = {address for found in divided if (address := _attached(found)) is not None and accepts(address)}
        unreached = _unreached(cluster, attached)
        cluster.measure_clocks()
        cores = division.cores(None)
        held, speeds = _measure_speeds(cluster, cores) if measures_speed else (None, {})
        impossible = {index for index, found in enumerate(divided) if isinstance(found, LoadlabError)}
        machines = []
        for machine in cluster.machines:
            name = machine.name
            of_all, *of_each = examined[name]
            impossible |= {index for index, found in enumerate(of_each) if any(each.is_blocker for each in found)}
            impossible |= {index for index, found in enumerate(divided) if _attached(found) in unreached[name]}
            # On this machine's kernel nothing else runs than is known from it.
            diagnoses = [each for each in of_all if each.is_blocker or not cluster.is_here(machine)]
            diagnoses += [*_clock_problem(machine.offsets[-1]), *map(_out_of_reach, unreached[name])]
            machines.append(
                MachineReadiness(
                    name,
                    machine.info,
                    len(cores[name]),
                    _largest_part(name, divided) or (None if name in division.hosts else Part()),
                    largest(needed[name]),
                    machine.offsets[-1],
                    speeds.get(name),
                    tuple(diagnoses),
                )
            )
        texts = dict.fromkeys(str(found) for found in divided if isinstance(found, LoadlabError))
        lacks = [Diagnosis("client machines", "too little", None, State.BLOCKER, text) for text in texts]
        return cls(tuple(machines), frozenset(impossible), tuple(lacks), held)

    @property
    def blockers(self) -> list[Diagnosis]:
        """What makes trials impossible: of all machines together, and of each with its name."""
        return [
            *self.lacks,
            *(
                replace(each, check=f"{each.check} of {having}", problem=f"{having}: {each.problem}")
                for having, each in self._problems(State.BLOCKER)
            ),
        ]

    def sentences(self, states: Collection[State]) -> list[str]:
        """Return a sentence for each problem of these states, with the names of the machines that have it."""
        return [f"{having}: {format_problem(each)}" for state in states for having, each in self._problems(state)]

    def _problems(self, state: State) -> list[tuple[str, Diagnosis]]:
        """Return the problems of that state, each with the machines that have it: "machines w1 and w2"."""
        names: defaultdict[Diagnosis, list[str]] = defaultdict(list)
        for machine in self.machines:
            for each in machine.diagnoses:
                if each.state is state:
                    names[each].append(machine.name)
        return [
            (f"machine{'s' if len(having) > 1 else ''} {list_words(having)}", each) for each, having in names.items()
        ]


@dataclass(frozen=True, slots=True)
class _Divided:
    """The shares of all machines, but of one that has the target, and their cores, by name."""

    shares: Mapping[str, tuple[list[Share], list[Share]]]
    cores: Mapping[str, Sequence[int]]
    attached: Address | None
    """Where the target is, if it runs already and is none of these machines' own."""

    @property
    def workers(self) -> int:
        return sum(len(workers) for workers, _ in self.shares.values())


class _Division:
    """How loads are divided among the machines towards their targets; limits towards each are asked for once.

    `hosts` are the machines that have had targets so far, by name. What is started here listens at the IP address
    `started_at`.
    """

    def __init__(self, cluster: Cluster, resources: Resources, names: Names, started_at: str) -> None:
        self.hosts: set[str] = set()
        self._cluster = cluster
        self._resources = resources
        self._names = names
        self._started_at = started_at
        self._limits: dict[tuple[Address, str | None], list[MachineLimits]] = {}

    def cores(self, host: str | None) -> dict[str, tuple[int, ...]]:
        """Return the cores of all machines; of `host`, which has the target, what there are."""
        found = cores_by_machine(self._cluster, replace(self._resources, target_on=host))
        return {machine.name: tuple(machine.info.cores) for machine in self._cluster.machines} | found

    def of(self, trial: Trial) -> _Divided | LoadlabError:
        """Return the shares of all machines, or why there are none."""
        assert isinstance(trial.profile, LoadProfile)
        load, host = trial.profile.load, trial.profile.target.on
        if host is not None:
            self.hosts.add(host)
        cores = self.cores(host)
        workers = None if load.workers == "auto" else load.workers
        try:
            address = self._address(trial.profile)
            limits = self._limits_towards(address, host, cores)
            found = divide_among(limits, address, load.connections, workers, load.idle)
        except LoadlabError as error:
            return error
        is_attached = trial.profile.target.kind == "address" and host is None
        return _Divided(found.by_machine([machine.name for machine in limits]), cores, address if is_attached else None)

    def _address(self, profile: LoadProfile) -> Address:
        """Return where the target listens; the port of one that is started is not known yet."""
        target, machines = profile.target, self._cluster.machines
        if target.on is not None:
            (host,) = [machine for machine in machines if machine.name == target.on]
            others = [machine for machine in machines if machine is not host]
            return TcpAddress(listening_host(self._cluster, host, others) or _LOOPBACK, 0)
        if target.kind != "address":
            return TcpAddress(self._started_at, 0)
        return self._names.resolve(parse_address(target.address or ""))

    def _limits_towards(
        self, address: Address, host: str | None, cores: Mapping[str, Sequence[int]]
    ) -> list[MachineLimits]:
        if (address, host) not in self._limits:
            hosting = next((machine for machine in self._cluster.machines if machine.name == host), None)
            self._limits[address, host] = limits_towards(self._cluster, cores, address, hosting)
        return self._limits[address, host]


def _host_within_reach(cluster: Cluster) -> str:
    """Return an IP address that all machines reach: where one of them listens to the others of Dask's."""
    elsewhere = [machine for machine in cluster.machines if not cluster.is_here(machine)]
    return (urlsplit(elsewhere[0].address).hostname or _LOOPBACK) if elsewhere else _LOOPBACK


def _needed(trial: Trial, found: _Divided | LoadlabError, name: str) -> Requirements:
    """Return what a trial takes of a machine: for its part of the load, or for the target."""
    assert isinstance(trial.profile, LoadProfile)
    if trial.profile.target.on == name:
        return required_by_target(trial.profile)
    if isinstance(found, LoadlabError):
        return Requirements()
    return requirements_of_part(trial.profile, *found.shares[name], found.workers, found.cores[name])


def _examine(
    cluster: Cluster, needed: Mapping[str, Sequence[Requirements]], hosts: Collection[str]
) -> dict[str, list[list[Diagnosis]]]:
    """Have all machines judge themselves at once: by the most of everything that trials need, then by each trial."""
    calls = []
    for machine in cluster.machines:
        by_trial = needed[machine.name]
        judged = [largest(by_trial), *by_trial]
        calls.append((machine, cluster.call(machine, "examine", judged, machine.name in hosts)))
    return {machine.name: cluster.wait(machine, future, _EXAMINE_SECONDS) for machine, future in calls}


def _unreached(cluster: Cluster, addresses: Collection[Address]) -> dict[str, set[Address]]:
    """Return which of the addresses accept no connection from which machine, by its name."""
    calls = [
        (machine, address, cluster.call(machine, "reaches", address))
        for machine in cluster.machines
        for address in addresses
    ]
    unreached: dict[str, set[Address]] = {machine.name: set() for machine in cluster.machines}
    for machine, address, future in calls:
        if not cluster.wait(machine, future):
            unreached[machine.name].add(address)
    return unreached


def _attached(found: _Divided | LoadlabError) -> Address | None:
    return None if isinstance(found, LoadlabError) else found.attached


def _out_of_reach(address: Address) -> Diagnosis:
    where = format_address(address)
    return Diagnosis(
        "target",
        "out of reach",
        where,
        State.BLOCKER,
        f"{where} does not accept a connection from there",
        "check routes and firewalls, and that the server listens on an address of that network",
    )


def _measure_speeds(cluster: Cluster, cores: Mapping[str, Sequence[int]]) -> tuple[str | None, dict[str, int | None]]:
    """Return which run holds machines, and otherwise how fast each machine is, one after the other."""
    try:
        cluster.claim()
    except Claimed as held:
        return str(held), {}
    return None, {
        machine.name: cluster.wait(machine, cluster.call(machine, "measure_speed", list(cores[machine.name])))
        for machine in cluster.machines
    }


def _clock_problem(clock: ClockOffset) -> list[Diagnosis]:
    if clock.bound_ns <= _KNOWN_WELL_NS:
        return []
    bound = format_duration_ns(clock.bound_ns)
    return [
        Diagnosis(
            "clock",
            f"± {bound}",
            None,
            State.WARNING,
            f"its clock is known only to within {bound}, half of a round trip, and its windows may begin as much apart",
            "use a machine in the same network, or repeat when it is quiet",
        )
    ]


def _largest_part(name: str, divided: Sequence[_Divided | LoadlabError]) -> Part | None:
    parts = [
        Part(len(workers), _count(workers), len(holders), _count(holders))
        for found in divided
        if isinstance(found, _Divided) and name in found.shares
        for workers, holders in [found.shares[name]]
    ]
    return max(parts, key=lambda part: part.connections + part.idle, default=None)


def _count(shares: Sequence[Share]) -> int:
    return sum(count for share in shares for _, count in share)
