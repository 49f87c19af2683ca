"""System calls counted by a bpftrace script in the kernel: everything that a profile can hold."""

import ctypes
import itertools
import json
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from errno import EAGAIN
from pathlib import Path
from typing import Any, Final

from loadlab.probes.prerequisites import missing_program, missing_tracepoints, read_capabilities
from loadlab.probes.probe import Lack, ProbeFailed, list_descendants
from loadlab.probes.tool import Tool
from loadlab.processes.proc import Capability
from loadlab.results.probe_data import WAIT_CALLS, Buckets, CallCount, EventsPerWait, SyscallProfile

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
"""Room for as many threads in a system call at once; what exceeds it is lost without notice. The default is 4096."""
_libc = ctypes.CDLL(None)
_options = itertools.count(0x6C6C_0000)  # far from those of <linux/prctl.h>; one for each probe of this process


class _Command(IntEnum):
    """The commands of watch.bt."""

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
        """Attach to every system call of the machine, and watch `pids` and their descendants, switched off."""
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
                self._send(_Command.WATCH, pid)

    def begin(self) -> None:
        """Start to count: when this returns, the window has begun."""
        self._begin_ns = time.monotonic_ns()
        self._send(_Command.SWITCH, 1)

    def look(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do not count calls that begin from now on."""
        self._send(_Command.SWITCH, 0)
        self._end_ns = time.monotonic_ns()

    def collect(self) -> SyscallProfile:
        """Return all that was seen. Raises ProbeFailed."""
        # Not with a signal: bpftrace 0.17 sleeps on if one arrives while it is not waiting for its script.
        self._tool.finish(lambda: self._send(_Command.EXIT))
        return parse_profile(self._read_output(), read_call_names(), self._end_ns - self._begin_ns)

    def stop(self) -> None:
        """End bpftrace; the kernel then detaches what it had attached."""
        self._tool.stop()
        self._output.close()

    def _is_attached(self) -> bool:
        # bpftrace passes on what its scripts print only once all of them are attached.
        self._send(_Command.ANSWER)
        return '"attached\\n"' in self._read_output()

    def _read_output(self) -> str:
        descriptor = self._output.fileno()
        # pread, not seek: bpftrace writes at the position of the same open file.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def _send(self, command: _Command, argument: int = 0) -> None:
        # It always fails with EINVAL: the kernel does not know the option, but the script sees the call.
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


def format_script(script: str, names: dict[int, str]) -> str:
    """Put the numbers of the wait calls in their place; on a machine without known names no call is one."""
    numbers = sorted(number for number, name in names.items() if name in WAIT_CALLS)
    return script.replace("WAIT_CALL", " || ".join(f"args->id == {number}" for number in numbers) or "0")


def read_call_names(machine: str | None = None) -> dict[int, str]:
    """Return {number: name} for a machine as `uname -m` calls it (this one if none is given), empty if unknown."""
    path = Path(__file__).with_name(f"calls_{machine or platform.machine()}.txt")
    if not path.exists():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {int(number): name for number, name in pairs}


def name_call(number: int, names: Mapping[int, str]) -> str:
    """Return the name of a system call; one that is newer than the tables goes by its number."""
    return names.get(number, f"syscall {number}")


_LATENCY_UNIT_NS: Final = 128  # as watch.bt divides


def parse_profile(output: str, names: Mapping[int, str], window_ns: int) -> SyscallProfile:
    """Make a profile of bpftrace's whole output. Raises ProbeFailed if it is not that of watch.bt."""
    try:
        maps = _parse_maps(output.splitlines())
        latencies = _parse_histograms(maps["@latency"], _LATENCY_UNIT_NS)
        times = {int(number): int(total) for number, total in maps["@time"].items()}
        errors = _parse_errors(maps["@errors"])
        events = {int(number): int(total) for number, total in maps["@events"].items()}
        waits = _parse_histograms(maps["@waits"])
        calls = [
            CallCount(
                name=name_call(number, names),
                calls=_count(latency),
                errors=errors.all[number],
                eagain=errors.eagain[number],
                time_ns=times[number],
                latency_ns=latency,
            )
            for number, latency in latencies.items()
        ]
        return SyscallProfile(
            backend="bpftrace",
            window_ns=window_ns,
            calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
            waits=[
                EventsPerWait(
                    name=name_call(number, names), calls=_count(histogram), events=events[number], histogram=histogram
                )
                for number, histogram in sorted(waits.items())
            ],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProbeFailed(f"the output of bpftrace cannot be parsed: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Errors:
    """Failed calls by number of the call."""

    all: Counter[int]
    eagain: Counter[int]


def _parse_maps(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the maps by name; a map that nothing was ever put into is printed as empty, or not at all."""
    maps: dict[str, dict[str, Any]] = {name: {} for name in ("@latency", "@time", "@errors", "@events", "@waits")}
    printed = [json.loads(line) for line in lines if line.strip()]
    finished = False
    for message in printed:
        if message["type"] in ("map", "hist"):
            maps |= message["data"]
            finished = True
    if not finished:
        raise ValueError("no maps")
    return maps


def _parse_errors(counts: Mapping[str, Any]) -> _Errors:
    errors = _Errors(Counter(), Counter())
    for key, count in counts.items():
        number, errno = map(int, key.split(","))
        errors.all[number] += int(count)
        if errno == EAGAIN:
            errors.eagain[number] += int(count)
    return errors


def _parse_histograms(histograms: Mapping[str, list[Mapping[str, int]]], unit: int = 1) -> dict[int, Buckets]:
    """Return the buckets by number of the call, with bounds in what the script divided by `unit`."""
    return {
        # Between the lowest and the highest bucket bpftrace prints the empty ones too.
        int(number): [((bucket["max"] + 1) * unit - 1, bucket["count"]) for bucket in buckets if bucket["count"]]
        for number, buckets in histograms.items()
    }


def _count(histogram: Buckets) -> int:
    return sum(count for _, count in histogram)
