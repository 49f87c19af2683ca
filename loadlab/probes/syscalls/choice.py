"""Which of the three tracers of system calls is used: the one that is named, or the best that works here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.probes.probe import Backend, Lack
from loadlab.probes.syscalls import bpftrace, perf, strace
from loadlab.results.probe_data import SyscallBackend, SyscallProfile

Tracer = Backend[SyscallBackend, SyscallProfile]


@dataclass(frozen=True, slots=True)
class Missed:
    """A backend that would have been used, and why it could not be."""

    name: SyscallBackend
    lack: Lack


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend to use, None if none works here, and those that would have come before it."""

    backend: Tracer | None
    missed: tuple[Missed, ...]


BACKENDS: Final[tuple[Tracer, ...]] = (
    Backend("bpftrace", bpftrace.why_unavailable, bpftrace.BpftraceProbe),
    Backend("perf", perf.why_unavailable, perf.PerfStatProbe),
    Backend("strace", strace.why_unavailable, strace.StraceProbe, can_be_switched=False),
)
"""The one that shows most comes first; strace, which slows a server down several times over, last."""


def choose_backend(name: str | None = None, backends: Sequence[Tracer] = BACKENDS) -> Choice:
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
