"""System calls counted by `strace -c`: calls, errors and time. It stops a process twice for each call."""

import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from loadlab.probes.prerequisites import missing_program, ptrace_denial
from loadlab.probes.probe import Lack, ProbeFailed, list_descendants
from loadlab.probes.tool import Tool
from loadlab.results.probe_data import CallCount, SyscallProfile

COLUMNS: Final = ("name", "calls", "errors", "total-time")
"""Given to -U, in this order; strace leaves errors blank where there are none."""


class StraceProbe:
    """`strace -c -f` for one window; a Probe. It cannot be switched: what it counts begins with `prepare`.

    Attached within the window, it would count at the rate of a server that is traced what was requested at the rate of
    one that is not yet: calls per request were 3 to 21 % too low.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._tool = Tool("strace", check)
        self._directory = tempfile.TemporaryDirectory(prefix="loadlab-strace-")
        self._result = Path(self._directory.name) / "summary"
        self._begin_ns = self._window_ns = 0

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to every thread of the processes and their descendants; return when all are attached."""
        watched = list_descendants(pids)
        attach = [argument for pid in sorted(watched) for argument in ("-p", str(pid))]
        # Wall-clock time (-w), as the other backends measure it; without it strace shows the system's CPU time.
        self._tool.start(["strace", "-c", "-w", "-f", "-U", ",".join(COLUMNS), "-o", str(self._result), *attach])
        self._tool.wait_until(lambda: _are_traced(watched, self._tool.pid), "attach to the processes")

    def begin(self) -> None:
        """Note the time."""
        self._begin_ns = time.monotonic_ns()

    def look(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Detach."""
        self._window_ns = time.monotonic_ns() - self._begin_ns
        self._tool.finish(self._tool.interrupt)

    def collect(self) -> SyscallProfile:
        """Return the counts. Raises ProbeFailed."""
        text = self._result.read_text(encoding="utf-8", errors="replace") if self._result.exists() else ""
        return parse_profile(text, self._window_ns)

    def stop(self) -> None:
        """End strace; the processes run on, untraced."""
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
    """Return the pid of the tracer of a thread, 0 if there is none, None if the thread is gone."""
    try:
        lines = status.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("TracerPid:")), None)


def parse_profile(text: str, window_ns: int) -> SyscallProfile:
    """Make a profile of strace's summary, empty if there was no call. Raises ProbeFailed if it is anything else."""
    try:
        calls = [_parse_row(line) for line in _rows(text)]
    except (ValueError, OverflowError) as error:
        raise ProbeFailed(f"the output of strace cannot be parsed: {error}") from error
    return SyscallProfile(
        backend="strace",
        window_ns=window_ns,
        calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
    )


def _rows(text: str) -> list[str]:
    if not text.strip():
        return []
    lines = text.splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("----")]
    if len(rules) != 2:
        raise ValueError(f"{lines[0]!r} is not the head of a summary")
    first, last = rules
    return lines[first + 1 : last]


def _parse_row(line: str) -> CallCount:
    match line.split():
        case [name, calls, seconds]:
            errors = "0"
        case [name, calls, errors, seconds]:
            pass
        case _:
            raise ValueError(f"{line!r} is not a row of a summary")
    time_ns = round(float(seconds) * 1_000_000_000)
    return CallCount(name=name, calls=int(calls), errors=int(errors), time_ns=time_ns)
