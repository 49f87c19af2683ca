"""The processes that a probe watches: those it is told of, and what comes from them by fork."""

from collections.abc import Collection
from pathlib import Path

from loadlab.probes.probe import ProbeFailed
from loadlab.processes import list_family_without_us


def list_descendants(pids: Collection[int], proc: Path = Path("/proc")) -> set[int]:
    """Return those of `pids` that live, and all their descendants but us. Raises ProbeFailed if all have ended."""
    found = list_family_without_us(pids, proc)
    if not found:
        raise ProbeFailed("the processes to be watched have ended")
    return found
