"""The processes that come from others by fork, as /proc shows them now."""

from collections.abc import Collection
from pathlib import Path

from loadlab.probes.probe import ProbeFailed


def list_descendants(pids: Collection[int], proc: Path = Path("/proc")) -> set[int]:
    """Return those of `pids` that live, and their children, grandchildren and so on.

    A snapshot: what is forked while /proc is read may be missing. Those whose parent has ended are no one's children.
    Raises ProbeFailed if all have ended.
    """
    parents = {int(entry.name): _read_parent(entry / "stat") for entry in proc.iterdir() if entry.name.isdigit()}
    found = {pid for pid in pids if parents.get(pid) is not None}
    if not found:
        raise ProbeFailed("the processes to be watched have ended")
    generation = found
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - found
        found = found | generation
    return found


def _read_parent(stat: Path) -> int | None:
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may itself hold spaces and parentheses: read from the last one on (proc(5)).
    _state, parent, *_ = text.rpartition(")")[2].split()
    return int(parent)
