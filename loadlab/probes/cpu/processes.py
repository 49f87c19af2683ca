"""Which processes each CPU profiler can look into."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from loadlab.processes import read_parents

UNNAMED: Final = "[unknown] (compiled)"
"""What is compiled by a runtime that wrote no names."""

_MAP: Final = re.compile(r"perf-\d+\.map")
_JAVASCRIPT: Final = re.compile(
    r"(?:JS|LazyCompile|Function|Script|Eval):[*~^+]?"
    r"(?P<name>.*?) ?(?P<place>(?:node:|file:|/).*|\S*):(?P<line>\d+):\d+"
)


def is_map(library: str) -> bool:
    """Return whether what perf gives as a library is such a file."""
    return _MAP.fullmatch(library) is not None


def name_compiled(symbol: str) -> str:
    """Return the frame of a function by its name in the map, without what differs from run to run."""
    if found := _JAVASCRIPT.fullmatch(symbol):
        # Modules of Node.js itself have names and no files: node:internal/streams/writable.
        place = found["place"] if found["place"].startswith("node:") else found["place"].rpartition("/")[2]
        return f"{found['name'] or '(anonymous)'} ({place}:{found['line']})"
    return f"{symbol} (compiled)"


_PROC: Final = Path("/proc")
_INTERPRETER: Final = re.compile(r"/(?:python|libpython|pypy)[^/]*$", re.MULTILINE)


def runs_python(pid: int, proc: Path = _PROC) -> bool:
    """Return whether an interpreter is in the memory of `pid`; False if it is gone or not ours to read."""
    try:
        # Programs that embed Python have a name of their own, so the mapped files are asked, not the executable.
        maps = (proc / str(pid) / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return _INTERPRETER.search(maps) is not None


def list_roots(pids: Collection[int], proc: Path = _PROC) -> list[int]:
    """Return those of `pids` whose parent is not among them: whoever watches these with their children watches all."""
    parents = read_parents(proc)
    return sorted(pid for pid in pids if parents.get(pid) not in pids)


def count_threads(pids: Collection[int], proc: Path = _PROC) -> int:
    """Return how many threads `pids` have together."""
    return sum(_count_tasks(proc / str(pid) / "task") for pid in pids)


def _count_tasks(directory: Path) -> int:
    try:
        return sum(1 for _ in directory.iterdir())
    except OSError:
        return 0
