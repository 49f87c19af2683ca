"""All checks together, and the refusal for want of memory."""

from loadlab.host import State, examine_load, why_not_enough
from loadlab.host.requirements import Needs

from ..machine import GIB, HEALTHY, machine

MODEST = Needs(
    connections=10_016,
    active=16,
    ports=10_000,
    open_files=10_032,
    files=20_152,
    tasks=4,
    memory_bytes=GIB,
)


def test_a_healthy_machine_has_no_problem() -> None:
    found = examine_load(HEALTHY, MODEST)
    assert [each.check for each in found if each.state is not State.OK] == []
    assert len({each.check for each in found}) == len(found)
    assert all(each.here and each.sentence() == "" for each in found)


def test_each_problem_comes_with_a_fix() -> None:
    ill = machine("files", hard=64)
    found = [each for each in examine_load(ill, MODEST) if each.state is not State.OK]
    assert [each.check for each in found] == ["open files"]
    assert found[0].sentence() == f"{found[0].problem}; {found[0].fix}"


def test_enough_memory_refuses_nothing() -> None:
    assert why_not_enough(MODEST, HEALTHY) is None


def test_too_little_memory_is_refused_in_one_sentence() -> None:
    assert why_not_enough(MODEST, machine("memory", available_bytes=GIB // 2)) == (
        "10,016 connections and their processes would take 1 GiB of memory, and 512 MiB are available; "
        "free 512 MiB, or ask for fewer connections: about 5,000 fit"
    )


def test_other_limits_are_not_the_refusals_affair() -> None:
    assert why_not_enough(MODEST, machine("files", hard=64)) is None
