"""Who uses the CPU, in a /proc that the test writes twice."""

import os
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from loadlab.processes.activity import Activity, ActivityWatch, BusyProcess
from loadlab.processes.proc import TICK_NS

from .proc_tree import write_stat

SECOND_NS = 1_000_000_000
TICKS = SECOND_NS // TICK_NS


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch is finished a second after it has begun."""
    times = iter((0, SECOND_NS, SECOND_NS))
    monkeypatch.setattr("time.monotonic_ns", lambda: next(times))


def write_cores(proc: Path, *cores: tuple[int, int]) -> None:
    """Idle and stolen ticks of each core."""
    lines = [f"cpu{number} 0 0 0 {idle} 0 0 0 {stolen} 0 0" for number, (idle, stolen) in enumerate(cores)]
    (proc / "stat").write_text("\n".join(["cpu 0 0 0 0 0 0 0 0 0 0", *lines, ""]))


def no_clock(_pid: int) -> None:
    return None


def measure(
    cores: Collection[int],
    proc: Path,
    act: Callable[[], None] = lambda: None,
    read_clock: Callable[[int], int | None] = no_clock,
) -> Activity | None:
    """Return the activity of a second, in which that happens."""
    watch = ActivityWatch(proc, read_clock)
    act()
    return watch.finish(cores, lambda _seconds: pytest.fail("it has had its time"))


def test_processes_are_named_the_busiest_first_and_we_are_none_of_them(tmp_path: Path) -> None:
    write_cores(tmp_path, (0, 0), (0, 0))
    for pid, name in ((10, "quiet"), (20, "build"), (30, "backup"), (40, "ends")):
        write_stat(tmp_path, pid, name=name, ticks=(5, 5, 0, 0))
    write_stat(tmp_path, os.getpid(), name="loadlab")
    write_stat(tmp_path, 60, name="child of ours", parent=os.getpid())

    def run() -> None:
        write_cores(tmp_path, (TICKS // 2, 0), (0, TICKS // 4))
        write_stat(tmp_path, 20, name="build", ticks=(5 + TICKS // 2, 5, 0, 0))
        write_stat(tmp_path, 30, name="backup", ticks=(5, 5 + TICKS // 4, 0, 0))
        write_stat(tmp_path, os.getpid(), name="loadlab", ticks=(TICKS // 10, 0, 0, 0))
        write_stat(tmp_path, 60, name="child of ours", parent=os.getpid(), ticks=(TICKS // 10, 0, 0, 0))
        write_stat(tmp_path, 70, name="begins", ticks=(TICKS // 20, 0, 0, 0))
        (tmp_path / "40" / "stat").unlink()

    found = measure([0, 1], tmp_path, run)
    assert found is not None
    assert found.others == pytest.approx(0.5 + 0.75 - 2 * 0.1)
    assert found.stolen == 0.25
    assert found.processes == (
        BusyProcess(20, "build", 0.5),
        BusyProcess(30, "backup", 0.25),
        BusyProcess(70, "begins", 0.05),
    )


def test_the_clock_of_a_process_knows_better_than_the_ticks(tmp_path: Path) -> None:
    write_cores(tmp_path, (0, 0))
    write_stat(tmp_path, 20, name="paced")
    times = iter((1_000, 1_000 + SECOND_NS // 5))
    found = measure([0], tmp_path, read_clock=lambda _pid: next(times))
    assert found is not None
    assert found.processes == (BusyProcess(20, "paced", 0.2),)


def test_a_pid_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    write_cores(tmp_path, (0, 0))
    write_stat(tmp_path, 20, name="first", ticks=(TICKS, 0, 0, 0), started=1)
    found = measure(
        [0], tmp_path, lambda: write_stat(tmp_path, 20, name="second", ticks=(TICKS // 2, 0, 0, 0), started=2)
    )
    assert found is not None
    assert found.processes == (BusyProcess(20, "second", 0.5),)


def test_a_process_may_take_another_name(tmp_path: Path) -> None:
    """As one does that executes another program, or a worker of the kernel's with each queue that it serves."""
    write_cores(tmp_path, (0, 0))
    write_stat(tmp_path, 20, name="sh", ticks=(10 * TICKS, 0, 0, 0))
    found = measure(
        [0], tmp_path, lambda: write_stat(tmp_path, 20, name="make", ticks=(10 * TICKS + TICKS // 4, 0, 0, 0))
    )
    assert found is not None
    assert found.processes == (BusyProcess(20, "make", 0.25),)


def test_only_the_cores_that_we_may_use_count(tmp_path: Path) -> None:
    write_cores(tmp_path, (0, 0), (0, 0), (0, 0))
    found = measure([2], tmp_path, lambda: write_cores(tmp_path, (0, 0), (0, 0), (TICKS, 0)))
    assert found is not None
    assert found.others == 0.0


@pytest.mark.parametrize("stat", [None, "cpu 0 0 0 0 0 0 0 0\nintr 0\n"])
def test_a_kernel_that_does_not_show_its_cores_tells_nothing(tmp_path: Path, stat: str | None) -> None:
    if stat is not None:
        (tmp_path / "stat").write_text(stat)
    assert measure([0], tmp_path) is None


def test_what_is_left_of_half_a_second_passes_in_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times, pauses = iter((0, SECOND_NS // 5, SECOND_NS // 2)), list[float]()
    monkeypatch.setattr("time.monotonic_ns", lambda: next(times))
    write_cores(tmp_path, (0, 0))
    watch = ActivityWatch(tmp_path, no_clock)
    assert watch.finish([0], pauses.append) is not None
    assert pauses == [pytest.approx(0.3)]
