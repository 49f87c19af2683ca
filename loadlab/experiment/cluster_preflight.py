"""Whether the machines of a cluster can generate the load of trials together, before anything is started.

The load of each trial is divided as it would be in the run; each machine then judges its own part by the checks that
`doctor` has for this one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from loadlab.cluster.clocks import ClockOffset
from loadlab.cluster.limits import limits_towards
from loadlab.cluster.machine import Claimed
from loadlab.cluster.messages import Examined, MachineInfo
from loadlab.cluster.remote import Cluster
from loadlab.cluster.shares import MachineLimits, divide_among
from loadlab.errors import LoadlabError
from loadlab.experiment.cluster_side import cores_by_machine
from loadlab.experiment.context import Resources
from loadlab.fleet.division import Share
from loadlab.host import Diagnosis, Requirements, State, largest, requirements_of_part
from loadlab.profile import LoadProfile, Trial
from loadlab.profile.address import Address, TcpAddress, format_address, parse_address
from loadlab.targets import Names
from loadlab.units import format_duration_ns

_EXAMINE_SECONDS: Final = 30.0
_LOOPBACK: Final = TcpAddress("127.0.0.1", 0)  # of a server that is started here; its port is not known yet
_KNOWN_WELL_NS: Final = 1_000_000  # docs/verdict.md: from here on the merged intervals of an open model are suspect

_Shares = dict[str, tuple[list[Share], list[Share]]]


@dataclass(frozen=True, slots=True)
class Part:
    """What a machine has of a load."""

    workers: int = 0
    connections: int = 0
    holders: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class ClientMachine:
    """One machine: its part of the trial in which that is largest, the most that trials need of it, and its checks.

    `speed_ns` is the CPU time that a fixed piece of arithmetic takes on its cores, None where another run uses them.
    """

    name: str
    info: MachineInfo
    cores: int
    part: Part
    needed: Requirements
    clock: ClockOffset
    speed_ns: int | None
    diagnoses: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True)
class ClusterReadiness:
    """The machines, which of the trials (by their position) they cannot make, and what is in the way of these.

    `held` says which other run holds machines now; None if none does.
    """

    machines: tuple[ClientMachine, ...]
    impossible: frozenset[int]
    lacks: tuple[Diagnosis, ...]
    held: str | None

    @classmethod
    def of(cls, trials: Sequence[Trial], cluster: Cluster, resources: Resources, names: Names) -> Self:
        """Judge the trials by the machines of `cluster`, which is not claimed yet, and by their cores.

        It is claimed for a moment, to measure its speed, unless another run holds it. Raises LoadlabError where a
        machine does not answer.
        """
        cores = cores_by_machine(cluster, resources)
        division = _Division(cluster, cores, names)
        divided = [division.of(trial) for trial in trials]
        impossible = {index for index, found in enumerate(divided) if isinstance(found, LoadlabError)}
        texts = dict.fromkeys(str(found) for found in divided if isinstance(found, LoadlabError))
        lacks = [Diagnosis("client machines", "too little", None, State.BLOCKER, text) for text in texts]
        needed = {
            machine.name: [
                _needed(trial, found, machine.name, cores) for trial, found in zip(trials, divided, strict=True)
            ]
            for machine in cluster.machines
        }
        examined = _examine(cluster, needed, division.attached)
        cluster.measure_clocks()
        held, speeds = _measure_speeds(cluster, cores)
        machines = []
        for machine in cluster.machines:
            of_all, *of_each = examined[machine.name].diagnoses
            impossible |= {index for index, found in enumerate(of_each) if any(each.is_blocker for each in found)}
            # On this machine's kernel nothing else runs than is known from it.
            diagnoses = [each for each in of_all if each.is_blocker or not cluster.is_here(machine)]
            diagnoses += _clock_problem(machine.offsets[-1])
            if not examined[machine.name].reaches_target:
                diagnoses.append(_unreached(division.attached))
                impossible |= {*range(len(trials))}
            machines.append(
                ClientMachine(
                    machine.name,
                    machine.info,
                    len(cores[machine.name]),
                    _largest_part(machine.name, divided),
                    largest(needed[machine.name]),
                    machine.offsets[-1],
                    speeds.get(machine.name),
                    tuple(diagnoses),
                )
            )
        return cls(tuple(machines), frozenset(impossible), tuple(lacks), held)

    def problems(self, state: State) -> list[tuple[str, Diagnosis]]:
        """Return the problems of that state, each with the names of the machines that have it."""
        names: defaultdict[Diagnosis, list[str]] = defaultdict(list)
        for machine in self.machines:
            for each in machine.diagnoses:
                if each.state is state:
                    names[each].append(machine.name)
        return [(", ".join(having), each) for each, having in names.items()]


class _Division:
    """How loads are divided among the machines towards their targets; limits towards each are asked for once."""

    def __init__(self, cluster: Cluster, cores: Mapping[str, Sequence[int]], names: Names) -> None:
        self.attached: Address | None = None
        """The last target that runs already: whether machines reach it can be tried."""
        self._cluster = cluster
        self._cores = cores
        self._names = names
        self._limits: dict[Address, list[MachineLimits]] = {}

    def of(self, trial: Trial) -> _Shares | LoadlabError:
        """Return the shares of all machines, by name, or why there are none."""
        assert isinstance(trial.profile, LoadProfile)
        load = trial.profile.load
        try:
            address = self._address(trial.profile)
            if address not in self._limits:
                self._limits[address] = limits_towards(self._cluster, self._cores, address)
            workers = None if load.workers == "auto" else load.workers
            found = divide_among(self._limits[address], address, load.connections, workers, load.idle)
        except LoadlabError as error:
            return error
        return found.by_machine([machine.name for machine in self._cluster.machines])

    def _address(self, profile: LoadProfile) -> Address:
        if profile.target.kind != "address":
            return _LOOPBACK
        self.attached = self._names.resolve(parse_address(profile.target.address or ""))
        return self.attached


def _needed(trial: Trial, found: _Shares | LoadlabError, name: str, cores: Mapping[str, Sequence[int]]) -> Requirements:
    """Return what a machine's part of a trial takes; nothing of one that is not divided."""
    if isinstance(found, LoadlabError):
        return Requirements()
    assert isinstance(trial.profile, LoadProfile)
    all_workers = sum(len(workers) for workers, _ in found.values())
    return requirements_of_part(trial.profile, *found[name], all_workers, cores[name])


def _examine(
    cluster: Cluster, needed: Mapping[str, Sequence[Requirements]], address: Address | None
) -> dict[str, Examined]:
    """Have all machines judge themselves at once: by the most of everything that trials need, then by each trial."""
    calls = [
        (machine, cluster.call(machine, "examine", [largest(needed[machine.name]), *needed[machine.name]], address))
        for machine in cluster.machines
    ]
    return {machine.name: cluster.wait(machine, future, _EXAMINE_SECONDS) for machine, future in calls}


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
            f"its clock is known to within {bound} only, as messages take that long, and windows begin as much apart",
            "use a machine in the same network, or repeat when it is quiet",
        )
    ]


def _unreached(address: Address | None) -> Diagnosis:
    where = format_address(address) if address is not None else "the target"
    return Diagnosis(
        "target",
        "out of reach",
        where,
        State.BLOCKER,
        f"{where} does not accept a connection from there",
        "check routes and firewalls, and that the server listens on an address of that network",
    )


def _largest_part(name: str, divided: Sequence[_Shares | LoadlabError]) -> Part:
    parts = [
        Part(len(workers), _count(workers), len(holders), _count(holders))
        for found in divided
        if isinstance(found, dict)
        for workers, holders in [found[name]]
    ]
    return max(parts, key=lambda part: part.connections + part.idle, default=Part())


def _count(shares: Sequence[Share]) -> int:
    return sum(count for share in shares for _, count in share)
