"""Which law a series follows: none, a straight line, a power, or a line whose cost the events of one wait share."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.scaling.fitting import LineFit, PowerFit, fit_line, fit_power
from loadlab.analysis.uncertainty import Estimate
from loadlab.results.laws import LawShape

# A change below this share of the cost counts as none: machines drift by as much over an hour.
_NO_CHANGE: Final = 0.1
# A line is no law unless it is sure to rise or fall by more than this: a server that costs 3 to 25 % more with 19,000
# idle connections is flat in the next run.
_NEGLIGIBLE: Final = 0.05
# Noise of 10 % tilts a flat line over five points by an eighth of its height (one standard deviation). A line that
# rises or falls by more than this is not called flat, however wide its interval is.
_TILT_OF_NOISE: Final = 0.5
# Repeats of a trial scatter by 2 to 10 %. What lies further from a line than this is not noise.
_MOST_NOISE: Final = 0.25
# Akaike's criterion: with a difference beyond this the worse model has "essentially no support" (Burnham and Anderson,
# Sociological Methods & Research 33, 2004, p. 271). All our laws have two coefficients, so only the misfit differs; it
# is weighed by degrees of freedom instead of points, without which one straight line in twenty over five x was taken
# for a power.
_DECISIVE: Final = 10.0
# A misfit far below what any clock resolves: of two laws that both fit exactly none shall win by its rounding.
_EXACT: Final = 1e-18


@dataclass(frozen=True, slots=True)
class Observation:
    """One trial: x, its cost, and how many events a waiting call returned on average, None if they were not counted.

    One of `weight` 0.5 is expected to scatter twice as much as one of 1. `error` is what is known of the cost's own
    standard error, as a share of it; 0 where nothing is. `trial` is its id.
    """

    x: float
    cost: float
    events_per_wait: float | None
    weight: float = 1.0
    error: float = 0.0
    trial: str = ""

    @property
    def x_per_event(self) -> float | None:
        """The part of x that one event bears, as all events that one wait returns share its cost."""
        return self.x / self.events_per_wait if self.events_per_wait else None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The laws fitted to one series; `per_event` is a line over x / events per wait."""

    line: LineFit
    power: PowerFit | None
    per_event: LineFit | None

    @classmethod
    def of(cls, observations: Sequence[Observation]) -> "Candidates | None":
        """Fit them all; None where not even the line can be fitted."""
        xs, costs, weights = ([read(each) for each in observations] for read in (_x, _cost, _weight))
        least = math.sqrt(statistics.fmean((each.weight * each.error) ** 2 for each in observations))
        line = fit_line(xs, costs, weights, least)
        if line is None:
            return None
        shared = [each.x_per_event for each in observations]
        per_event = None if None in shared else fit_line([x for x in shared if x is not None], costs, weights, least)
        return cls(line, fit_power(xs, costs, weights, least), per_event)


@dataclass(frozen=True, slots=True)
class Rises:
    """The slopes of a curve: from its first x to its last, and the least and the greatest between neighbouring x.

    A change between neighbours against the whole that is as small as a machine's drift counts as none.
    """

    overall: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class SelectedLaw:
    """The law that a series follows, with the coefficient that matters: the exponent of a power, the slope of others.

    A series that is "unclear" follows none, and has `rises`; or a line that may be chance, and has none.
    """

    shape: LawShape
    coefficient: Estimate
    rises: Rises | None = None

    def cost_of(self, observation: Observation, candidates: Candidates) -> float:
        """Return the cost that the law expects there, by one of the `candidates` from which it was selected."""
        if self.shape == "power" and candidates.power and observation.x > 0:
            return candidates.power.at(observation.x)
        if self.shape == "per event" and candidates.per_event:
            return candidates.per_event.at(observation.x_per_event or 0.0)
        return candidates.line.at(observation.x)


def select_law(observations: Sequence[Observation], candidates: Candidates) -> SelectedLaw:
    """Return the law that the observations follow.

    The straight line stands unless another law beats it beyond doubt, or fits where the line does not fit at all.
    """
    line = candidates.line
    # A power law knows no fixed cost, so the laws are compared where x is positive.
    compared = [each for each in observations if each.x > 0]
    fits, freedom = line.scatter <= _MOST_NOISE, len(compared) - 2
    if freedom > 0 and (rivals := _rivals(compared, candidates)):
        best, misfit = min(rivals, key=lambda rival: rival[1])
        ratio = _misfit(compared, lambda each: line.at(each.x)) / misfit
        if freedom * math.log(ratio) > _DECISIVE or (not fits and misfit <= freedom * _MOST_NOISE**2):
            return best
    if not fits:
        return SelectedLaw("unclear", line.slope, _rises(observations))
    change, surely = _change(observations, line.slope.value), _change(observations, _nearest_to_zero(line.slope))
    if change < _NO_CHANGE or (surely < _NEGLIGIBLE and change < _TILT_OF_NOISE):
        return SelectedLaw("constant", line.slope)
    return SelectedLaw("unclear" if line.slope.holds_zero else "linear", line.slope)


def _rivals(observations: Sequence[Observation], candidates: Candidates) -> list[tuple[SelectedLaw, float]]:
    """Return the laws that may take the line's place, each with its misfit: neither flat nor below zero."""
    power, per_event = candidates.power, candidates.per_event
    rivals = []
    if power is not None and not power.exponent.holds_zero:
        rivals.append((SelectedLaw("power", power.exponent), _misfit(observations, lambda each: power.at(each.x))))
    if per_event is not None and not per_event.slope.holds_zero:
        misfit = _misfit(observations, lambda each: per_event.at(each.x_per_event or 0.0))
        rivals.append((SelectedLaw("per event", per_event.slope), misfit))
    return [rival for rival in rivals if math.isfinite(rival[1])]


def _misfit(observations: Sequence[Observation], law: Callable[[Observation], float]) -> float:
    """Return the sum of squared relative deviations from a law; infinite where the law's cost is not positive."""
    expected = [law(each) for each in observations]
    if any(cost <= 0 for cost in expected):
        return math.inf
    squares = (
        (each.weight * math.log(each.cost / cost)) ** 2 for each, cost in zip(observations, expected, strict=True)
    )
    return _EXACT + sum(squares)


def _nearest_to_zero(slope: Estimate) -> float:
    """Return what is sure of a slope: the end of its interval nearer to 0, or that."""
    return 0.0 if slope.holds_zero else min(slope.interval, key=abs)


def _change(observations: Sequence[Observation], slope: float) -> float:
    """Return by how much a line rises or falls from the first x to the last, as a share of the median cost."""
    span = max(each.x for each in observations) - min(each.x for each in observations)
    return abs(slope * span) / statistics.median(each.cost for each in observations)


def _x(observation: Observation) -> float:
    return observation.x


def _cost(observation: Observation) -> float:
    return observation.cost


def _weight(observation: Observation) -> float:
    return observation.weight


def _rises(observations: Sequence[Observation]) -> Rises:
    xs = sorted({each.x for each in observations})
    medians = [statistics.median(each.cost for each in observations if each.x == x) for x in xs]
    overall = (medians[-1] - medians[0]) / (xs[-1] - xs[0])
    slopes = []
    for (since, to), (before, after) in zip(itertools.pairwise(xs), itertools.pairwise(medians), strict=True):
        slope = (after - before) / (to - since)
        wavers = slope * overall < 0 and abs(after - before) < _NO_CHANGE * before
        slopes.append(0.0 if wavers else slope)
    return Rises(overall, min(slopes), max(slopes))
