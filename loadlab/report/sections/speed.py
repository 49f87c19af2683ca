"""The section on the speed of this machine over the run, and of a cluster's: a strip for each side's cores."""

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

from loadlab.report.certainty import STEADY, speed_moved, speed_of_run
from loadlab.report.sections.section import Run, Section
from loadlab.results.probe_data import Side
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed
from loadlab.units import format_percent

_SIDES: Final[tuple[Side, ...]] = ("target", "client")
# A strip reaches at least so far from the median, so that a steady machine looks steady.
_LEAST_REACH: Final = 0.2
_MOST_POINTS: Final = 400
# In this many usual times between readings nothing was measured.
_LONG_GAP: Final = 5
_CODE: Final = "machine_speed"
# Of more client machines those whose speed moved most.
_MOST_MACHINES: Final = 8

WIDTH: Final = 1000
HEIGHT: Final = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a strip, from left to right: a trial that met a slower or a faster machine."""

    left: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The speed of one side over the run, as the corners of lines in a box of WIDTH times HEIGHT.

    A line ends where nothing was measured for a while.
    """

    title: str
    colour: int
    moved: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpeedSection(Section):
    """`median_at` is the height of the median in each strip, `high` and `low` its ends in percent of that."""

    title: str
    sentence: str
    strips: tuple[Strip, ...]
    stretches: tuple[Stretch, ...]
    high: str
    low: str
    median_at: float
    begin: str
    end: str
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT
    template: ClassVar[str] = "speed.html"


def sections_of(run: Run) -> Iterator[SpeedSection]:
    """Yield the section where there is enough to draw."""
    document = run.document
    sentences = [*speed_sentences(document)]
    courses = [*_courses(run)]
    if not sentences or not courses:
        return
    times = [at for course in courses for at, _ in course.points]
    reached = [value for course in courses for _, value in course.points]
    begin, end = min(times), max(times)
    scale = _Scale(begin, end, min(1 - _LEAST_REACH, *reached), max(1 + _LEAST_REACH, *reached))
    yield SpeedSection(
        title="The machines' speed" if document.client_speeds else "The machine's speed",
        sentence=" ".join(sentences),
        strips=tuple(
            Strip(course.title, course.colour, format_percent(course.change), tuple(scale.lines(course.points)))
            for course in courses
        ),
        stretches=tuple(_stretches(document, scale)),
        high=format_percent(scale.high),
        low=format_percent(scale.low),
        median_at=scale.y(1),
        begin=f"{begin:,.0f} s",
        end=f"{end:,.0f} s",
    )


def speed_sentences(document: RunDocument) -> Iterator[str]:
    """Yield how steady the machines of a run were: the target's, and those of a cluster; as far as was measured."""
    of_cluster = bool(document.client_speeds)
    sentences = (describe_speed(speed_of_run(document), of_cluster), describe_client_speeds(document.client_speeds))
    yield from (sentence for sentence in sentences if sentence is not None)


def describe_speed(speed: MachineSpeed | None, of_target: bool = False) -> str | None:
    """Return how steady the machine was during the run, in a sentence; None where too little was measured.

    With load from a cluster it is the speed `of_target`, on whatever machine.
    """
    moved = speed_moved(speed)
    if speed is None or moved is None:
        return None
    whose = "The speed of the target's cores" if of_target else "This machine's speed"
    if moved < STEADY:
        return f"{whose} was steady within {format_percent(moved)} during the run."
    changes = {side: change for side in _SIDES if (change := speed.change(side)) is not None}
    sides = ", ".join(f"the {side}'s cores {format_percent(change)}" for side, change in changes.items())
    parts = f" ({sides})" if len(changes) > 1 else ""
    return f"{whose} moved by {format_percent(moved)} during the run{parts}."


def describe_client_speeds(speeds: Mapping[str, MachineSpeed]) -> str | None:
    """Return how steady the client machines of a cluster were, in a sentence; None where too little was measured."""
    changes = _changes(speeds)
    if not changes:
        return None
    most = max(changes, key=lambda name: changes[name])
    by = format_percent(changes[most])
    if changes[most] < STEADY:
        return f"The speed of {_whose(changes)} was steady within {by}."
    return f"The speed of {_whose(changes)} moved by {f'up to {by} ({most})' if len(changes) > 1 else by}."


@dataclass(frozen=True, slots=True)
class _Course:
    """What a strip is of: speeds at times, relative to their median, and by how much they changed."""

    title: str
    colour: int
    change: float
    points: Sequence[tuple[float, float]]


def _courses(run: Run) -> Iterator[_Course]:
    """Yield those of this machine's sides, then those of the client machines, in their order."""
    if (speed := speed_of_run(run.document)) is not None and describe_speed(speed) is not None:
        for side in _SIDES:
            if (change := speed.change(side)) is not None:
                yield _Course(_title(side, run), _SIDES.index(side), change, _points(speed, side))
    speeds = run.document.client_speeds
    changes = _changes(speeds)
    drawn = sorted(changes, key=lambda name: -changes[name])[:_MOST_MACHINES]
    for name in (name for name in speeds if name in drawn):
        title = f"The cores of client machine {name}"
        yield _Course(title, _SIDES.index("client"), changes[name], _points(speeds[name], "client"))


def _changes(speeds: Mapping[str, MachineSpeed]) -> dict[str, float]:
    """Return by how much the speed of each client changed, of those of which there are enough readings."""
    found = {name: speed.change("client") for name, speed in speeds.items() if speed_moved(speed) is not None}
    return {name: change for name, change in found.items() if change is not None}


def _whose(machines: Collection[str]) -> str:
    return "the client machine" if len(machines) == 1 else f"the {len(machines):,} client machines"


@dataclass(frozen=True, slots=True)
class _Scale:
    """From seconds and speeds to places in the box; y counts down."""

    begin: float
    end: float
    low: float
    high: float

    def x(self, at: float) -> float:
        return round(WIDTH * min(1.0, max(0.0, (at - self.begin) / ((self.end - self.begin) or 1))), 1)

    def y(self, speed: float) -> float:
        return round(HEIGHT * (self.high - speed) / (self.high - self.low), 1)

    def lines(self, points: Sequence[tuple[float, float]]) -> Iterator[str]:
        """Yield the corners of each line; one of a single point has it twice, and is drawn as a dot."""
        gaps = [after[0] - before[0] for before, after in pairwise(points)]
        longest = _LONG_GAP * statistics.median(gaps or [0])
        ends = [index + 1 for index, gap in enumerate(gaps) if gap > longest]
        for first, last in pairwise([0, *ends, len(points)]):
            corners = [f"{self.x(at)},{self.y(speed)}" for at, speed in points[first:last]]
            yield " ".join(corners if len(corners) > 1 else corners * 2)


def _title(side: Side, run: Run) -> str:
    return f"The {side}'s cores" if run.kind == "load" else "The core that was measured on"


def _points(speed: MachineSpeed, side: Side) -> list[tuple[float, float]]:
    """Return times and speeds; of many readings medians of a few each."""
    known = [
        (reading.at, value)
        for reading in speed.readings
        if (value := getattr(speed.relative(reading), side)) is not None
    ]
    together = -(-len(known) // _MOST_POINTS)
    groups = [known[first : first + together] for first in range(0, len(known), together)]
    return [
        (statistics.median(at for at, _ in group), statistics.median(value for _, value in group)) for group in groups
    ]


def _stretches(document: RunDocument, scale: _Scale) -> Iterator[Stretch]:
    """Yield the trials of a single window, and spoiled attempts, that met another machine than the rest of the run."""
    for trial in (*document.spoiled, *document.trials):
        doubts = [each for each in trial.verdict.findings if each.code == _CODE and each.severity != "note"]
        if doubts and trial.at is not None and not trial.rounds:
            left, right = scale.x(trial.at), scale.x(trial.at + trial.window_ns / 1e9)
            yield Stretch(left, max(2.0, round(right - left, 1)), f"trial {trial.id}: {doubts[0].evidence}")
