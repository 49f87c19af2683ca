"""Reading what the kernel tells of the machine, and the notes that follow from it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from loadlab.host import (
    Condition,
    CpuTimes,
    fingerprint,
    parse_cpu,
    parse_cpu_times,
    parse_meminfo,
    preflight,
    read_cpu_times,
    read_governors,
)

STAT = "cpu  100 2 30 4000 50 6 7 80 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 5\n"
CPUINFO = "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nflags\t\t: fpu {}\n\nprocessor\t: 1\nmodel name\t: Other\n"

GOOD = Condition(
    cores=4,
    load_average=0.1,
    open_files_hard=20_000,
    local_ports=(32768, 60999),
    governors=frozenset(),
    memory_bytes=8 << 30,
    swapped_bytes=0,
)


def test_guest_time_is_not_counted_twice() -> None:
    assert parse_cpu_times(STAT) == CpuTimes(total=100 + 2 + 30 + 4000 + 50 + 6 + 7 + 80, idle=4000 + 50, stolen=80)


def test_another_file_is_no_cpu_times() -> None:
    with pytest.raises(ValueError, match="intr"):
        parse_cpu_times("intr 1 2 3")


def test_steal_is_a_fraction_of_the_time_between_two_readings() -> None:
    assert CpuTimes(total=1400, idle=0, stolen=30).steal_since(CpuTimes(total=1000, idle=0, stolen=10)) == 0.05


def test_no_tick_between_two_readings_gives_no_fraction() -> None:
    assert CpuTimes(total=1000, idle=0, stolen=10).steal_since(CpuTimes(total=1000, idle=0, stolen=10)) is None


def test_this_machines_cpu_times_can_be_read() -> None:
    times = read_cpu_times()
    assert 0 <= times.stolen < times.total


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (CPUINFO.format("hypervisor sse"), ("Fast CPU @ 3 GHz", True)),
        (CPUINFO.format("sse"), ("Fast CPU @ 3 GHz", False)),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", (None, None)),
    ],
)
def test_the_first_core_tells_model_and_hypervisor(cpuinfo: str, expected: tuple[str | None, bool | None]) -> None:
    assert parse_cpu(cpuinfo) == expected


def test_sizes_of_meminfo_are_bytes_and_counts_are_left_out() -> None:
    meminfo = "MemTotal:       2048 kB\nSwapFree:  1 kB\nHugePages_Total:       3\n"
    assert parse_meminfo(meminfo) == {"MemTotal": 2 << 20, "SwapFree": 1024}


def test_governors_of_all_cores_are_collected(tmp_path: Path) -> None:
    for core, governor in enumerate(["powersave\n", "performance\n", "powersave\n"]):
        directory = tmp_path / f"cpu{core}" / "cpufreq"
        directory.mkdir(parents=True)
        (directory / "scaling_governor").write_text(governor)
    assert read_governors(tmp_path) == {"powersave", "performance"}


def test_a_guest_without_governors_has_none(tmp_path: Path) -> None:
    assert read_governors(tmp_path) == frozenset()


def test_a_quiet_machine_gets_no_notes() -> None:
    assert preflight(19_984, GOOD) == []


@pytest.mark.parametrize(
    ("change", "code", "evidence"),
    [
        ({"load_average": 3.2}, "host-busy", "load average 3.20 on 4 cores"),
        ({"open_files_hard": 1024}, "open-files-low", "15000 connections, at most 1024 open files in a process"),
        ({"local_ports": (50_000, 50_999)}, "local-ports-few", "1000 ports, from 50000 to 50999"),
        ({"governors": frozenset({"powersave", "performance"})}, "cpu-frequency-varies", "powersave"),
        ({"swapped_bytes": 2 << 30}, "swap-in-use", "2048 MiB in swap, 8192 MiB of memory"),
    ],
)
def test_each_hindrance_gets_its_own_note(change: dict[str, Any], code: str, evidence: str) -> None:
    (finding,) = preflight(15_000, dataclasses.replace(GOOD, **change))
    assert finding.code == code
    assert evidence in finding.evidence
    assert finding.severity == "note"


def test_the_fingerprint_of_this_machine_is_complete() -> None:
    host = fingerprint()
    assert host.cores >= 1
    assert host.memory_bytes > 1 << 20
    assert host.local_ports[0] < host.local_ports[1]
    assert all([host.hostname, host.system, host.kernel, host.cpu, host.python])
