"""Processes in a /proc that the test writes."""

from pathlib import Path


def write_stat(
    proc: Path,
    pid: int,
    *,
    name: str = "server",
    state: str = "S",
    parent: int = 1,
    ticks: tuple[int, int, int, int] = (0, 0, 0, 0),
    threads: int = 1,
    started: int = 77,
    pages: int = 100,
) -> None:
    """Write /proc/PID/stat and statm, `ticks` being user and system time, its own and of children.

    Of its pages stat has fewer, as the kernel's has.
    """
    fields = [state, parent, pid, pid, *[0] * 7, *ticks, 20, 0, threads, 0, started, 0, pages - 7, 0, 0]
    (proc / str(pid)).mkdir(parents=True, exist_ok=True)
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(map(str, fields))}\n")
    (proc / str(pid) / "statm").write_text(f"{10 * pages} {pages} 3 1 0 9 0\n")
