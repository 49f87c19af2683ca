"""How many descriptors a process has open, and its limit (proc(5): /proc/PID/fd, /proc/PID/limits)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes.proc import PROC

# Listing takes half a microsecond of a core that is being measured for each descriptor, and leaves as many inodes and
# dentries behind.
_MOST_LISTED: Final = 1024


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The open descriptors of one process, and its soft limit."""

    pid: int
    open: int
    limit: int

    @property
    def free(self) -> int:
        """How many more it may open."""
        return self.limit - self.open


def read_open_files(pids: Iterable[int], proc: Path = PROC) -> list[OpenFiles]:
    """Read each of `pids`; one that is gone, not ours to read, without a limit or not countable at once is left out."""
    return [found for pid in pids if (found := _read(pid, proc / str(pid))) is not None]


def count_open(pid: int, proc: Path = PROC) -> int | None:
    """Return how many descriptors a process has open; None if it is gone, or counting would take too long.

    Before Linux 6.2 they have to be listed, which is done only where the process cannot have many.
    """
    directory = proc / str(pid)
    try:
        number = _count_at_once(directory)
        if number or _table_size(directory) > _MOST_LISTED:
            return number or None
        return len(os.listdir(directory / "fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def parse_open_files_limit(limits: str) -> int | None:
    """Return the soft limit of open files from the text of /proc/PID/limits, None if there is none."""
    for line in limits.splitlines():
        name, _, values = line.partition("files  ")
        if name == "Max open ":
            soft = values.split()[0]
            return None if soft == "unlimited" else int(soft)
    return None


def _read(pid: int, directory: Path) -> OpenFiles | None:
    try:
        number = _count_at_once(directory)
        limits = (directory / "limits").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    limit = parse_open_files_limit(limits)
    return OpenFiles(pid, number, limit) if number and limit is not None else None


def _count_at_once(directory: Path) -> int:
    """Return the number without a listing: since Linux 6.2 it is the size of the directory, which was 0 before."""
    return (directory / "fd").stat().st_size


def _table_size(directory: Path) -> int:
    """Return for how many descriptors the process has room without a larger table: never less than it has open."""
    lines = (directory / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("FDSize:"))
