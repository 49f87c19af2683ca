"""What probes need of this machine: programs, tracepoints and privileges (capabilities(7), perf_event_open(2))."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadlab.probes.probe import Lack
from loadlab.processes.proc import PROC, Capability, parse_capabilities

_TRACING_PLACES: Final = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_PARANOID_WITH_KERNEL: Final = 1  # the highest kernel.perf_event_paranoid that shows the kernel's side to everyone
_SCOPE_OF_ALL: Final = 0  # kernel.yama.ptrace_scope; from 1 on only one's own children may be traced
_SCOPE_OF_NOBODY: Final = 3


def missing_program(program: str, fix: str) -> Lack | None:
    """Look for `program` on the PATH."""
    return None if shutil.which(program) else Lack(f"{program} is not installed", fix)


def missing_tracepoints(*tracepoints: str, places: Sequence[Path] = _TRACING_PLACES) -> Lack | None:
    """Look for tracepoints, each as `group/name`, and whether we may read what they are."""
    tracing = _find_tracing(places)
    if tracing is None:
        return Lack(
            "tracefs, which lists the kernel's tracepoints, is not mounted",
            "mount -t tracefs tracefs /sys/kernel/tracing",
        )
    # As a rule only its owner may enter the directory, so this comes before anything is looked for inside.
    if not os.access(tracing, os.R_OK | os.X_OK):
        return Lack(
            f"{tracing}, which lists the kernel's tracepoints, cannot be read",
            f"start loadlab as root, or: sudo mount -o remount,mode=750,gid=$(id -g) {tracing}",
        )
    absent = [name for name in tracepoints if not (tracing / "events" / name / "id").exists()]
    if absent:
        return Lack(
            f"this kernel has no tracepoint {absent[0].replace('/', ':')}",
            "use a kernel that was built with CONFIG_FTRACE_SYSCALLS=y",
        )
    return None


def has_tracepoint(tracepoint: str, places: Sequence[Path] = _TRACING_PLACES) -> bool:
    """Return whether this kernel has the tracepoint, given as `group/name`."""
    tracing = _find_tracing(places)
    return tracing is not None and (tracing / "events" / tracepoint).exists()


def perf_denial(hidden: str, proc: Path = PROC) -> Lack | None:
    """Return what prevents perf from watching the kernel's side; `hidden` names what it would have shown."""
    paranoid = _read_setting(proc / "sys/kernel/perf_event_paranoid")
    if paranoid is None:
        return Lack("this kernel has no perf events", "use a kernel that was built with CONFIG_PERF_EVENTS=y")
    if paranoid <= _PARANOID_WITH_KERNEL or read_capabilities(proc) & {Capability.PERFMON, Capability.SYS_ADMIN}:
        return None
    return Lack(
        f"kernel.perf_event_paranoid is {paranoid}, which hides {hidden}",
        f"start loadlab as root, or: sudo sysctl kernel.perf_event_paranoid={_PARANOID_WITH_KERNEL}",
    )


def ptrace_denial(program: str, proc: Path = PROC) -> Lack | None:
    """Return what prevents `program` from attaching to processes that are not its children."""
    scope = _read_setting(proc / "sys/kernel/yama/ptrace_scope")
    if scope is None or scope == _SCOPE_OF_ALL:
        return None
    why = f"kernel.yama.ptrace_scope is {scope}, so {program} may not attach to a running server"
    if scope >= _SCOPE_OF_NOBODY:
        return Lack(why, "set it to 0 in /etc/sysctl.d and reboot: this value cannot be changed while the system runs")
    if Capability.SYS_PTRACE in read_capabilities(proc):
        return None
    return Lack(why, f"start loadlab as root, or: sudo sysctl kernel.yama.ptrace_scope={_SCOPE_OF_ALL}")


def read_capabilities(proc: Path = PROC) -> frozenset[Capability]:
    """Return which of these capabilities are in effect for us, and so for the programs that we start as root."""
    return parse_capabilities((proc / "self/status").read_text(encoding="ascii", errors="replace"))


def _find_tracing(places: Sequence[Path]) -> Path | None:
    # If tracefs is not mounted there is an empty directory; one that we may not read counts as mounted.
    for place in places:
        if place.is_dir() and (not os.access(place, os.R_OK | os.X_OK) or (place / "events").is_dir()):
            return place
    return None


def _read_setting(path: Path) -> int | None:
    """Return a setting of the kernel that is a number, None where this kernel does not have or show it."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
