"""Who descends from whom among the processes of this machine."""

import os
from collections.abc import Collection
from pathlib import Path

from loadlab.processes.proc import PROC, list_pids, read_stat


def list_family(pids: Collection[int], proc: Path = PROC, without: int | None = None) -> set[int]:
    """Return those of `pids` that are alive, and their children, grandchildren and so on.

    `without` and its descendants are left out, unless it is one of `pids` itself.
    A snapshot: what is forked while /proc is read may be missing. Those whose parent has ended are no one's children.
    """
    parents = read_parents(proc)
    generation = found = parents.keys() & set(pids)
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - found - {without}
        found = found | generation
    return found


def list_family_without_us(pids: Collection[int], proc: Path = PROC) -> set[int]:
    """Return what `list_family` does, without this process and its descendants, unless it is one of `pids` itself.

    A server may have started loadlab, as a test does that is both; loadlab's own processes are no part of it.
    """
    return list_family(pids, proc, without=os.getpid())


def read_parents(proc: Path = PROC) -> dict[int, int]:
    """Return the parent of each process that is alive."""
    stats = {pid: read_stat(pid, proc) for pid in list_pids(proc)}
    return {pid: stat.parent for pid, stat in stats.items() if stat is not None and stat.is_alive}
