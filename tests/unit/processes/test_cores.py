"""Readings of a /proc/stat that the test wrote, and of this machine's."""

import os
from pathlib import Path

import pytest

from loadlab.processes.cores import (
    CoresReading,
    CoreTimes,
    CoreUse,
    charges_interrupts,
    parse_cores,
    read_cores,
    use_between,
)
from loadlab.processes.proc import TICK_NS

SECOND_NS = 1_000_000_000
STAT = """cpu  300 0 0 0 0 0 0 0 0 0
cpu0 100 1 2 30 4 5 6 7 0 0
cpu3 200 1 2 50 5 1 2 8 0 0
intr 12345 0 0
ctxt 63050246
"""


def reading(
    time_ns: int, idle_ns: int, stolen_ns: int = 0, interrupts_ns: int = 0, charged: bool = False
) -> CoresReading:
    return CoresReading(time_ns, {1: CoreTimes(idle_ns, stolen_ns, interrupts_ns)}, charged)


def test_each_core_that_is_online_is_read(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT)
    cores = read_cores(tmp_path / "stat").cores
    assert cores == {
        0: CoreTimes(idle_ns=34 * TICK_NS, stolen_ns=7 * TICK_NS, interrupts_ns=11 * TICK_NS),
        3: CoreTimes(idle_ns=55 * TICK_NS, stolen_ns=8 * TICK_NS, interrupts_ns=3 * TICK_NS),
    }


def test_cores_that_are_not_shown_are_none(tmp_path: Path) -> None:
    assert read_cores(tmp_path / "absent").cores == {}


def test_use_is_the_difference_as_shares_of_the_time() -> None:
    start, end = reading(0, 100, 10, 1), reading(SECOND_NS, SECOND_NS // 4 + 100, SECOND_NS // 8 + 10, 1)
    assert use_between(start, end, [1]) == {1: CoreUse(idle=0.25, stolen=0.125, charged=0.625)}


@pytest.mark.parametrize(("interrupts_charged", "charged"), [(True, 0.75), (False, 0.5)])
def test_interrupts_count_where_processes_are_known_to_be_charged_with_them(
    interrupts_charged: bool, charged: float
) -> None:
    end = reading(SECOND_NS, SECOND_NS // 4, 0, SECOND_NS // 4, interrupts_charged)
    assert use_between(reading(0, 0), end, [1])[1].charged == charged


@pytest.mark.parametrize(
    ("files", "release", "expected"),
    [
        (["cpu", "irq"], "6.8.0-45-generic", False),
        (["cpu"], "6.8.0-45-generic", True),
        (["cpu"], "6.1.0", True),
        (["cpu"], "6.0.19", False),
        (["cpu"], "5.15.0", False),
        ([], "6.8.0", False),
        (["cpu"], "custom", False),
    ],
)
def test_the_files_of_the_kernel_tell_who_is_charged_with_interrupts(
    tmp_path: Path, files: list[str], release: str, expected: bool
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert charges_interrupts(tmp_path, release) is expected


@pytest.mark.parametrize("idle_ns", [SECOND_NS + 2 * TICK_NS, SECOND_NS])
def test_whole_ticks_do_not_make_a_core_idle_for_longer_than_the_time(idle_ns: int) -> None:
    assert use_between(reading(0, 0), reading(SECOND_NS, idle_ns), [1])[1].idle == 1.0


def test_counters_that_run_back_count_as_nothing() -> None:
    # Idle time does, by a tick, on some kernels (proc(5)).
    assert use_between(reading(0, TICK_NS), reading(SECOND_NS, 0), [1])[1].idle == 0.0


def test_only_cores_that_both_readings_know_are_reported() -> None:
    assert use_between(reading(0, 0), reading(SECOND_NS, 0), [0, 1, 2]).keys() == {1}
    assert use_between(reading(0, 0), CoresReading(SECOND_NS, {}, False), [1]) == {}


def test_no_time_has_no_use() -> None:
    assert use_between(reading(5, 0), reading(5, 0), [1]) == {}


def test_this_machine_has_the_cores_that_we_may_use() -> None:
    assert os.sched_getaffinity(0) <= read_cores().cores.keys()


def test_a_machine_without_cores_of_its_own_tells_of_none() -> None:
    assert parse_cores("cpu  1 2 3 4 5 6 7 8\nintr 0\n") == {}
