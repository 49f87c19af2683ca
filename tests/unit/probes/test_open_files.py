"""Descriptors of processes: of this one, and of a /proc that the test wrote."""

import os
import resource
from pathlib import Path

import pytest

from loadlab.probes.open_files import OpenFiles, count_open, parse_open_files_limit, read_open_files

LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 20000                files
Max file locks            unlimited            unlimited            locks
"""


def write_process(proc: Path, pid: int, limits: str) -> None:
    (proc / str(pid) / "fd").mkdir(parents=True)
    (proc / str(pid) / "fd" / "0").touch()
    (proc / str(pid) / "limits").write_text(limits)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [(LIMITS, 1024), (LIMITS.replace("1024     ", "unlimited"), None), ("Limit  Soft Limit\n", None), ("", None)],
)
def test_the_soft_limit_is_read(limits: str, expected: int | None) -> None:
    assert parse_open_files_limit(limits) == expected


def test_processes_that_are_gone_or_have_no_limit_are_left_out(tmp_path: Path) -> None:
    write_process(tmp_path, 41, LIMITS)
    write_process(tmp_path, 42, LIMITS.replace("1024     ", "unlimited"))
    assert [process.pid for process in read_open_files([40, 41, 42], tmp_path)] == [41]


def test_what_is_free_is_what_the_limit_leaves() -> None:
    assert OpenFiles(pid=1, open=1000, limit=1024).free == 24


def write_as_before_linux_6_2(proc: Path, room: int) -> None:
    """This process as an older kernel shows it: fdinfo has the entries of fd, and no size to this day."""
    (proc / "41").mkdir()
    (proc / "41" / "fd").symlink_to("/proc/self/fdinfo")
    (proc / "41" / "status").write_text(f"Name:\tserver\nFDSize:\t{room}\nGroups:\t\n")


def test_an_older_kernel_has_the_descriptors_listed_where_they_are_few(tmp_path: Path) -> None:
    write_as_before_linux_6_2(tmp_path, room=1024)
    before = count_open(41, tmp_path)
    assert before is not None
    copies = [os.dup(0) for _ in range(10)]
    try:
        assert count_open(41, tmp_path) == before + 10
    finally:
        for copy in copies:
            os.close(copy)


def test_an_older_kernel_does_not_tell_where_they_may_be_many(tmp_path: Path) -> None:
    write_as_before_linux_6_2(tmp_path, room=32_768)
    assert count_open(41, tmp_path) is None


def test_descriptors_of_a_process_that_is_gone_are_not_known(tmp_path: Path) -> None:
    assert count_open(41, tmp_path) is None


def test_descriptors_of_this_process_are_counted() -> None:
    before = read_open_files([os.getpid()])
    if not before:
        pytest.skip("this kernel does not count descriptors (before Linux 6.2)")
    (process,) = before
    assert process.open == count_open(os.getpid())
    assert process.limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    copies = [os.dup(0) for _ in range(10)]
    try:
        assert read_open_files([os.getpid()])[0].open == process.open + 10
    finally:
        for copy in copies:
            os.close(copy)
