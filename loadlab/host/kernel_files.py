"""Files of the kernel in /proc, /sys and the control groups, which a container or an older kernel may lack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal


def read_words(path: Path) -> tuple[str, ...]:
    """Return the words in a file; empty where it is absent or not for us."""
    try:
        return tuple(path.read_text().split())
    except OSError:
        return ()


def read_number(path: Path) -> int | None:
    """Return the number that is all of a file; None where the file is absent, not for us, or says something else."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def read_numbers(path: Path) -> tuple[int, ...]:
    """Return the numbers in a file of nothing else; empty where it is absent or not for us."""
    return tuple(map(int, read_words(path)))


def free_memory_bytes(root: Path) -> int | None:
    """Return what may still be taken until a control group is full; None if none has a limit that can be seen."""
    rooms = [room for group in _groups(root, "memory") if (room := _memory_room(group)) is not None]
    return min(rooms, default=None)


def task_limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield (most, running) of each control group that limits the processes and threads within it."""
    for group in _groups(root, "pids"):
        most, running = read_number(group / "pids.max"), read_number(group / "pids.current")
        if most is not None and running is not None:
            yield most, running


def _memory_room(group: Path) -> int | None:
    for most_name, used_name, reclaimable_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, used = read_number(group / most_name), read_number(group / used_name)
        if most is not None and used is not None:
            # Pages of files count as used, but the kernel drops them rather than refuse memory.
            return most - used + _read_statistic(group / "memory.stat", reclaimable_name)
    return None


def _read_statistic(path: Path, name: str) -> int:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(value) for key, value in lines if key == name), 0)


def _groups(root: Path, controller: Literal["memory", "pids"]) -> Iterator[Path]:
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers in ("", controller):
            top = root / "sys/fs/cgroup" / controllers
            group = top / name.lstrip("/")
            yield from (above for above in (group, *group.parents) if above.is_relative_to(top))
