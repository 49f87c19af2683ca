"""What /proc shows of one process (proc(5)): the only place that parses its stat, statm and smaps_rollup."""

import os
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""The unit in which the kernel reports CPU times, 10 ms as a rule."""

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

_UNSEEN: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """Fields of /proc/PID/stat. CPU times are whole ticks; those of children count once they have been waited for.

    `started_ticks`, since boot, distinguishes a process from an earlier one with the same pid.
    """

    name: str
    state: str
    parent: int
    user_ns: int
    system_ns: int
    children_user_ns: int
    children_system_ns: int
    threads: int
    started_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether it is more than an exit code that waits to be collected."""
        return self.state not in ("Z", "X")


def read_stat(pid: int, proc: Path = PROC) -> ProcessStat | None:
    """Read the state of a process, in about 20 µs; None if it is gone, or hidden (mount option hidepid)."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except _UNSEEN:
        return None
    # The name, in parentheses, may itself hold spaces and parentheses; the fields follow the last one. proc(5) numbers
    # them from 1, pid and name first, so state, field 3, is fields[0].
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    user, system, children_user, children_system = (int(fields[number - 3]) * TICK_NS for number in (14, 15, 16, 17))
    return ProcessStat(
        name=head.partition("(")[2],
        state=fields[0],
        parent=int(fields[4 - 3]),
        user_ns=user,
        system_ns=system,
        children_user_ns=children_user,
        children_system_ns=children_system,
        threads=int(fields[20 - 3]),
        started_ticks=int(fields[22 - 3]),
    )


def read_rss_bytes(pid: int, proc: Path = PROC) -> int | None:
    """Return the resident memory of a process, in about 20 µs; None if it is gone, or hidden.

    /proc/PID/stat has it too, but there the kernel leaves out what each core has counted and not passed on yet: 1 to
    7 % too little for a small server.
    """
    try:
        return int((proc / str(pid) / "statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    except _UNSEEN:
        return None


def read_last_core(pid: int, thread: int, proc: Path = PROC) -> int | None:
    """Return the core that a thread runs on, or ran on last; None if it is gone, or hidden."""
    try:
        text = (proc / str(pid) / "task" / str(thread) / "stat").read_text(encoding="utf-8", errors="replace")
    except _UNSEEN:
        return None
    return int(text.rpartition(")")[2].split()[39 - 3])


def list_pids(proc: Path = PROC) -> list[int]:
    """Return the pids of all processes that can be seen."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def read_cpu_clock(pid: int) -> int | None:
    """Return the CPU time of a process in ns, not rounded to ticks; None also where the kernel has no such clock.

    Threads that have ended are included: /proc/PID/task/*/schedstat is as exact, but loses them. The time of a thread
    that is running is as of the last tick of its core's timer, at most 4 ms ago on most kernels. Takes 0.4 µs.
    """
    # clock_getcpuclockid(3), which Python does not have: the pid inverted, and 2 for the scheduler's own account.
    try:
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return None


def read_memory_sizes(pid: int, proc: Path = PROC) -> dict[str, int]:
    """Return the sums over all mappings of a process in bytes, by name: Rss, Pss, Pss_Anon and so on. Raises OSError.

    The kernel walks all of its pages for it: 0.1 ms, and 1 ms for each 100 MiB.
    """
    return parse_sizes((proc / str(pid) / "smaps_rollup").read_text(encoding="ascii", errors="replace"))


class Capability(IntEnum):
    """Bits of a process's capability sets, from <linux/capability.h>: those that matter here."""

    SYS_PTRACE = 19
    SYS_ADMIN = 21
    PERFMON = 38
    BPF = 39


def parse_capabilities(status: str) -> frozenset[Capability]:
    """Return which of these capabilities are in effect, from the text of /proc/PID/status."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            effective = int(value, 16)
            return frozenset(capability for capability in Capability if effective >> capability & 1)
    return frozenset()


def parse_sizes(text: str) -> dict[str, int]:
    """Return {name: bytes} of those lines that are sizes, as in /proc/meminfo: "MemTotal:  2048 kB"."""
    lines = (line.split() for line in text.splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) * 1024 for parts in lines if parts[2:] == ["kB"]}
