"""The programs that watch a target, chosen and opened on the machine that it runs on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from loadlab.probes.cpu.probe import CpuSampler, can_be_switched, why_none_works
from loadlab.probes.probe import Probe, ProbeFailed
from loadlab.probes.syscalls.choice import choose_backend

WatchedKind = Literal["syscalls", "cpu"]


@dataclass(frozen=True, slots=True)
class ChosenProbe:
    """What a machine watches with: the `backend` of a tracer, "" for all samplers that work, None if nothing works.

    `missed` says why what would have come before does not work, a sentence each. One that cannot be switched watches
    from one idle moment to the next.
    """

    kind: WatchedKind
    backend: str | None
    can_be_switched: bool
    missed: tuple[str, ...]


def choose_probe(kind: WatchedKind, wanted: str = "") -> ChosenProbe:
    """Return the best of its kind that works on this machine, or the tracer that is `wanted` by its name."""
    if kind == "cpu":
        lacks = tuple(why_none_works())
        return ChosenProbe(kind, None if lacks else "", can_be_switched(), lacks)
    choice = choose_backend(wanted or None)
    missed = tuple(f"{missed.name}: {missed.lack.sentence()}" for missed in choice.missed)
    if choice.backend is None:
        return ChosenProbe(kind, None, True, missed)
    return ChosenProbe(kind, choice.backend.name, choice.backend.can_be_switched, missed)


def open_probe(chosen: ChosenProbe, check: Callable[[], None]) -> Probe[Any]:
    """Return a probe for one window. `check` is called while it waits for its program.

    Raises ProbeFailed where what another machine has chosen does not work on this one.
    """
    if chosen.kind == "cpu":
        return CpuSampler(check)
    backend = choose_backend(chosen.backend).backend
    if backend is None:
        raise ProbeFailed(f"{chosen.backend} does not work on this machine")
    return backend.open_probe(check)
