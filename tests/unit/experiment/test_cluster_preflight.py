"""Whether the machines of a cluster can generate a load together, by what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest

from loadlab.cluster.clocks import ClockOffset
from loadlab.cluster.machine import Claimed
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.experiment import cluster_preflight
from loadlab.experiment.cluster_preflight import ClusterReadiness, Part
from loadlab.experiment.context import Resources
from loadlab.host import Diagnosis, Requirements, State
from loadlab.processes import Placement
from loadlab.profile import LoadProfile, plan_trials
from loadlab.targets import Names

RESOURCES: Final = Resources(Placement((0,), (1,)), pinned=True, open_files=20_000)
ELSEWHERE: Final = "203.0.113.1:80"
SLOW: Final = Diagnosis("clock source", "hpet", None, State.WARNING, "it is slow", "use tsc")
FULL: Final = Diagnosis("processes", "1 more", "3", State.BLOCKER, "3 would run", "raise it")


def info(name: str, open_files: int) -> MachineInfo:
    return MachineInfo(
        name=name,
        host=name,
        kernel="6.1",
        loadlab="1.0",
        python="3.11.0",
        cores=[0, 1],
        open_files=open_files,
        memory_bytes=8 << 30,
        local_ports=(32_768, 60_999),
        addresses=[],
        boot=f"boot of {name}",
        kernel_memory_bytes=8 << 30,
    )


@dataclass
class FakeCluster:
    """Machines elsewhere that answer at once."""

    open_files: Mapping[str, int]
    found: Mapping[str, list[Diagnosis]] = field(default_factory=dict)
    unreached: frozenset[str] = frozenset()
    bound_ns: int = 1_000
    held: str | None = None
    asked: dict[str, list[Requirements]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.here = info("here", 1024)
        self.machines = [
            RemoteMachine(name, name, cast(Any, None), info(name, files)) for name, files in self.open_files.items()
        ]

    def is_here(self, _machine: RemoteMachine) -> bool:
        return False

    def measure_clocks(self) -> None:
        for machine in self.machines:
            machine.offsets.append(ClockOffset(0, 5, self.bound_ns))

    def claim(self) -> None:
        if self.held is not None:
            raise Claimed(self.held)

    def call(self, machine: RemoteMachine, method: str, *arguments: Any) -> object:  # noqa: ANN401 - as an actor's
        match method:
            case "examine":
                self.asked[machine.name] = arguments[0]
                return [self.found.get(machine.name, []) for _ in arguments[0]]
            case "reaches":
                return machine.name not in self.unreached
            case "sources":
                return ["203.0.113.9", "203.0.113.10"]
            case "measure_speed":
                return 1_000_000
        raise AssertionError(method)

    def wait(self, _machine: RemoteMachine, future: object, _seconds: float = 0) -> object:
        return future


@pytest.fixture(autouse=True)
def _server_answers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_preflight, "accepts", lambda _address: True)


def readiness(cluster: FakeCluster, *idle: int, measures_speed: bool = True) -> ClusterReadiness:
    data = {
        "name": "x",
        "target": {"address": ELSEWHERE},
        "allow_remote": ["203.0.113.1"],
        "load": {"connections": 8, "duration": "1s"},
        "sweep": {"load.idle": list(idle)},
    }
    trials = sorted(plan_trials(LoadProfile.model_validate(data), seed=1), key=lambda trial: trial.factors["load.idle"])
    names = Names({"203.0.113.1"})
    return ClusterReadiness.of(trials, cast(Cluster, cluster), RESOURCES, names, measures_speed)


def test_each_machine_judges_its_part_of_every_trial() -> None:
    cluster = FakeCluster({"one": 20_000, "two": 20_000})
    found = readiness(cluster, 0, 1_001)
    assert not found.impossible
    assert found.blockers == []
    one, two = found.machines
    assert (one.part, two.part) == (Part(2, 4, 1, 501), Part(2, 4, 1, 500))
    most, *by_trial = cluster.asked["one"]
    assert [each.connections for each in (most, *by_trial)] == [505, 4, 505]
    assert one.speed_ns == 1_000_000


def test_what_does_not_fit_is_a_lack_of_all_machines_and_of_that_trial() -> None:
    found = readiness(FakeCluster({"one": 20_000, "two": 41}), 0, 30_000)
    assert found.impossible == {1}
    (lack,) = found.blockers
    assert "client machine two has 41 open files" in lack.sentence()


def test_a_machine_that_finds_a_blocker_makes_its_trials_impossible() -> None:
    found = readiness(FakeCluster({"one": 20_000, "two": 20_000}, {"two": [FULL, SLOW], "one": [SLOW]}), 0, 10)
    assert found.impossible == {0, 1}
    assert [each.sentence() for each in found.blockers] == ["machine two: 3 would run; raise it"]
    assert found.sentences([State.WARNING]) == ["machines one and two: clock source: it is slow; use tsc."]


def test_a_machine_that_does_not_reach_the_target_is_named() -> None:
    found = readiness(FakeCluster({"one": 20_000, "two": 20_000}, unreached=frozenset({"two"})), 0)
    assert found.impossible == {0}
    assert found.blockers[0].sentence().startswith(f"machine two: {ELSEWHERE} does not accept a connection from there")


def test_a_clock_that_is_not_known_well_is_a_warning() -> None:
    found = readiness(FakeCluster({"one": 20_000}, bound_ns=1_200_000), 0)
    (sentence,) = found.sentences([State.WARNING])
    assert sentence.startswith("machine one: clock: its clock is known only to within 1.2 ms")


def test_the_speed_of_machines_that_another_run_holds_is_not_measured() -> None:
    found = readiness(FakeCluster({"one": 20_000}, held="one is held"), 0)
    assert (found.held, found.machines[0].speed_ns) == ("one is held", None)


def test_before_a_run_the_speed_is_left_to_the_run() -> None:
    found = readiness(FakeCluster({"one": 20_000}, held="one is held"), 0, measures_speed=False)
    assert (found.held, found.machines[0].speed_ns) == (None, None)
