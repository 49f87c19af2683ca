"""What threads ran and waited for between readings of a /proc that the test writes."""

from pathlib import Path

from loadlab.processes.threads import ThreadUse, WatchedThreads, total_of_threads


def write_thread(proc: Path, pid: int, thread: int, *, ran: int, waited: int, core: int) -> None:
    task = proc / str(pid) / "task" / str(thread)
    task.mkdir(parents=True, exist_ok=True)
    (task / "schedstat").write_text(f"{ran} {waited} 7\n")
    fields = ["R", *["0"] * 35, str(core), "0", "0"]  # proc(5): the core is field 39, of which two stand before these
    (task / "stat").write_text(f"{thread} (a (server) {' '.join(fields)}\n")


def test_what_a_thread_ran_counts_for_the_core_that_it_is_found_on(tmp_path: Path) -> None:
    watched = WatchedThreads(tmp_path)
    write_thread(tmp_path, 7, 7, ran=1_000, waited=50, core=3)
    watched.read_first([7])
    write_thread(tmp_path, 7, 7, ran=1_600, waited=60, core=0)
    watched.read_in_between([7])
    write_thread(tmp_path, 7, 7, ran=1_700, waited=65, core=1)
    watched.read([7])
    assert watched.uses() == (ThreadUse((7, 7), {0: 600, 1: 100}, 15),)


def test_a_thread_that_is_new_counts_from_its_start_and_one_that_ended_stays(tmp_path: Path) -> None:
    watched = WatchedThreads(tmp_path)
    write_thread(tmp_path, 7, 7, ran=100, waited=0, core=0)
    watched.read_first([7])
    write_thread(tmp_path, 7, 7, ran=130, waited=1, core=0)
    write_thread(tmp_path, 8, 9, ran=40, waited=2, core=1)
    watched.read([7, 8])
    for file in ("schedstat", "stat"):
        (tmp_path / "7" / "task" / "7" / file).unlink()
    watched.read([6, 7, 8])
    assert watched.uses() == (ThreadUse((7, 7), {0: 30}, 1), ThreadUse((8, 9), {1: 40}, 2))


def test_threads_that_neither_ran_nor_waited_are_left_out(tmp_path: Path) -> None:
    watched = WatchedThreads(tmp_path)
    for thread in (7, 8):
        write_thread(tmp_path, 7, thread, ran=500, waited=20, core=0)
    watched.read_first([7])
    write_thread(tmp_path, 7, 8, ran=500, waited=21, core=0)
    watched.read([7])
    assert watched.uses() == (ThreadUse((7, 8), {}, 1),)


def test_many_threads_are_not_read_in_between(tmp_path: Path) -> None:
    watched = WatchedThreads(tmp_path)
    for thread in range(65):
        write_thread(tmp_path, 7, thread, ran=0, waited=0, core=0)
    watched.read_first([7])
    write_thread(tmp_path, 7, 3, ran=10, waited=0, core=1)
    watched.read_in_between([7])
    assert watched.uses() == ()
    watched.read([7])
    assert watched.uses() == (ThreadUse((7, 3), {1: 10}, 0),)


def test_thousands_of_threads_are_not_read_at_all(tmp_path: Path) -> None:
    watched = WatchedThreads(tmp_path)
    write_thread(tmp_path, 7, 7, ran=0, waited=0, core=0)
    watched.read_first([7])
    write_thread(tmp_path, 7, 7, ran=10, waited=0, core=0)
    for thread in range(8, 2008):
        (tmp_path / "7" / "task" / str(thread)).mkdir()
    watched.read([7])
    assert watched.uses() == ()


def test_the_use_of_a_thread_adds_up_over_several_stretches() -> None:
    first = (ThreadUse((7, 7), {0: 30}, 1), ThreadUse((8, 9), {1: 40}, 2))
    second = (ThreadUse((7, 7), {0: 5, 1: 6}, 10),)
    assert set(map(str, total_of_threads([first, second]))) == {
        str(ThreadUse((7, 7), {0: 35, 1: 6}, 11)),
        str(ThreadUse((8, 9), {1: 40}, 2)),
    }
