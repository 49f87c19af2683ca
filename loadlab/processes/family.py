"""Who descends from whom among the processes of this machine, as /proc shows them now."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def read_parents(proc: Path = _PROC) -> dict[int, int]:
    """Return the parent of each process that lives; one that only waits to be reaped does not."""
    parents = {int(entry.name): _read_parent(entry / "stat") for entry in proc.iterdir() if entry.name.isdigit()}
    return {pid: parent for pid, parent in parents.items() if parent is not None}


def list_family_without_us(pids: Collection[int], proc: Path = _PROC) -> set[int]:
    """Return what `list_family` does, but for this process and what comes from it, unless it is one of `pids` itself.

    A server may have started loadlab, as a test does that is both; loadlab's own processes are no part of it.
    """
    return list_family(pids, proc, without=os.getpid())


def list_family(pids: Collection[int], proc: Path = _PROC, without: int | None = None) -> set[int]:
    """Return those of `pids` that live, and their children, grandchildren and so on.

    `without` and what comes from it are left out, unless it is one of `pids` itself.
    A snapshot: what is forked while /proc is read may be missing. Those whose parent has ended are no one's children.
    """
    parents = read_parents(proc)
    generation = found = parents.keys() & set(pids)
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - found - {without}
        found = found | generation
    return found


def _read_parent(stat: Path) -> int | None:
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may itself hold spaces and parentheses: read from the last one on (proc(5)).
    state, parent, *_ = text.rpartition(")")[2].split()
    return None if state == "Z" else int(parent)
