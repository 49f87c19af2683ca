"""Readings of a /proc that the test wrote."""

import mmap
import os
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.memory import read_anonymous_bytes


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


def test_a_process_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoadlabError, match=r"memory cannot be measured here: .*smaps_rollup: No such file"):
        read_anonymous_bytes([], tmp_path)


def test_a_kernel_that_does_not_tell_is_told(tmp_path: Path) -> None:
    write_rollup(tmp_path, os.getpid(), None)
    with pytest.raises(LoadlabError, match=r"it takes Linux 5\.4 or later"):
        read_anonymous_bytes([], tmp_path)
