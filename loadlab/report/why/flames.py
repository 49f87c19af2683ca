"""The flame graphs of a line: both ends of x by the same profiler, and their difference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadlab.report.flame import FlameGraph, build_flames, compare_flames
from loadlab.report.why.ends import End, ProbedLine
from loadlab.results.cpu import CpuBackend, Stack, StackProfile, Stacks

ReadStacks = Callable[[str, str], dict[Stack, int]]

# perf sees the kernel, where a server's time goes; py-spy sees Python functions and the libraries under them.
_BEST_FIRST: Final[tuple[CpuBackend, ...]] = ("perf", "py-spy")


@dataclass(frozen=True, slots=True)
class LineFlames:
    """The graphs in their order, by `backend`, with the stacks of both ends where both have been profiled by it."""

    backend: CpuBackend
    graphs: tuple[FlameGraph, ...]
    compared: tuple[Stacks, Stacks] | None
    notes: tuple[str, ...]


def flames_of(line: ProbedLine, read_stacks: ReadStacks) -> LineFlames | None:
    """Return what the best profiler saw that ran at both ends, else at one of them; None where none has samples."""
    for least in (len(line.ends), 1):
        for backend in _BEST_FIRST:
            found = [
                (end, profile, stacks)
                for end in line.ends
                if (profile := _profile(end, backend)) and (stacks := read_stacks(end.trial.id, profile.file))
            ]
            if len(found) >= least:
                notes = tuple(dict.fromkeys(note for _, profile, _ in found for note in _notes(profile)))
                stacks_of_ends = [stacks for _, _, stacks in found]
                titles = [end.where or line.name or "the target" for end, _, _ in found]
                return _draw(backend, stacks_of_ends, titles, notes)
    return None


def _draw(backend: CpuBackend, stacks: list[dict[Stack, int]], titles: list[str], notes: tuple[str, ...]) -> LineFlames:
    if len(stacks) == 1:
        return LineFlames(backend, (build_flames(stacks[0], titles[0]),), None, notes)
    before, after = stacks
    compared = compare_flames(before, after, titles[0], titles[1])
    return LineFlames(backend, (compared.before, compared.after, compared.difference), (before, after), notes)


def _profile(end: End, backend: CpuBackend) -> StackProfile | None:
    cpu = end.trial.probes.cpu
    profiles = cpu.target.profiles if cpu and cpu.target else []
    return next((profile for profile in profiles if profile.backend == backend), None)


def _notes(profile: StackProfile) -> list[str]:
    lost = [f"{profile.lost:,} samples were lost."] if profile.lost else []
    return [*profile.notes, *lost]
