"""Names of system calls by number, for the machines that loadlab knows.

The files beside this one hold "number name" lines, from the kernel's own tables: <asm/unistd_64.h> of Linux 6.1 for
x86_64, <asm-generic/unistd.h> for aarch64, and up to 467 what later kernels have added, alike on both.
"""

import platform
from collections.abc import Mapping
from pathlib import Path


def read_call_names(machine: str | None = None) -> dict[int, str]:
    """Return {number: name} for a machine as `uname -m` calls it (this one if none is given), empty if unknown."""
    path = Path(__file__).with_name(f"calls_{machine or platform.machine()}.txt")
    if not path.exists():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {int(number): name for number, name in pairs}


def name_call(number: int, names: Mapping[int, str]) -> str:
    """Return the name of a system call; one that is too new for the tables is called by its number."""
    return names.get(number, f"syscall {number}")
