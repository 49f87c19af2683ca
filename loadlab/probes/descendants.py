"""The processes that a probe watches: those it is told of, and what comes from them by fork."""

import os
from collections.abc import Collection
from pathlib import Path

from loadlab.probes.probe import ProbeFailed
from loadlab.processes import list_family


def list_descendants(pids: Collection[int], proc: Path = Path("/proc")) -> set[int]:
    """Return those of `pids` that live, and all their descendants. Raises ProbeFailed if all have ended.

    But for loadlab and what it started, where a server that runs already has started loadlab.
    """
    found = list_family(pids, proc, without=os.getpid())
    if not found:
        raise ProbeFailed("the processes to be watched have ended")
    return found
