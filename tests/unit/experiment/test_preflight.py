"""Which trials and profilers can run here, and why not."""

import socket
import sys
from typing import Any

import pytest

from loadlab.experiment.preflight import (
    Readiness,
    examine_machine_speed,
    examine_profilers,
    examine_profilers_of,
    format_problem,
)
from loadlab.host import Diagnosis, State
from loadlab.profile import LoadProfile, Trial, WaitCostProfile, plan_trials
from loadlab.results.speed import MachineSpeed, SpeedReading
from loadlab.targets import find_target, why_missing

from ..host.machine import machine, with_memory

TRACERS = ["bpftrace (syscalls)", "perf (syscalls)", "strace (syscalls)"]
SAMPLERS = ["py-spy (cpu)", "perf (cpu)"]
GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"


@pytest.fixture
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")


def profile(*probes: str) -> LoadProfile:
    data = {"name": "x", "target": {"server": "epoll"}, "load": {"connections": 1, "duration": "1s"}, "probes": probes}
    return LoadProfile.model_validate(data)


def checks(diagnoses: list[Diagnosis]) -> list[str]:
    return [each.check for each in diagnoses]


@pytest.mark.parametrize(
    ("client_ns", "here", "state"),
    [
        ([100, 102, 101], "steady within 2\N{NO-BREAK SPACE}%", State.OK),
        ([100, 108, 101], "changes by 7\N{NO-BREAK SPACE}% within two seconds", State.OK),
        ([100, 200, 101], "changes by 50\N{NO-BREAK SPACE}% within two seconds", State.WARNING),
        ([None, None, None], "steady within 0\N{NO-BREAK SPACE}%", State.OK),
    ],
)
def test_the_speed_of_the_machine_is_that_of_the_side_that_changes_more(
    client_ns: list[int | None], here: str, state: State
) -> None:
    readings = [SpeedReading(at=at, target_ns=100, client_ns=ns) for at, ns in enumerate(client_ns)]
    found = examine_machine_speed(lambda _seconds: MachineSpeed(readings=readings))
    assert (found.here, found.state) == (here, state)
    assert (found.fix is None) == (state is State.OK)


def test_a_speed_that_cannot_be_measured_is_unknown() -> None:
    assert examine_machine_speed(lambda _seconds: MachineSpeed(readings=[])) == Diagnosis("machine speed", "unknown")


def test_every_program_is_reported_with_the_probe_that_it_serves() -> None:
    assert checks(examine_profilers()) == [*TRACERS, *SAMPLERS]


@pytest.mark.usefixtures("_nothing_installed")
def test_what_is_missing_is_a_warning_with_the_command_that_gives_it() -> None:
    bpftrace, perf, strace, *_ = examine_profilers()
    assert {each.state for each in (bpftrace, perf, strace)} == {State.WARNING}
    assert strace.sentence() == "strace is not installed; apt-get install strace"
    assert perf.here == "not available"


def test_a_profile_without_profilers_needs_none() -> None:
    micro = WaitCostProfile.model_validate(
        {"name": "x", "kind": "wait-cost", "wait": {"method": "epoll", "descriptors": 10}}
    )
    assert examine_profilers_of([profile("procfs", "sockets"), micro]) == []


@pytest.mark.usefixtures("_nothing_installed")
def test_only_what_the_profiles_ask_for_is_reported_and_once() -> None:
    assert checks(examine_profilers_of([profile("syscalls"), profile("syscalls:perf")])) == TRACERS
    assert checks(examine_profilers_of([profile("syscalls:strace"), profile("cpu")])) == [
        "strace (syscalls)",
        *SAMPLERS,
    ]


def test_tracers_that_would_come_after_the_one_that_works_are_not_reported() -> None:
    found = examine_profilers_of([profile("syscalls")])
    assert [each.state for each in found[:-1]] == [State.WARNING] * (len(found) - 1)
    assert checks(found) == TRACERS[: len(found)]


def trials(**changes: Any) -> list[Trial]:  # noqa: ANN401 - sections of a profile, as in YAML
    data = {"name": "x", "target": {"server": "epoll"}, "load": {"connections": 10, "duration": "1s"}, **changes}
    return plan_trials(LoadProfile.model_validate(data), seed=1)


def states(readiness: Readiness) -> dict[str, State]:
    return {each.check: each.state for each in readiness.diagnoses if each.state is not State.OK}


def test_a_modest_profile_can_run_on_a_healthy_machine() -> None:
    readiness = Readiness.of(trials(), machine())
    assert (readiness.trials, readiness.impossible, states(readiness)) == (1, 0, {})
    assert (readiness.warnings(), readiness.refusal()) == ([], None)


def test_each_check_is_judged_by_the_trial_that_needs_most() -> None:
    swept = trials(sweep={"load.idle": [0, "5k", "2k"], "target.server": ["epoll", "thread"]})
    needed = {each.check: each.needed for each in Readiness.of(swept, machine()).diagnoses}
    assert needed["open files"] == "10,036 in a process"  # a thread may keep two for each connection
    assert needed["connection tracking"] == "5,010"
    assert needed["memory maps"] == "10,020 in a process"


def test_trials_that_are_not_possible_are_counted_with_their_repeats() -> None:
    swept = trials(sweep={"load.idle": [0, 500, "5k"]}, repeat=3)
    readiness = Readiness.of(swept, machine(open_files_hard=1_000))
    assert states(readiness) == {"open files": State.BLOCKER}
    assert (readiness.trials, readiness.impossible) == (9, 3)
    assert str(readiness.refusal()).startswith(
        "3 of 9 trials are not possible: one process would have 5,026 files open, and the hard limit is 1,000; raise it"
    )


def test_a_single_trial_is_not_counted() -> None:
    readiness = Readiness.of(trials(), machine({GOVERNOR: "powersave\n"}, cores=(0,)))
    assert [warning.partition(":")[0] for warning in readiness.warnings()] == ["cores", "frequency governor"]
    small = Readiness.of(trials(), with_memory(1 << 20))
    assert str(small.refusal()).startswith("the only trial is not possible: 10 connections and their processes would")


def test_all_reasons_are_reported() -> None:
    swept = trials(sweep={"load.idle": ["1M"]})
    refusal = Readiness.of(swept, with_memory(1 << 30)).refusal()
    assert refusal is not None
    assert "one process would have 1,000,026 files open" in refusal
    assert "; and 1,000,010 connections and their processes would take" in refusal


def test_a_server_that_is_not_installed_stops_its_trials_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadlab.targets.description._ALSO_SEARCHED", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    readiness = Readiness.of(trials(sweep={"target.server": ["epoll", "nginx", "poll"]}), machine())
    assert states(readiness) == {"server nginx": State.BLOCKER}
    assert readiness.impossible == 1
    assert readiness.refusal() == (
        "1 of 3 trials is not possible: nginx is not installed; apt-get install nginx-light."
    )
    assert readiness.reasons() == [why_missing(find_target("nginx"))]  # as the trial itself will say


@pytest.mark.parametrize(
    "load",
    [
        {"protocol": "websocket", "message": {"text": "hello"}, "connections": 1, "duration": "1s"},
        {"idle": 1, "idle_protocol": "websocket", "connections": 1, "duration": "1s"},
    ],
)
def test_what_only_the_asked_handler_needs_stops_a_trial(monkeypatch: pytest.MonkeyPatch, load: object) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    sweep = {"target.server": ["asyncio", "coroutine"]}
    assert states(Readiness.of(trials(load=load, sweep=sweep), machine())) == {"server asyncio": State.BLOCKER}
    plain = {"connections": 1, "duration": "1s"}
    assert states(Readiness.of(trials(load=plain, sweep=sweep), machine())) == {}


def test_a_server_that_should_run_already_is_looked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        there, gone = (f"127.0.0.1:{each.getsockname()[1]}" for each in (listening, bound))
        readiness = Readiness.of(trials(target={"address": there}, sweep={"target.address": [there, gone]}), machine())
    assert states(readiness) == {f"server {gone}": State.BLOCKER}
    assert readiness.refusal() == (f"1 of 2 trials is not possible: nothing listens at {gone}; start the server first.")


def test_a_problem_is_reported_with_its_check() -> None:
    problem = Diagnosis("swap", "much", None, State.WARNING, "much is swapped out", "free memory")
    assert format_problem(problem) == "swap: much is swapped out; free memory."
