"""Files of the kernel, there or not."""

from pathlib import Path

import pytest

from loadlab.host.kernel_files import parse_sizes, read_number, read_numbers, read_words


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


def test_sizes_of_meminfo_are_bytes_and_counts_are_left_out() -> None:
    meminfo = "MemTotal:       2048 kB\nSwapFree:  1 kB\nHugePages_Total:       3\n"
    assert parse_sizes(meminfo) == {"MemTotal": 2 << 20, "SwapFree": 1024}
