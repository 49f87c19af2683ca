"""The flame graphs of a line: both ends of x by the same profiler, and their difference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadlab.report.why.ends import End, ProbedLine
from loadlab.report.why.flame_graph import FlameGraph, build_flames, compare_flames
from loadlab.results.cpu import CpuBackend, Stack, StackProfile, Stacks

ReadStacks = Callable[[str, str], dict[Stack, int]]

# The kernel is where most of a server's time goes, and perf alone sees it.
_BEST_FIRST: Final[tuple[CpuBackend, ...]] = ("perf", "py-spy")
_SEEN: Final[dict[CpuBackend, str]] = {"perf": "the kernel and native code", "py-spy": "Python and native code"}


@dataclass(frozen=True, slots=True)
class LineFlames:
    """The graphs of one profiler in their order, with the stacks of both ends where it has seen both."""

    backend: CpuBackend
    graphs: tuple[FlameGraph, ...]
    compared: tuple[Stacks, Stacks] | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the graphs are of, and by whom."""
        return f"CPU samples of the target: {_SEEN[self.backend]}, by {self.backend}"


def flames_of(line: ProbedLine, read_stacks: ReadStacks) -> tuple[LineFlames, ...]:
    """Return the graphs of each profiler, of those that saw both ends if any did; the one that sees most is first."""
    found = {backend: _stacks_by(line, backend, read_stacks) for backend in _BEST_FIRST}
    most = max(len(seen) for seen in found.values())
    return tuple(_draw(line, backend, seen) for backend, seen in found.items() if seen and len(seen) == most)


_Seen = list[tuple[End, StackProfile, dict[Stack, int]]]


def _stacks_by(line: ProbedLine, backend: CpuBackend, read_stacks: ReadStacks) -> _Seen:
    return [
        (end, profile, stacks)
        for end in line.ends
        if (profile := _profile(end, backend)) and (stacks := read_stacks(end.trial.id, profile.file))
    ]


def _draw(line: ProbedLine, backend: CpuBackend, seen: _Seen) -> LineFlames:
    notes = tuple(dict.fromkeys(note for _, profile, _ in seen for note in _notes(profile)))
    titles = [end.where or line.name or "the target" for end, _, _ in seen]
    if len(seen) == 1:
        return LineFlames(backend, (build_flames(seen[0][2], titles[0]),), None, notes)
    (_, _, before), (_, _, after) = seen
    compared = compare_flames(before, after, titles[0], titles[1])
    return LineFlames(backend, (compared.before, compared.after, compared.difference), (before, after), notes)


def _profile(end: End, backend: CpuBackend) -> StackProfile | None:
    cpu = end.trial.probes.cpu
    profiles = cpu.target.profiles if cpu and cpu.target else []
    return next((profile for profile in profiles if profile.backend == backend), None)


def _notes(profile: StackProfile) -> list[str]:
    lost = [f"{profile.lost:,} samples were lost."] if profile.lost else []
    return [*profile.notes, *lost]
