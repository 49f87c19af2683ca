"""Readings of a /proc that the test wrote."""

import mmap
import os
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.messages import SwitchCostPart, Unit
from loadlab.micro.switch_cost import measure_switch_cost, read_anonymous_bytes


def write_rollup(proc: Path, pid: int, anonymous_kib: int | None) -> None:
    (proc / str(pid)).mkdir()
    lines = ["00400000-7fff0000 ---p 00000000 00:00 0  [rollup]", "Rss:  9999 kB", "Pss:  5000 kB"]
    if anonymous_kib is not None:
        lines.append(f"Pss_Anon:  {anonymous_kib} kB")
    (proc / str(pid) / "smaps_rollup").write_text("\n".join([*lines, "Pss_File:  4000 kB", ""]))


def test_it_adds_up_the_anonymous_part_of_each_process(tmp_path: Path) -> None:
    write_rollup(tmp_path, os.getpid(), 100)
    write_rollup(tmp_path, 1_000_001, 7)
    write_rollup(tmp_path, 1_000_002, 5)
    assert read_anonymous_bytes([1_000_001, 1_000_002], tmp_path) == 112 * 1024
    assert read_anonymous_bytes([], tmp_path) == 100 * 1024


def test_memory_that_is_touched_is_counted() -> None:
    size_bytes = 8 * 1024 * 1024
    before = read_anonymous_bytes([])
    # From the kernel and not from the allocator, which may have freed memory at hand.
    with mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as touched:
        touched.write(b"x" * size_bytes)
        assert read_anonymous_bytes([]) - before > size_bytes // 2


def test_a_process_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LoadlabError, match=r"memory cannot be measured here: .*smaps_rollup: No such file"):
        read_anonymous_bytes([], tmp_path)


def test_a_kernel_that_does_not_count_it_is_reported(tmp_path: Path) -> None:
    write_rollup(tmp_path, os.getpid(), None)
    with pytest.raises(LoadlabError, match=r"it takes Linux 5\.4 or later"):
        read_anonymous_bytes([], tmp_path)


@pytest.mark.parametrize(
    ("unit", "count", "expected"),
    [
        (Unit.PROCESS, 201, "201 processes are too many to weigh; set a count of at most 200"),
        (Unit.THREAD, 2_001, "2,001 threads are too many to weigh; set a count of at most 2,000"),
        (Unit.COROUTINE, 100_001, "100,001 coroutines are too many to weigh; set a count of at most 100,000"),
    ],
)
def test_too_many_are_refused(unit: Unit, count: int, expected: str) -> None:
    with pytest.raises(LoadlabError, match=expected):
        measure_switch_cost(SwitchCostPart(unit=unit, count=count))
