"""Which of the three programs watches: the one named, or the first in order of what it can tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.probes.probe import Lack, OpenProbe
from loadlab.probes.syscalls import bpftrace, perf, strace
from loadlab.results.probe_data import SyscallBackend, SyscallProfile


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to watch system calls."""

    name: SyscallBackend
    why_unavailable: Callable[[], Lack | None]
    open_probe: OpenProbe[SyscallProfile]


@dataclass(frozen=True, slots=True)
class Missed:
    """A backend that would have been taken, and why it could not be."""

    name: SyscallBackend
    lack: Lack


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend to use, None if none works here, and those that would have come before it."""

    backend: Backend | None
    missed: tuple[Missed, ...]


BACKENDS: Final = (
    Backend("bpftrace", bpftrace.why_unavailable, bpftrace.BpftraceProbe),
    Backend("perf", perf.why_unavailable, perf.PerfStatProbe),
    Backend("strace", strace.why_unavailable, strace.StraceProbe),
)
"""The one that tells most comes first; strace, which slows a server several times over, last."""


def choose_backend(name: str | None = None, backends: Sequence[Backend] = BACKENDS) -> Choice:
    """Return the first backend that works here, of those of that name if there is one."""
    missed: list[Missed] = []
    for backend in backends:
        if name is not None and backend.name != name:
            continue
        lack = backend.why_unavailable()
        if lack is None:
            return Choice(backend, tuple(missed))
        missed.append(Missed(backend.name, lack))
    return Choice(None, tuple(missed))
