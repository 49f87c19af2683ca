"""Readings of a /proc that the test wrote."""

import os
from pathlib import Path

from loadlab.probes.procfs import (
    GroupReading,
    ProcessReading,
    ended_between,
    read_group,
    read_process,
    state_of,
    usage_between,
)
from loadlab.processes.proc import PAGE_BYTES, TICK_NS

from ..processes.proc_tree import write_stat


def write_process(proc: Path, pid: int, *, switches: tuple[int, ...] = (7,)) -> None:
    """A process with one thread for each of `switches`; user 3, system 5, of children 11 and 13 ticks; started
    at tick 77; 100 pages.
    """
    write_stat(proc, pid, ticks=(3, 5, 11, 13), threads=len(switches), started=77, pages=100)
    directory = proc / str(pid)
    for number, count in enumerate(switches):
        task = directory / "task" / str(pid + number)
        task.mkdir(parents=True)
        (task / "status").write_text(
            f"Name:\tserver\nvoluntary_ctxt_switches:\t{count}\nnonvoluntary_ctxt_switches:\t2\n"
        )
        (task / "schedstat").write_text("9000 500 12\n")
    # A size, as /proc/PID/fd has it since Linux 6.2, but no right one: what a directory takes on this disk.
    (directory / "fd").mkdir()
    (directory / "fd" / "0").touch()


def reading(
    user: int = 0,
    system: int = 0,
    switches: int = 0,
    started: int = 1,
    descriptors: int | None = 20,
    exact: int | None = None,
) -> ProcessReading:
    involuntary = switches // 3
    return ProcessReading(
        cpu_user_ns=user,
        cpu_system_ns=system,
        voluntary_switches=switches - involuntary,
        involuntary_switches=involuntary,
        run_queue_wait_ns=10 * switches,
        threads=1,
        rss_bytes=1000,
        started_ticks=started,
        open_descriptors=descriptors,
        exact_cpu_ns=exact,
    )


def test_a_process_is_read_with_all_its_threads_and_the_children_it_waited_for(tmp_path: Path) -> None:
    write_process(tmp_path, 42, switches=(7, 30))
    assert read_process(42, tmp_path, {42: 88_000_123}.get) == ProcessReading(
        cpu_user_ns=14 * TICK_NS,
        cpu_system_ns=18 * TICK_NS,
        voluntary_switches=7 + 30,
        involuntary_switches=2 + 2,
        run_queue_wait_ns=2 * 500,
        threads=2,
        rss_bytes=100 * PAGE_BYTES,
        started_ticks=77,
        open_descriptors=(tmp_path / "42" / "fd").stat().st_size,
        exact_cpu_ns=88_000_123 + (11 + 13) * TICK_NS,
    )


def test_without_a_cpu_clock_the_ticks_are_the_cpu_time(tmp_path: Path) -> None:
    write_process(tmp_path, 42)
    read = read_process(42, tmp_path, lambda _pid: None)
    assert read is not None
    assert (read.exact_cpu_ns, read.cpu_ns) == (None, 32 * TICK_NS)


def test_a_sandbox_may_not_count_switches_and_waits(tmp_path: Path) -> None:
    write_process(tmp_path, 42)
    (tmp_path / "42" / "task" / "42" / "status").write_text("Name:\tserver\n")
    (tmp_path / "42" / "task" / "42" / "schedstat").unlink()
    read = read_process(42, tmp_path)
    assert read is not None
    assert (read.voluntary_switches, read.involuntary_switches, read.run_queue_wait_ns) == (0, 0, 0)


def test_processes_that_are_gone_are_left_out(tmp_path: Path) -> None:
    write_process(tmp_path, 42)
    assert set(read_group([41, 42], 5, tmp_path).processes) == {42}


def test_this_process_can_be_read() -> None:
    read = read_process(os.getpid())
    assert read is not None
    assert read.threads >= 1
    assert read.rss_bytes > 1_000_000


def test_usage_is_the_difference_of_two_readings() -> None:
    start = GroupReading(1_000, {1: reading(10, 20, 5), 2: reading(100, 200, 50)})
    end = GroupReading(3_000, {1: reading(15, 22, 6), 2: reading(101, 203, 54)})
    usage = usage_between(start, end)
    assert (usage.cpu_user_ns, usage.cpu_system_ns, usage.context_switches) == (6, 5, 5)
    assert (usage.processes, usage.threads, usage.rss_bytes, usage.window_ns) == (2, 2, 2000, 2_000)
    assert usage.busy == 11 / 2_000
    assert (usage.involuntary_switches, usage.run_queue_wait_ns) == (3, 50)


def test_cpu_time_is_the_clocks_and_divides_as_the_ticks_do() -> None:
    start = GroupReading(0, {1: reading(40, 40, exact=88)})
    end = GroupReading(10, {1: reading(60, 70, exact=88 + 61)})
    usage = usage_between(start, end)
    assert (usage.cpu_ns, usage.cpu_system_ns) == (61, 61 * 30 // 50)


def test_cpu_time_of_less_than_a_tick_is_there() -> None:
    usage = usage_between(GroupReading(0, {1: reading(exact=3)}), GroupReading(10, {1: reading(exact=9)}))
    assert (usage.cpu_ns, usage.cpu_user_ns) == (6, 6)


def test_a_process_that_came_in_between_counts_from_zero() -> None:
    usage = usage_between(GroupReading(0, {}), GroupReading(10, {3: reading(4, 5, 6)}))
    assert (usage.cpu_user_ns, usage.cpu_system_ns, usage.context_switches) == (4, 5, 6)


def test_a_pid_that_was_used_anew_is_another_process() -> None:
    start, end = GroupReading(0, {3: reading(100, 100, 100)}), GroupReading(10, {3: reading(4, 5, 6, started=2)})
    usage = usage_between(start, end)
    assert (usage.cpu_user_ns, usage.cpu_system_ns, usage.context_switches) == (4, 5, 6)
    assert ended_between(start, end) == 1


def test_processes_that_ended_are_counted_and_new_ones_are_not() -> None:
    start = GroupReading(0, {1: reading(), 2: reading(), 3: reading()})
    assert ended_between(start, GroupReading(10, {1: reading(), 4: reading()})) == 2
    assert ended_between(start, start) == 0


def test_a_state_adds_up_what_each_process_has() -> None:
    state = state_of(GroupReading(0, {1: reading(), 2: reading()}))
    assert (state.processes, state.threads, state.rss_bytes, state.open_descriptors) == (2, 2, 2000, 40)
    assert state.pss_bytes is None


def test_the_descriptors_of_a_group_are_not_known_if_those_of_one_are_not() -> None:
    group = GroupReading(0, {1: reading(), 2: reading(descriptors=None)})
    assert state_of(group).open_descriptors is None
    assert usage_between(group, group).open_descriptors is None


def test_one_process_of_a_group() -> None:
    group = GroupReading(0, {1: reading(1), 2: reading(2)})
    assert group.only(2) == GroupReading(0, {2: reading(2)})
