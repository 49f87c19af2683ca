"""The law of each series of a run: how a cost follows a swept number while all other factors stay as they are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from loadlab.analysis.scaling.fitting import Estimate, fit_line, fit_power
from loadlab.analysis.scaling.shape import Candidates, Followed, Point, Rises, followed
from loadlab.profile.path_names import PathName, name_of_path
from loadlab.results.model import Law, PerEventLaw, Scalar, TrialResult
from loadlab.units import format_duration_ns

Measure: TypeAlias = Callable[[TrialResult], float | None]
Where: TypeAlias = tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read from each trial."""

    over: str
    cost: Measure
    events_per_wait: Measure

    def point_of(self, trial: TrialResult) -> Point | None:
        """Return the point of a trial; None where it has none, or none that can be believed."""
        if trial.state != "done" or trial.verdict.state == "invalid":
            return None
        x, cost = trial.factors.get(self.over), self.cost(trial)
        if cost is None or isinstance(x, bool) or not isinstance(x, int | float):
            return None
        return Point(float(x), cost, self.events_per_wait(trial))


def _not_measured(_trial: TrialResult) -> None:
    return None


def fit_laws(
    trials: Iterable[TrialResult],
    metric: str,
    measure: Measure,
    over: str,
    events_per_wait: Measure = _not_measured,
) -> list[Law]:
    """Return the law of `metric` (in ns) over the swept path `over`, for each combination of the other factors.

    `measure` takes the figure from a trial that is done, `events_per_wait` how many events its waiting calls returned
    on average, None where nobody counted. A series with fewer than three different x, or with a cost of 0, has no law.
    """
    reading = _Reading(over, measure, events_per_wait)
    series: dict[Where, list[Point]] = {}
    for trial in trials:
        point = reading.point_of(trial)
        if point is not None:
            where = tuple((path, value) for path, value in trial.factors.items() if path != over)
            series.setdefault(where, []).append(point)
    laws = (_fit(points, metric, over, dict(where)) for where, points in series.items())
    return [law for law in laws if law is not None]


def _fit(points: Sequence[Point], metric: str, over: str, where: dict[str, Scalar]) -> Law | None:
    xs, costs = [point.x for point in points], [point.cost for point in points]
    line = fit_line(xs, costs)
    if line is None:
        return None
    power = fit_power(xs, costs)
    shared = [point.x_per_event for point in points]
    per_event = fit_line([x for x in shared if x is not None], costs) if None not in shared else None
    law = followed(points, Candidates(line, power, per_event))
    name = ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in where.values())
    text = describe(law, name_of_path(over))
    return Law(
        metric=metric,
        over=over,
        where=where,
        intercept=line.intercept.value,
        intercept_interval=line.intercept.interval,
        slope=line.slope.value,
        slope_interval=line.slope.interval,
        factor=power.factor if power else None,
        exponent=power.exponent.value if power else None,
        exponent_interval=power.exponent.interval if power else None,
        per_event=per_event
        and PerEventLaw(
            intercept=per_event.intercept.value,
            slope=per_event.slope.value,
            slope_interval=per_event.slope.interval,
        ),
        shape=law.shape,
        text=f"{name}: {text}" if name else text,
    )


def describe(law: Followed, x: PathName) -> str:
    """Say what one more of `x` adds to a cost in ns; intervals are of 95 %."""
    coefficient = law.coefficient
    match law.shape:
        case "linear":
            return f"{_difference(coefficient)} for each {x.one} {_interval(coefficient)}"
        case "per event":
            shared = "shared by the events that one wait returns"
            return f"{_difference(coefficient)} for each {x.one} {_interval(coefficient)}, {shared}"
        case "power":
            value, low, high = (f"{number:.2f}" for number in (coefficient.value, *coefficient.interval))
            return f"proportional to {x.quantity} to the power of {value} (95 %: {low} to {high})"
        case "unclear":
            return _tell_curve(law.rises, x)
        case "constant":
            bound = max(abs(end) for end in coefficient.interval)
            return f"does not depend on {x.quantity} (95 %: under {format_duration_ns(bound)} for each)"
        case never:
            assert_never(never)


def _difference(slope: Estimate) -> str:
    return f"{format_duration_ns(abs(slope.value))} {'more' if slope.value > 0 else 'less'}"


def _tell_curve(rises: Rises | None, x: PathName) -> str:
    """Say what each one costs on average, and between what along the curve, if that goes one way only."""
    if rises is None or rises.least <= 0 <= rises.greatest:
        return f"no straight line fits over {x.quantity}"
    word = "more" if rises.least > 0 else "less"
    least, greatest = sorted((abs(rises.least), abs(rises.greatest)))
    return (
        f"{format_duration_ns(abs(rises.overall))} {word} for each {x.one} on average, but not on a straight line: "
        f"{format_duration_ns(least)} to {format_duration_ns(greatest)} from place to place"
    )


def _interval(slope: Estimate) -> str:
    return f"(95 %: {format_duration_ns(slope.low)} to {format_duration_ns(slope.high)})"
