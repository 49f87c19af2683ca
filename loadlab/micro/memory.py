"""How much memory a set of processes has of its own, whatever they share among themselves counted once.

Taken is the anonymous part of the proportional set size, Pss_Anon of /proc/PID/smaps_rollup (proc(5)): heap and stacks
as far as they were touched, a page that forked processes share being divided among them. Program text and libraries are
not in it, since one more thread or process adds none. Nor is what the kernel keeps for each: 16 KiB of stack, its task,
and for a process its page tables.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from loadlab.errors import LoadlabError


def read_anonymous_bytes(others: Iterable[int], proc: Path = Path("/proc")) -> int:
    """Return the anonymous memory of this process and of those with the pids `others`. Raises LoadlabError."""
    return sum(_read_process(proc / str(pid) / "smaps_rollup") for pid in (os.getpid(), *others))


def _read_process(rollup: Path) -> int:
    try:
        text = rollup.read_text()
    except OSError as error:
        raise LoadlabError(f"memory cannot be measured here: {rollup}: {error.strerror}") from error
    for line in text.splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) * 1024
    raise LoadlabError("memory cannot be measured here: it takes Linux 5.4 or later")
