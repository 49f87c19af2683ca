"""The programs and tracepoints that this machine has to have, each with the command that gives it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadlab.probes.probe import Lack

_TRACING_PLACES: Final = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))


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
    # Only its owner may enter the directory as a rule, so this is asked before anything is looked for inside.
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


def _find_tracing(places: Sequence[Path]) -> Path | None:
    # An unmounted tracefs leaves an empty directory, and one that we may not read is there all the same.
    for place in places:
        if place.is_dir() and (not os.access(place, os.R_OK | os.X_OK) or (place / "events").is_dir()):
            return place
    return None
