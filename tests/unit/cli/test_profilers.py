"""Which profilers work here, as the doctor tells it: the words are the probes' own."""

import pytest

from loadlab.cli.profilers import examine_profilers, examine_profilers_of
from loadlab.host import Diagnosis, State
from loadlab.profile import LoadProfile, WaitCostProfile

TRACERS = ["bpftrace (syscalls)", "perf (syscalls)", "strace (syscalls)"]
SAMPLERS = ["py-spy (cpu)", "perf (cpu)"]


@pytest.fixture
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")


def profile(*probes: str) -> LoadProfile:
    data = {"name": "x", "target": {"server": "epoll"}, "load": {"connections": 1, "duration": "1s"}, "probes": probes}
    return LoadProfile.model_validate(data)


def checks(diagnoses: list[Diagnosis]) -> list[str]:
    return [each.check for each in diagnoses]


def test_every_program_is_told_with_the_probe_that_it_serves() -> None:
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
def test_only_what_the_profiles_ask_for_is_told_and_once() -> None:
    assert checks(examine_profilers_of([profile("syscalls"), profile("syscalls:perf")])) == TRACERS
    assert checks(examine_profilers_of([profile("syscalls:strace"), profile("cpu")])) == [
        "strace (syscalls)",
        *SAMPLERS,
    ]


def test_tracers_that_would_come_after_the_one_that_works_are_not_told() -> None:
    found = examine_profilers_of([profile("syscalls")])
    assert [each.state for each in found[:-1]] == [State.WARNING] * (len(found) - 1)
    assert checks(found) == TRACERS[: len(found)]
