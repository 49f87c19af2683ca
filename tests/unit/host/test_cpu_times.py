"""Where the cores' time went."""

import os

import pytest

from loadlab.host.cpu_times import CpuTimes, parse_cpu_times, read_cpu_times

STAT = "cpu  100 2 30 4000 50 6 7 80 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 5\n"


def test_guest_time_is_not_counted_twice() -> None:
    assert parse_cpu_times(STAT) == CpuTimes(total=100 + 2 + 30 + 4000 + 50 + 6 + 7 + 80, idle=4000 + 50, stolen=80)


def test_another_file_is_no_cpu_times() -> None:
    with pytest.raises(ValueError, match="intr"):
        parse_cpu_times("intr 1 2 3")


def test_steal_is_a_fraction_of_the_time_between_two_readings() -> None:
    assert CpuTimes(total=1400, idle=0, stolen=30).steal_since(CpuTimes(total=1000, idle=0, stolen=10)) == 0.05


def test_no_tick_between_two_readings_gives_no_fraction() -> None:
    assert CpuTimes(total=1000, idle=0, stolen=10).steal_since(CpuTimes(total=1000, idle=0, stolen=10)) is None


def test_what_is_neither_idle_nor_stolen_was_used() -> None:
    later, earlier = CpuTimes(total=1400, idle=310, stolen=30), CpuTimes(total=1000, idle=100, stolen=10)
    assert later.busy_ns_since(earlier) == (400 - 210 - 20) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def test_this_machines_cpu_times_can_be_read() -> None:
    times = read_cpu_times()
    assert 0 <= times.stolen < times.total
