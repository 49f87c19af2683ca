"""System calls as `strace -c` counts them: calls, errors and time of each kind. It stops a process twice for each call.

So it slows a busy server several times over, and serves only where nothing else is allowed. It cannot be attached
without counting: attaching is part of `begin`, and what is called while it attaches counts too.
"""

import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from loadlab.probes.descendants import list_descendants
from loadlab.probes.privileges import ptrace_denial
from loadlab.probes.probe import Lack
from loadlab.probes.requirements import missing_program
from loadlab.probes.syscalls.strace_output import COLUMNS, parse_profile
from loadlab.probes.tool import Tool
from loadlab.results.syscalls import SyscallProfile


class StraceProbe:
    """`strace -c -f` for one window; a Probe."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._tool = Tool("strace", check)
        self._directory = tempfile.TemporaryDirectory(prefix="loadlab-strace-")
        self._result = Path(self._directory.name) / "summary"
        self._pids: frozenset[int] = frozenset()
        self._begin_ns = self._window_ns = 0

    def prepare(self, pids: Collection[int]) -> None:
        """Note whom to watch."""
        self._pids = frozenset(pids)

    def begin(self) -> None:
        """Attach to every thread of the processes and what has come from them, and wait until it is done."""
        watched = list_descendants(self._pids)
        attach = [argument for pid in sorted(watched) for argument in ("-p", str(pid))]
        # Wall-clock time (-w), as the other backends measure it; without it strace shows the system's CPU time.
        self._tool.start(["strace", "-c", "-w", "-f", "-U", ",".join(COLUMNS), "-o", str(self._result), *attach])
        self._tool.wait_until(lambda: _are_traced(watched, self._tool.pid), "attach to the processes")
        self._begin_ns = time.monotonic_ns()

    def end(self) -> None:
        """Detach."""
        self._window_ns = time.monotonic_ns() - self._begin_ns
        self._tool.finish(self._tool.interrupt)

    def collect(self) -> SyscallProfile:
        """Return the counts. Raises ProbeFailed."""
        text = self._result.read_text(encoding="utf-8", errors="replace") if self._result.exists() else ""
        return parse_profile(text, self._window_ns)

    def stop(self) -> None:
        """End strace; what it traced goes on untraced."""
        self._tool.stop()
        self._directory.cleanup()


def why_unavailable() -> Lack | None:
    """Return what strace lacks on this machine, None if it should work."""
    return missing_program("strace", "apt-get install strace") or ptrace_denial("strace")


def _are_traced(pids: Collection[int], tracer: int) -> bool:
    return all(
        _read_tracer(status) in (tracer, None) for pid in pids for status in Path(f"/proc/{pid}/task").glob("*/status")
    )


def _read_tracer(status: Path) -> int | None:
    """Return the pid of who traces a thread, 0 for nobody, None if the thread is gone."""
    try:
        lines = status.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("TracerPid:")), None)
