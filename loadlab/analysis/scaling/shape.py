"""Which law a series follows: none, a straight line, a power, or a line that the events of one wait share."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.scaling.fitting import Estimate, Line, Power
from loadlab.results.model import LawShape

# A change over the whole range below this share of the middle is told as none: machines drift by more over an hour.
_NO_CHANGE: Final = 0.1
# Repeats of a trial scatter by 2 to 10 %. What lies further from a line than this is no noise.
_MOST_NOISE: Final = 0.25
# Akaike's criterion: with a difference beyond this the worse model has "essentially no support" (Burnham and Anderson,
# Sociological Methods & Research 33, 2004, p. 271). All our laws have two coefficients, so only the misfit differs; it
# is weighed by degrees of freedom instead of points, without which one straight line in twenty over five x was told as
# a power.
_DECISIVE: Final = 10.0
# A misfit far below what any clock can tell: of two laws that both fit exactly none shall win by its rounding.
_EXACT: Final = 1e-18


@dataclass(frozen=True, slots=True)
class Point:
    """One trial: x, its cost, and how many events a waiting call returned on average, None where nobody counted."""

    x: float
    cost: float
    events_per_wait: float | None

    @property
    def x_per_event(self) -> float | None:
        """What one event bears of x, as all that one wait returns share the wait's cost."""
        return self.x / self.events_per_wait if self.events_per_wait else None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The laws fitted to one series; `per_event` is a line over x / events per wait."""

    line: Line
    power: Power | None
    per_event: Line | None


@dataclass(frozen=True, slots=True)
class Rises:
    """The slopes of a curve: from its first x to its last, and the least and the greatest between neighbouring x."""

    overall: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What a series follows, and the number that tells how: the exponent of a power, the slope of any other.

    `rises` is for a series that follows none.
    """

    shape: LawShape
    coefficient: Estimate
    rises: Rises | None = None


def followed(points: Sequence[Point], candidates: Candidates) -> Followed:
    """Return the law that the points follow.

    The straight line stands unless another law beats it beyond doubt, or fits where the line does not fit at all.
    """
    line = candidates.line
    # A power law knows no fixed cost, so the laws are compared where x is positive.
    compared = [point for point in points if point.x > 0]
    fits, freedom = line.scatter <= _MOST_NOISE, len(compared) - 2
    if freedom > 0 and (rivals := _rivals(compared, candidates)):
        best, misfit = min(rivals, key=lambda rival: rival[1])
        ratio = _misfit(compared, lambda point: line.at(point.x)) / misfit
        if freedom * math.log(ratio) > _DECISIVE or (not fits and misfit <= freedom * _MOST_NOISE**2):
            return best
    if not fits:
        return Followed("unclear", line.slope, _rises(points))
    is_constant = line.slope.holds_zero or _hardly_changes(points, line)
    return Followed("constant" if is_constant else "linear", line.slope)


def _rivals(points: Sequence[Point], candidates: Candidates) -> list[tuple[Followed, float]]:
    """Return the laws that may stand in the line's place, each with its misfit: neither flat nor below zero."""
    power, per_event = candidates.power, candidates.per_event
    rivals = []
    if power is not None and not power.exponent.holds_zero:
        rivals.append((Followed("power", power.exponent), _misfit(points, lambda point: power.at(point.x))))
    if per_event is not None and not per_event.slope.holds_zero:
        misfit = _misfit(points, lambda point: per_event.at(point.x_per_event or 0.0))
        rivals.append((Followed("per event", per_event.slope), misfit))
    return [rival for rival in rivals if math.isfinite(rival[1])]


def _misfit(points: Sequence[Point], law: Callable[[Point], float]) -> float:
    """Return the sum of squares by which the points lie off a law, as shares; endless where it has no cost there."""
    expected = [law(point) for point in points]
    if any(cost <= 0 for cost in expected):
        return math.inf
    squares = (math.log(point.cost / cost) ** 2 for point, cost in zip(points, expected, strict=True))
    return _EXACT + sum(squares)


def _hardly_changes(points: Sequence[Point], line: Line) -> bool:
    span = max(point.x for point in points) - min(point.x for point in points)
    return abs(line.slope.value * span) < _NO_CHANGE * statistics.median(point.cost for point in points)


def _rises(points: Sequence[Point]) -> Rises:
    xs = sorted({point.x for point in points})
    medians = [statistics.median(point.cost for point in points if point.x == x) for x in xs]
    steps = zip(itertools.pairwise(xs), itertools.pairwise(medians), strict=True)
    slopes = [(after - before) / (to - since) for (since, to), (before, after) in steps]
    return Rises((medians[-1] - medians[0]) / (xs[-1] - xs[0]), min(slopes), max(slopes))
