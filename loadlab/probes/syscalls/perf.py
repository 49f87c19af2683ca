"""System calls counted by `perf stat` at tracepoints: the number of each kind and nothing else, which costs least."""

import json
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from loadlab.probes.prerequisites import has_tracepoint, missing_program, missing_tracepoints, perf_denial
from loadlab.probes.probe import Lack, ProbeFailed, list_descendants
from loadlab.probes.tool import PerfControl, Tool
from loadlab.results.probe_data import CallCount, SyscallProfile

_ALL: Final = "raw_syscalls:sys_enter"
_ONE: Final = "syscalls:sys_enter_"
_CALLS: Final = (
    *("accept", "accept4", "close", "shutdown", "epoll_ctl"),
    *("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "io_uring_enter"),
    *("read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg", "sendfile64"),
    *("futex", "clone", "clone3", "wait4", "openat"),
)
"""What servers do, by the names of the tracepoints. perf opens a descriptor for each of them and each thread, and
copies them all whenever a process forks, so the rest is counted as a total."""
_TABLE_NAMES: Final = {"sendfile64": "sendfile"}
"""Tracepoints bear the names of the kernel's functions; one of those counted is not called so in the table of calls."""


class PerfStatProbe:
    """`perf stat` for one window; a Probe. Perf starts switched off and is switched through its control fifo."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._tool = Tool("perf", check)
        self._directory = tempfile.TemporaryDirectory(prefix="loadlab-perf-")
        self._control = PerfControl(Path(self._directory.name))
        self._result = Path(self._directory.name) / "counts.json"
        self._begin_ns = self._end_ns = 0

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to `pids` and their descendants; a process that is forked at this moment may be missed."""
        watched = ",".join(map(str, sorted(list_descendants(pids))))
        self._tool.start(
            [
                *("perf", "stat", "-j", "-o", str(self._result), "-D", "-1", "--control", self._control.option),
                *("-e", ",".join(_list_events()), "-p", watched),
            ]
        )
        self._command("ping", "open its counters")

    def begin(self) -> None:
        """Start to count."""
        self._begin_ns = time.monotonic_ns()
        self._command("enable", "switch on")

    def look(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Stop counting."""
        # Read before the command is sent, as in `begin`: each takes effect some tenths of a millisecond later.
        self._end_ns = time.monotonic_ns()
        self._command("disable", "switch off")

    def collect(self) -> SyscallProfile:
        """Return the counts. Raises ProbeFailed."""
        self._tool.finish(self._tool.interrupt)
        text = self._result.read_text(encoding="utf-8", errors="replace") if self._result.exists() else ""
        return parse_profile(text, self._end_ns - self._begin_ns)

    def stop(self) -> None:
        """End perf and remove its fifos."""
        self._tool.stop()
        self._control.close()
        self._directory.cleanup()

    def _command(self, command: str, task: str) -> None:
        self._control.send(command)
        self._tool.wait_until(self._control.is_acknowledged, task)


def why_unavailable() -> Lack | None:
    """Return what perf lacks on this machine, None if it should work."""
    return (
        missing_program("perf", "apt-get install linux-perf (Ubuntu: linux-tools-generic)")
        or perf_denial("system calls")
        or missing_tracepoints("raw_syscalls/sys_enter", "syscalls/sys_enter_read")
    )


def _list_events() -> Iterator[str]:
    # The first one counts all calls. Some machines have no poll, select or epoll_wait of the old form.
    yield "raw_syscalls:sys_enter"
    for call in _CALLS:
        if has_tracepoint(f"syscalls/sys_enter_{call}"):
            yield f"syscalls:sys_enter_{call}"


def parse_profile(text: str, window_ns: int) -> SyscallProfile:
    """Make a profile of perf's whole output. Raises ProbeFailed if it is anything else."""
    try:
        lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
        counters = [json.loads(line) for line in lines]
        counts = {counter["event"]: _parse_count(counter["counter-value"]) for counter in counters}
        everything = counts.pop(_ALL)
        named = {event.removeprefix(_ONE): count for event, count in counts.items() if event.startswith(_ONE)}
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise ProbeFailed(f"the output of perf cannot be parsed: {type(error).__name__}: {error}") from error
    calls = [CallCount(name=_TABLE_NAMES.get(name, name), calls=count) for name, count in named.items() if count]
    return SyscallProfile(
        backend="perf",
        window_ns=window_ns,
        calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
        # Events are switched on one by one, so a sum may pass the total by a call or two.
        unlisted=max(everything - sum(named.values()), 0),
    )


def _parse_count(value: str) -> int:
    # perf's value for an event whose processes did not run at all within the window.
    return 0 if value == "<not counted>" else int(float(value))
