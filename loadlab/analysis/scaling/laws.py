"""The law of each series of a run: how a cost follows a swept number while all other factors stay as they are."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias, assert_never

from loadlab.analysis.scaling.outliers import split_outliers
from loadlab.analysis.scaling.selection import Candidates, Observation, Rises, SelectedLaw, select_law
from loadlab.analysis.uncertainty import Estimate
from loadlab.profile.path_names import PathName
from loadlab.results.laws import Law, PerEventLaw
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.vocabulary import Vocabulary, vocabulary_of
from loadlab.units import format_duration_ns, format_percent

CostOfTrial: TypeAlias = Callable[[TrialResult], Estimate | None]

# A suspect trial is expected to lie twice as far from the law as another one.
_WEIGHT_OF_SUSPECT: Final = 0.5
# Trials whose own intervals are narrower than that scatter by as much all the same: each is a server of its own.
_USUAL_SCATTER: Final = 0.05
_Z: Final = 1.96


def fit_laws(
    trials: Iterable[TrialResult],
    metric: str,
    cost: CostOfTrial,
    over: str,
    events_per_wait: Callable[[TrialResult], float | None] = lambda _trial: None,
) -> list[Law]:
    """Return the law of `metric` (in ns) over the swept path `over`, for each combination of the other factors.

    `cost` takes the metric from a trial that is done, with its interval if there is one; `events_per_wait` how many
    events its waiting calls returned on average, None where they were not counted. What is suspect, or uncertain by
    itself, weighs less; what does not belong to the law of all others is left out and named. A series with fewer than
    three different x, or with a cost of 0, has no law. The same trials give the same laws, whenever they are fitted. 55
    trials of 11 series take 16 ms.
    """
    series: dict[tuple[tuple[str, Scalar], ...], list[Observation]] = {}
    trials = tuple(trials)
    for trial in trials:
        x, measured = trial.factors.get(over), cost(trial)
        if not trial.is_credible or measured is None or not math.isfinite(measured.value):
            continue
        if isinstance(x, int | float) and not isinstance(x, bool):
            where = tuple((path, value) for path, value in trial.factors.items() if path != over)
            weight, error = _weight(trial, measured)
            observation = Observation(float(x), measured.value, events_per_wait(trial), weight, error, trial.id)
            series.setdefault(where, []).append(observation)
    words = vocabulary_of(trials)
    laws = (_fit(observations, metric, over, dict(where), words) for where, observations in series.items())
    return [law for law in laws if law is not None]


def describe(law: SelectedLaw, x: PathName) -> str:
    """Say in words what one more of `x` adds to a cost in ns; intervals are of 95 %."""
    coefficient = law.coefficient
    match law.shape:
        case "linear":
            return _describe_slope(coefficient, x)
        case "per event":
            return f"{_describe_slope(coefficient, x)} to a wait, shared by the events that it returns"
        case "power":
            value, low, high = (f"{number:.2f}" for number in (coefficient.value, *coefficient.interval))
            return f"proportional to {x.quantity} to the power of {value} (95 %: {low} to {high})"
        case "unclear":
            return (
                _describe_curve(law.rises, x)
                if law.rises
                else f"{_describe_slope(coefficient, x)}, which may be chance"
            )
        case "constant":
            bound = max(abs(end) for end in coefficient.interval)
            return f"does not depend on {x.quantity} (95 %: less than {format_duration_ns(bound)} per {x.one})"
        case never:
            assert_never(never)


def _weight(trial: TrialResult, measured: Estimate) -> tuple[float, float]:
    """Return the weight of a trial, from 0 to 1: the less it says, the more it scatters; and its own standard error."""
    error = math.log(measured.high / measured.low) / 2 / _Z if measured.low > 0 else 0.0
    weight = _USUAL_SCATTER / math.hypot(_USUAL_SCATTER, error)
    return weight * (_WEIGHT_OF_SUSPECT if trial.verdict.state == "suspect" else 1.0), error


def _fit(
    observations: Sequence[Observation], metric: str, over: str, where: dict[str, Scalar], words: Vocabulary
) -> Law | None:
    kept, left_out = split_outliers(observations)
    candidates = Candidates.of(kept)
    if candidates is None:
        return None
    line, power, per_event = candidates.line, candidates.power, candidates.per_event
    law = select_law(kept, candidates)
    name = ", ".join(words.name_of_value(path, value) for path, value in where.items())
    text = describe(law, words.name_of_path(over))
    if left_out:
        text += _describe_left_out(left_out, law, candidates, over, words)
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
        left_out=[each.trial for each in left_out],
        text=f"{name}: {text}" if name else text,
    )


def _describe_left_out(
    left_out: Sequence[Observation], law: SelectedLaw, candidates: Candidates, over: str, words: Vocabulary
) -> str:
    """Say which trials do not belong to the law, and how far their costs lie from it."""
    named = []
    for each in left_out:
        off = each.cost / law.cost_of(each, candidates) - 1
        x = int(each.x) if each.x.is_integer() else each.x
        named.append(f"{words.name_of_value(over, x)}, {format_percent(abs(off))} {'above' if off > 0 else 'below'}")
    return f" (without {'an outlier' if len(named) == 1 else 'outliers'} at {', and at '.join(named)})"


def _describe_slope(slope: Estimate, x: PathName) -> str:
    verb, interval = ("adds", slope.interval) if slope.value > 0 else ("saves", (-slope.high, -slope.low))
    low, high = map(format_duration_ns, interval)
    return f"each {x.one} {verb} {format_duration_ns(abs(slope.value))} (95 %: {low} to {high})"


def _describe_curve(rises: Rises, x: PathName) -> str:
    """Say what each one costs on average, and within which range along the curve, if that goes one way only."""
    if rises.least < 0 < rises.greatest:
        return f"follows no law over {x.quantity}: it rises and falls"
    verb = "adds" if rises.overall > 0 else "saves"
    least, greatest = sorted((abs(rises.least), abs(rises.greatest)))
    return (
        f"each {x.one} {verb} {format_duration_ns(abs(rises.overall))} on average, but not linearly: "
        f"{format_duration_ns(least)} to {format_duration_ns(greatest)} between neighbouring points"
    )
