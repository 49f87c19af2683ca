"""System calls as bpftrace sees them: everything that a profile holds, added up in the kernel.

It hooks every system call of the machine, and returns at once where the process is not watched; children and threads
that the watched processes start are followed.
"""

import ctypes
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Collection
from enum import IntEnum
from pathlib import Path
from typing import Final

from loadlab.probes.descendants import list_descendants
from loadlab.probes.privileges import Capability, read_capabilities
from loadlab.probes.probe import Lack
from loadlab.probes.requirements import missing_program, missing_tracepoints
from loadlab.probes.syscalls.bpftrace_output import parse_profile
from loadlab.probes.syscalls.call_names import read_call_names
from loadlab.probes.tool import Tool
from loadlab.results.syscalls import WAIT_CALLS, SyscallProfile

_SCRIPT: Final = Path(__file__).with_name("watch.bt")
_TRACEPOINTS: Final = (
    "raw_syscalls/sys_enter",
    "raw_syscalls/sys_exit",
    "syscalls/sys_enter_prctl",
    "sched/sched_process_fork",
    "sched/sched_process_exit",
)
_INITIAL_PID_NAMESPACE: Final = 0xEFFFFFFC  # PROC_PID_INIT_INO in the kernel's <linux/proc_ns.h>
_MAP_KEYS: Final = 32_768
"""Room for as many threads in a system call at once; what exceeds it is lost without a word. The default is 4096."""

_libc = ctypes.CDLL(None)
_options = itertools.count(0x6C6C_0000)  # far from those of <linux/prctl.h>; one for each probe of this process


class _Command(IntEnum):
    """What watch.bt understands."""

    ANSWER = 1
    WATCH = 2
    SWITCH = 3
    EXIT = 4


class BpftraceProbe:
    """bpftrace with watch.bt, for one window; a Probe."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._tool = Tool("bpftrace", check)
        self._option = next(_options)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - stop() closes it
        self._begin_ns = self._end_ns = 0

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to every system call of the machine, and watch `pids` and what comes from them, switched off."""
        names = read_call_names()
        script = format_script(_SCRIPT.read_text(encoding="ascii"), names)
        # Versions differ in the name of this setting.
        keys = [f"BPFTRACE_MAP_KEYS_MAX={_MAP_KEYS}", f"BPFTRACE_MAX_MAP_KEYS={_MAP_KEYS}"]
        command = ["bpftrace", "-f", "json", "-B", "none", "-e", script, str(os.getpid()), str(self._option)]
        self._tool.start(["env", *keys, *command], stdout=self._output)
        self._tool.wait_until(self._is_attached, "attach to the kernel's tracepoints")
        # What a watched process forks is followed by the kernel; what one forked just before it was watched is found
        # by the next listing. Three of them leave no time for a fourth generation.
        for _ in range(3):
            for pid in list_descendants(pids):
                self._tell(_Command.WATCH, pid)

    def begin(self) -> None:
        """Count from now on: what this call returns to is in the window."""
        self._begin_ns = time.monotonic_ns()
        self._tell(_Command.SWITCH, 1)

    def end(self) -> None:
        """Count no more calls that begin."""
        self._tell(_Command.SWITCH, 0)
        self._end_ns = time.monotonic_ns()

    def collect(self) -> SyscallProfile:
        """Return all that was seen. Raises ProbeFailed."""
        # Not with a signal: bpftrace 0.17 sleeps on if that comes while it does not wait for its script just then.
        self._tool.finish(lambda: self._tell(_Command.EXIT))
        return parse_profile(self._read_output(), read_call_names(), self._end_ns - self._begin_ns)

    def stop(self) -> None:
        """End bpftrace; with it the kernel drops what it had attached."""
        self._tool.stop()
        self._output.close()

    def _is_attached(self) -> bool:
        # bpftrace passes on what its scripts print only once all of them are attached.
        self._tell(_Command.ANSWER)
        return '"attached\\n"' in self._read_output()

    def _read_output(self) -> str:
        descriptor = self._output.fileno()
        # pread, not seek: bpftrace writes at the position of the same open file.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def _tell(self, command: _Command, argument: int = 0) -> None:
        # The answer is EINVAL at all times: the kernel does not know the option.
        _libc.prctl(
            self._option, ctypes.c_ulong(command), ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0)
        )


def why_unavailable() -> Lack | None:
    """Return what bpftrace lacks on this machine, None if it should work."""
    return (
        missing_program("bpftrace", "apt-get install bpftrace")
        or _lacking_privilege()
        or missing_tracepoints(*_TRACEPOINTS)
        or _lacking_view()
    )


def format_script(script: str, names: dict[int, str]) -> str:
    """Put the numbers of the wait calls in their place; on a machine without known names no call is one."""
    numbers = sorted(number for number, name in names.items() if name in WAIT_CALLS)
    return script.replace("WAIT_CALL", " || ".join(f"args->id == {number}" for number in numbers) or "0")


def _lacking_privilege() -> Lack | None:
    # Most versions insist on root itself, whatever the capabilities.
    if os.geteuid() != 0:
        return Lack("bpftrace works for root only", "start loadlab as root")
    held = read_capabilities()
    if Capability.SYS_ADMIN in held or {Capability.BPF, Capability.PERFMON} <= held:
        return None
    return Lack(
        "this root lacks the capabilities CAP_BPF and CAP_PERFMON",
        "start the container with --cap-add BPF --cap-add PERFMON",
    )


def _lacking_view() -> Lack | None:
    if Path("/proc/self/ns/pid").stat().st_ino == _INITIAL_PID_NAMESPACE:
        return None
    return Lack(
        "bpftrace knows processes by the host's pids, and this container has its own",
        "start the container with --pid=host",
    )
