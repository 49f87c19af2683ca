"""Files of the kernel, there or not."""

from pathlib import Path

import pytest

from loadlab.host.kernel_files import free_memory_bytes, read_number, read_numbers, read_words, task_limits

from .files import write_files


@pytest.mark.parametrize(("text", "number"), [("4096\n", 4096), ("-1\n", -1), ("max\n", None), ("1 2\n", None)])
def test_a_number_is_one_or_none(tmp_path: Path, text: str, number: int | None) -> None:
    (tmp_path / "file").write_text(text)
    assert read_number(tmp_path / "file") == number


def test_an_absent_file_says_nothing(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert (read_number(absent), read_numbers(absent), read_words(absent)) == (None, (), ())


def test_numbers_stand_apart_by_any_space(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("32768\t60999\n")
    assert read_numbers(tmp_path / "file") == (32768, 60999)


NO_LIMIT_V1 = "9223372036854771712\n"


def test_the_tightest_group_above_us_decides(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/job\n",
            "sys/fs/cgroup/user/memory.max": "1000\n",
            "sys/fs/cgroup/user/memory.current": "900\n",
            "sys/fs/cgroup/user/job/memory.max": "max\n",
            "sys/fs/cgroup/user/job/memory.current": "100\n",
        },
    )
    assert free_memory_bytes(tmp_path) == 100


def test_pages_that_can_be_dropped_are_free(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "1000\n",
            "sys/fs/cgroup/memory.current": "900\n",
            "sys/fs/cgroup/memory.stat": "anon 200\ninactive_file 650\n",
        },
    )
    assert free_memory_bytes(tmp_path) == 750


def test_the_first_version_has_a_directory_for_each_controller(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "proc/self/cgroup": "8:pids:/job\n4:memory:/job\n1:cpu,cpuacct:/\n0::/\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "4000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "4000\n",
            "sys/fs/cgroup/pids/job/pids.max": "512\n",
            "sys/fs/cgroup/pids/job/pids.current": "12\n",
        },
    )
    assert free_memory_bytes(tmp_path) == 1000
    assert list(task_limits(tmp_path)) == [(512, 12)]


def test_groups_without_limits_limit_nothing(tmp_path: Path) -> None:
    write_files(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/pids.max": "max\n"})
    assert free_memory_bytes(tmp_path) is None
    assert list(task_limits(tmp_path)) == []
