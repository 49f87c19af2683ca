"""What /proc says of a process: of a tree that the test wrote, and of this process."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from loadlab.processes.proc import (
    PAGE_BYTES,
    TICK_NS,
    ProcessStat,
    list_pids,
    parse_sizes,
    read_cpu_clock,
    read_memory_sizes,
    read_rss_bytes,
    read_stat,
)

from .proc_tree import write_stat


@pytest.mark.parametrize("name", ["server", "a (b) c) 1 2", "(", ""])
def test_a_name_may_hold_spaces_and_parentheses(tmp_path: Path, name: str) -> None:
    write_stat(tmp_path, 42, name=name, parent=7, ticks=(3, 5, 11, 13), threads=2, started=77, pages=100)
    assert read_stat(42, tmp_path) == ProcessStat(
        name=name,
        state="S",
        parent=7,
        user_ns=3 * TICK_NS,
        system_ns=5 * TICK_NS,
        children_user_ns=11 * TICK_NS,
        children_system_ns=13 * TICK_NS,
        threads=2,
        started_ticks=77,
    )
    assert read_rss_bytes(42, tmp_path) == 100 * PAGE_BYTES


def test_a_process_that_is_gone_has_no_state(tmp_path: Path) -> None:
    assert read_stat(42, tmp_path) is None


def test_a_process_that_the_kernel_hides_is_as_good_as_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root the test cannot make a file that it may not read, so the refusal is the mount option hidepid's."""

    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError

    write_stat(tmp_path, 42)
    monkeypatch.setattr(Path, "read_text", refuse)
    assert read_stat(42, tmp_path) is None


@pytest.mark.parametrize(("state", "alive"), [("R", True), ("S", True), ("D", True), ("Z", False), ("X", False)])
def test_a_process_that_only_waits_to_be_reaped_is_not_alive(tmp_path: Path, state: str, alive: bool) -> None:
    write_stat(tmp_path, 42, state=state)
    stat = read_stat(42, tmp_path)
    assert stat is not None
    assert stat.is_alive is alive


def test_the_directories_with_numbers_are_processes(tmp_path: Path) -> None:
    for name in ("1", "42", "self", "sys"):
        (tmp_path / name).mkdir()
    assert read_rss_bytes(5, tmp_path) is None
    assert sorted(list_pids(tmp_path)) == [1, 42]


def test_this_process_can_be_read() -> None:
    stat = read_stat(os.getpid())
    assert stat is not None
    assert (stat.parent, stat.is_alive) == (os.getppid(), True)
    sizes = read_memory_sizes(os.getpid())
    rss_bytes = read_rss_bytes(os.getpid())
    assert rss_bytes is not None
    # Not exactly: before Linux 6.17 what each core has counted is missing, at most 64 pages or so.
    assert abs(rss_bytes - sizes["Rss"]) < 1 << 20
    assert read_memory_sizes(os.getpid())["Pss"] > 1_000_000


def test_sizes_are_bytes_and_counts_are_left_out() -> None:
    meminfo = "MemTotal:       2048 kB\nSwapFree:  1 kB\nHugePages_Total:       3\n"
    assert parse_sizes(meminfo) == {"MemTotal": 2 << 20, "SwapFree": 1024}


def test_the_cpu_clock_has_the_time_of_threads_that_have_ended() -> None:
    pid, spent_ns = os.getpid(), 20_000_000
    before_ns = read_cpu_clock(pid)
    thread = threading.Thread(target=burn, args=(spent_ns,))
    thread.start()
    thread.join()
    after_ns = read_cpu_clock(pid)
    assert before_ns is not None
    assert after_ns is not None
    assert after_ns - before_ns >= spent_ns


def test_a_process_that_is_gone_has_no_cpu_clock() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    os.waitpid(pid, 0)
    assert read_cpu_clock(pid) is None


def burn(cpu_ns: int) -> None:
    """Use that much CPU time in this thread."""
    until_ns = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < until_ns:
        pass
