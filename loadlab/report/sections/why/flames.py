"""Flame graphs as data: folded stacks become a tree, the tree rectangles; both ends of x, and their difference."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.report.sections.section import ReadStacks
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.results.folded_stacks import FrameKind, Stack, Stacks, kind_of
from loadlab.results.probe_data import CpuBackend, StackProfile

RectangleKind = Literal["thread"] | FrameKind

_ROOT: Final = "all"
_LEAST_PER_MILLE: Final = 1
_MOST_RECTANGLES: Final = 4000
_LONGEST_NAME: Final = 160
_KINDS: Final[tuple[RectangleKind, ...]] = ("thread", "python", "javascript", "native", "kernel")
# Most of a server's time goes into the kernel, which only perf sees.
_BEST_FIRST: Final[tuple[CpuBackend, ...]] = ("perf", "py-spy")
_SEEN: Final[dict[CpuBackend, str]] = {"perf": "the kernel and native code", "py-spy": "Python and native code"}


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A function where it was called from: `start` is its left side and `count` its width, both in samples.

    `depth` is 0 for the root, on which the threads stand. `before` is its count in the other profile of a difference.
    """

    name: str
    kind: RectangleKind
    depth: int
    start: int
    count: int
    before: int


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """Rectangles from left to right, each before those that stand on it.

    Narrow ones are not among them: `hidden` counts these, and `least` is the fewest samples of one that is drawn. What
    is hidden counts in its callers all the same. `before_total` is None unless this is the difference of two profiles.
    """

    title: str
    total: int
    before_total: int | None
    rectangles: tuple[Rectangle, ...]
    hidden: int
    least: int

    def share(self, rectangle: Rectangle) -> float:
        """Return its part of all samples, from 0 to 1."""
        return rectangle.count / self.total

    def change(self, rectangle: Rectangle) -> float:
        """Return by how much its share grew against the profile before, negative if it shrank; 0 without one."""
        if not self.before_total:
            return 0.0
        return self.share(rectangle) - rectangle.before / self.before_total

    @property
    def kinds(self) -> list[RectangleKind]:
        """The kinds of functions that are drawn."""
        drawn = {rectangle.kind for rectangle in self.rectangles}
        return [kind for kind in _KINDS if kind in drawn and kind != "thread"]

    @property
    def data(self) -> dict[str, object]:
        """All that the page's script needs, each name once: it is written into the page as JSON.

        A rectangle is [name, kind, depth, start, count], the first two as places in the lists; in a difference the
        count before follows.
        """
        names = list(dict.fromkeys(rectangle.name for rectangle in self.rectangles))
        place = {name: number for number, name in enumerate(names)}
        is_difference = self.before_total is not None
        return {
            "total": self.total,
            "beforeTotal": self.before_total,
            "kinds": _KINDS,
            "names": [_shorten(name) for name in names],
            "rectangles": [
                [place[each.name], _KINDS.index(each.kind), each.depth, each.start, each.count]
                + ([each.before] if is_difference else [])
                for each in self.rectangles
            ],
        }


@dataclass(frozen=True, slots=True)
class FlameComparison:
    """Two profiles and what changed from one to the other."""

    before: FlameGraph
    after: FlameGraph
    difference: FlameGraph


@dataclass(frozen=True, slots=True)
class LineFlames:
    """The graphs of one profiler in their order, with the stacks of both ends where it has seen both."""

    backend: CpuBackend
    graphs: tuple[FlameGraph, ...]
    compared: tuple[Stacks, Stacks] | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the graphs are of, and the profiler."""
        return f"CPU samples of the target: {_SEEN[self.backend]}, by {self.backend}"


def flames_of(line: ProbedLine, read_stacks: ReadStacks) -> tuple[LineFlames, ...]:
    """Return the graphs of each profiler, of those that saw both ends if any did; the one that sees most is first."""
    found = {backend: _stacks_by(line, backend, read_stacks) for backend in _BEST_FIRST}
    most = max(len(seen) for seen in found.values())
    return tuple(_flames_at(line, backend, seen) for backend, seen in found.items() if seen and len(seen) == most)


def build_flames(stacks: Stacks, title: str) -> FlameGraph:
    """Return the flame graph of one profile."""
    return _draw({stack: (0, count) for stack, count in stacks.items()}, title, before_total=None)


def build_difference(before: Stacks, after: Stacks, title: str) -> FlameGraph:
    """Return the flame graph of `after` that knows of each rectangle what it was in `before`.

    Shares are compared, not counts: two windows never have the same number of samples. A function that is gone after
    has no width, so it is to be looked for in the graph of `before`.
    """
    stacks = {stack: (before.get(stack, 0), after.get(stack, 0)) for stack in before.keys() | after.keys()}
    return _draw(stacks, title, before_total=sum(before.values()))


def compare_flames(before: Stacks, after: Stacks, before_title: str, after_title: str) -> FlameComparison:
    """Return the graphs of two profiles, say of the lowest and the highest x, and of their difference."""
    return FlameComparison(
        before=build_flames(before, before_title),
        after=build_flames(after, after_title),
        difference=build_difference(before, after, f"{after_title} against {before_title}"),
    )


_Seen = list[tuple[End, StackProfile, dict[Stack, int]]]


def _stacks_by(line: ProbedLine, backend: CpuBackend, read_stacks: ReadStacks) -> _Seen:
    return [
        (end, profile, stacks)
        for end in line.ends
        if (profile := _profile(end, backend)) and (stacks := read_stacks(end.trial.id, profile.file))
    ]


def _flames_at(line: ProbedLine, backend: CpuBackend, seen: _Seen) -> LineFlames:
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


def _draw(stacks: Mapping[Stack, tuple[int, int]], title: str, before_total: int | None) -> FlameGraph:
    total = sum(after for _, after in stacks.values())
    all_of_them = list(_rectangles(stacks))
    wide = [each for each in all_of_them if each.count and each.count * 1000 >= total * _LEAST_PER_MILLE]
    if len(wide) > _MOST_RECTANGLES:
        # Nothing is wider than what it stands on, so whatever is left after a cut by width still stands.
        cut = sorted(each.count for each in wide)[-_MOST_RECTANGLES]
        wide = [each for each in wide if each.count > cut]
    return FlameGraph(
        title=title,
        total=total,
        before_total=before_total,
        rectangles=tuple(sorted(wide, key=lambda each: (each.start, each.depth))),
        hidden=sum(1 for each in all_of_them if each.count) - len(wide),
        least=min((each.count for each in wide), default=0),
    )


def _rectangles(stacks: Mapping[Stack, tuple[int, int]]) -> Iterator[Rectangle]:
    """Yield every rectangle when its right side is known: in sorted order, stacks that share callers are neighbours."""
    open_frames: list[tuple[str, int, int]] = []
    before_position = position = 0
    for stack, (before, after) in _sorted_from_root(stacks):
        shared = _count_shared((name for name, _, _ in open_frames), stack)
        while len(open_frames) > shared:
            yield _close(open_frames, before_position, position)
        open_frames += ((name, before_position, position) for name in stack[shared:])
        before_position += before
        position += after
    while open_frames:
        yield _close(open_frames, before_position, position)


def _sorted_from_root(stacks: Mapping[Stack, tuple[int, int]]) -> Iterator[tuple[Stack, tuple[int, int]]]:
    for stack, counts in sorted(stacks.items()):
        yield (_ROOT, *stack), counts


def _count_shared(names: Iterable[str], stack: Stack) -> int:
    shared = 0
    for name, frame in zip(names, stack, strict=False):
        if name != frame:
            break
        shared += 1
    return shared


def _close(open_frames: list[tuple[str, int, int]], before_position: int, position: int) -> Rectangle:
    name, before_start, start = open_frames.pop()
    depth = len(open_frames)
    # The root and the threads on it are no functions.
    kind = kind_of(name) if depth > 1 else "thread"
    return Rectangle(name, kind, depth, start, count=position - start, before=before_position - before_start)


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
