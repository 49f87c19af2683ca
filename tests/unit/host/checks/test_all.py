"""All checks together, and when a trial is refused."""

import pytest

from loadlab.host import Examination, State, why_refused
from loadlab.host.checks import all_checks, memory
from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements

from ..machine import GIB, FakeMachine, machine, with_memory

MODEST = Requirements(
    connections=10_016,
    active=16,
    ports=10_000,
    open_files=10_032,
    files=20_152,
    tasks=4,
    memory_bytes=GIB,
)


def test_a_healthy_machine_has_no_problem() -> None:
    found = Examination(machine()).judge(MODEST)
    assert [each.check for each in found if each.state is not State.OK] == []
    assert all(each.here and each.sentence() == "" for each in found)


def test_each_check_has_a_name_of_its_own_and_a_docstring() -> None:
    checks = list(all_checks())
    assert len(checks) >= 17
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.__doc__ for check in checks)


class Entropy(Check):
    """Whether there is any: a check that the test adds."""

    name = "entropy"

    def __init__(self, machine: Machine) -> None:
        self._bits = machine.read_number("proc/sys/kernel/random/entropy_avail")

    def examine(self, needed: Requirements) -> Diagnosis:
        return self.ok(f"{self._bits} bits")


def test_a_class_in_a_module_of_its_subject_is_a_check_without_further_ado(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "Entropy", Entropy, raising=False)
    found = Examination(machine({"proc/sys/kernel/random/entropy_avail": "256\n"})).judge(MODEST)
    assert [each.here for each in found if each.check == "entropy"] == ["256 bits"]


def test_a_machine_that_shows_nothing_has_no_problem_either() -> None:
    """Such as a sandbox without /proc/sys, /sys and control groups."""
    found = Examination(FakeMachine({}, activity=None)).judge(MODEST)
    assert [each.check for each in found if each.state is not State.OK] == []


def test_each_problem_comes_with_a_fix() -> None:
    examination = Examination(machine(open_files_soft=64, open_files_hard=64))
    found = [each for each in examination.judge(MODEST) if each.state is not State.OK]
    assert [each.check for each in found] == ["open files"]
    assert found[0].sentence() == f"{found[0].problem}; {found[0].fix}"


def test_one_look_serves_the_needs_of_many_trials() -> None:
    examination = Examination(with_memory(GIB // 2))
    assert any(each.is_blocker for each in examination.judge(MODEST))
    assert not any(each.is_blocker for each in examination.judge(Requirements(memory_bytes=GIB // 4)))


def test_enough_memory_refuses_nothing() -> None:
    assert why_refused(machine(), MODEST) is None


def test_too_little_memory_is_refused_in_one_sentence() -> None:
    assert why_refused(with_memory(GIB // 2), MODEST) == (
        "10,016 connections and their processes would take 1 GiB of memory, and 512 MiB are available; "
        "free 512 MiB, or ask for fewer connections: about 5,000 fit"
    )


def test_other_limits_refuse_no_trial() -> None:
    assert why_refused(machine(open_files_hard=64), MODEST) is None
