"""One figure of two runs: by which part the other differs from the base, and between which bounds that lies.

The runs are independent samples, so their uncertainties add up: on a logarithmic scale, as the noise of a machine is a
share of the figure. How much a run's own figure scatters is known from its repeats, or from the rounds of a trial,
whichever says more; a single window says nothing. With few repeats Student's t widens the interval, by the degrees of
freedom of Welch and Satterthwaite (Welch, Biometrika 34, 1947).

Where the speed of the machine was measured in both runs, what depends on it is converted to the base's speed before it
is compared. What does so in part is left alone, such as a time that is mostly spent waiting. Either has an error that
no round of either run shows, as a server does not depend on that speed just like the arithmetic that is timed: it is
added to the interval, and is the larger the more the speeds differ.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadlab.analysis.comparison.compared_metrics import CPU, OF_CLIENT, RATE, TIMES, is_rate, is_time
from loadlab.analysis.metrics import is_too_low, measured, times_of
from loadlab.analysis.pairs import STARTS_DIFFER
from loadlab.analysis.summary import trustworthy_percentiles
from loadlab.analysis.uncertainty import median_over
from loadlab.analysis.verdict import spoiled_by_machine, throughput_is_lower_bound
from loadlab.profile.metrics import FAILED_REQUESTS
from loadlab.recording.outcomes import FAILURES
from loadlab.results.paired import Difference
from loadlab.results.probe_data import Side
from loadlab.results.speed import MachineSpeed, Speed
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Verdict

NO_INTERVAL: Final = "measured in a single window"
LOWER_BOUND: Final = "the client was the limit"
DISTURBED: Final = "the machine was disturbed"
TOO_FEW: Final = "too few samples for this percentile"
NOT_THERE: Final = "not measured"

RUNS_DIFFER: Final = 0.05
"""What two runs of one build differ by, as a standard error of the logarithm, and neither of them shows.

Not even the arithmetic does: three runs within half an hour on an idle virtual machine differed by 1, 6 and 7 %, in all
settings alike (docs/compare.md).
"""

# A server that keeps its cores this busy is what limits a closed load; else the time is spent elsewhere.
_SATURATED: Final = 0.8
# Times the logarithm of how much the machine's speed differs between the runs: a figure that was converted may depend
# on it somewhat more or less than arithmetic does; one that was not, anything from not at all to wholly.
_CONVERTED_ERROR: Final = 0.2
_UNCONVERTED_ERROR: Final = 0.5
# What shares the caches with a server makes its requests dearer (benchmarks/machine_speed.py), and what holds up its
# client makes them cheaper, as more of them wait for each call.
_DISTURBED_ERROR: Final = 0.1
_ROUNDS: Final[dict[str, Callable[[Round], float | None]]] = {
    RATE: lambda each: each.requests_per_second,
    CPU: lambda each: each.cpu_ns_per_request,
}
_NORMAL_975: Final = 1.959964
# Of the median of normal values, against that of their mean: sqrt(pi / 2).
_MEDIAN_ERROR: Final = 1.2533
_MEDIAN_FROM: Final = 3
# Of Student's t, 97.5 %, by degrees of freedom; between them it is nearly a line over 1 / degrees.
_STUDENT: Final = {
    1: 12.706,
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    8: 2.306,
    10: 2.228,
    15: 2.131,
    30: 2.042,
}


class ComparedFigure(Difference):
    """A figure of both runs, or of all settings together, where `a` and `b` are null.

    `a` and `b` are as measured; `change` and its interval are `corrected` for the machine's speed where that is said.
    For `failures` all four are shares of the requests, and `change` is b - a. `reason` says what is missing, and why.
    """

    corrected: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The trials of one run at one setting, and the speed of the machine over that run; None if it is not known.

    Speed is against `reference`, that of the base: so both runs are converted to the same one.
    """

    trials: Sequence[TrialResult]
    speed: MachineSpeed | None = None
    reference: MachineSpeed | None = None

    def slowness(self, speed: Speed, side: Side) -> float | None:
        """How much more time the cores took for the same arithmetic than they usually did in the base run."""
        usual_ns = None if self.speed is None else getattr(self.speed, f"{side}_ns")
        reference_ns = None if self.reference is None else getattr(self.reference, f"{side}_ns")
        if not usual_ns or not reference_ns:
            return None
        return float(usual_ns / (getattr(speed, side) or 1.0) / reference_ns)

    def typical_slowness(self, side: Side) -> float | None:
        """The median of that over the trials."""
        known = [found for trial in self.trials if (found := self.slowness(trial.speed, side)) is not None]
        return statistics.median(known) if known else None


def compare_figure(metric: str, base: Measured, other: Measured) -> ComparedFigure:
    """Return the difference between two runs at one setting; both have trials that can be believed."""
    a, b = (_median_of(side.trials, metric) for side in (base, other))
    reason = _why_not(metric, (*base.trials, *other.trials))
    if a is None or b is None or reason is not None:
        return ComparedFigure(metric=metric, a=a, b=b, reason=reason or NOT_THERE)
    if metric == FAILED_REQUESTS:
        return _compare_shares(a, b, base, other)
    side = _side_of_speed(metric, (base, other))
    before, after = _estimate(metric, base, side), _estimate(metric, other, side)
    if before is None or after is None:  # a figure of 0 is no multiple of anything
        return ComparedFigure(metric=metric, a=a, b=b, reason=None if a == b else "zero in one of the runs")
    error = _error_of_machine(metric, base, other, side)
    change, margin = after.log - before.log, _margin([(before, 1.0), (after, 1.0)], error)
    found = _figure(metric, change, margin, a=a, b=b, corrected=side is not None)
    if (is_rate(metric) or is_time(metric)) and any(
        is_disturbed(trial, side) for trial in (*base.trials, *other.trials)
    ):
        return found.model_copy(update={"interval": None, "visible": None, "reason": DISTURBED})
    return found


def compare_overall(metric: str, pairs: Sequence[tuple[Measured, Measured]]) -> ComparedFigure | None:
    """Return the mean difference over several settings (geometric: the mean of logarithms), each counting as much.

    None unless it could be compared at two settings or more.
    """
    estimates = []
    errors = []
    corrected = False
    for base, other in pairs:
        found = compare_figure(metric, base, other)
        if metric == FAILED_REQUESTS or found.change is None or found.reason == DISTURBED:
            continue
        side = _side_of_speed(metric, (base, other))
        before, after = _estimate(metric, base, side), _estimate(metric, other, side)
        if before is not None and after is not None:
            estimates.append((before, after))
            errors.append(_error_of_machine(metric, base, other, side))
            corrected = corrected or side is not None
    if len(estimates) < 2:
        return None
    change = statistics.fmean(after.log - before.log for before, after in estimates)
    weight = 1 / len(estimates)
    # What the machine adds, it adds to all settings alike.
    margin = _margin([(estimate, weight) for pair in estimates for estimate in pair], statistics.fmean(errors))
    return _figure(metric, change, margin, corrected=corrected)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """The logarithm of a figure, the standard error of that (None: not known), and its degrees of freedom."""

    log: float
    error: float | None
    freedom: float


def _figure(
    metric: str, change: float, margin: float | None, a: float | None = None, b: float | None = None, *, corrected: bool
) -> ComparedFigure:
    return ComparedFigure(
        metric=metric,
        a=a,
        b=b,
        change=math.expm1(change),
        interval=None if margin is None else (math.expm1(change - margin), math.expm1(change + margin)),
        visible=None if margin is None else math.expm1(margin),
        corrected=corrected,
        reason=NO_INTERVAL if margin is None else None,
    )


def _median_of(trials: Sequence[TrialResult], metric: str) -> float | None:
    values = [value for trial in trials if (value := _value(trial, metric)) is not None]
    return statistics.median(values) if values else None


def _value(trial: TrialResult, metric: str) -> float | None:
    if metric == FAILED_REQUESTS:
        return _share(_failures(trial), trial.requests) if trial.outcomes else None
    return measured(metric, trial)


def _why_not(metric: str, trials: Sequence[TrialResult]) -> str | None:
    if is_rate(metric) and any(throughput_is_lower_bound(trial) for trial in trials):
        return LOWER_BOUND
    if is_time(metric):
        if any(is_too_low(metric, trial) for trial in trials):
            return "the window was too short for this percentile"
        found = [times_of(metric, trial) for trial in trials]
        if any(times and times.count and name not in trustworthy_percentiles(times.count) for times, name in found):
            return TOO_FEW
    return None


def _side_of_speed(metric: str, sides: Iterable[Measured]) -> Side | None:
    """Return whose cores' speed a figure depends on, in all trials and as far as it is known; None for nobody's."""
    sides = list(sides)
    trials = [trial for each in sides for trial in each.trials]
    side: Side
    if metric == CPU or (metric in (RATE, *TIMES) and all(_is_limited_by_target(trial) for trial in trials)):
        side = "target"
    elif metric in OF_CLIENT:
        side = "client"
    else:
        return None
    known = all(each.slowness(trial.speed, side) is not None for each in sides for trial in each.trials)
    return side if known else None


def is_disturbed(trial: TrialResult, corrected: Side | None = None) -> bool:
    """Whether other programs or machines took part in a trial's throughput and times.

    They do so differently in each run, and no interval of either shows it. A machine that was slow is no disturbance
    where figures are corrected for its speed.
    """
    findings = [each for each in trial.verdict.findings if corrected is None or each.code != "machine_speed"]
    return spoiled_by_machine(trial.model_copy(update={"verdict": Verdict(state="suspect", findings=findings)}))


def _is_limited_by_target(trial: TrialResult) -> bool:
    """Whether the server worked all the time on a load that waits for it: then its cores' speed is its throughput."""
    if trial.load_model != "closed" or trial.target is None or throughput_is_lower_bound(trial):
        return False
    cores = min(trial.target.threads, len(trial.placement.get("target", ())) or 1)
    return trial.target.busy >= _SATURATED * cores


def _estimate(metric: str, run: Measured, side: Side | None) -> _Estimate | None:
    """Return what the trials of a setting say together, converted to the base's speed; None if any is not positive."""
    found = [_of_trial(metric, trial, run, side) for trial in run.trials]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    count = len(known)
    logs = [each.log for each in known]
    within = [each.error for each in known if each.error is not None]
    of_rounds = math.sqrt(sum(error**2 for error in within)) / count if len(within) == count else None
    if count == 1:  # the rounds of one start of the server do not show what another one would have been like
        error = None if of_rounds is None else math.hypot(of_rounds, STARTS_DIFFER / math.sqrt(2))
        return _Estimate(logs[0], error, math.inf)
    widened = _MEDIAN_ERROR if count >= _MEDIAN_FROM else 1.0
    of_repeats = widened * statistics.stdev(logs) / math.sqrt(count)
    log = statistics.median(logs)
    if of_rounds is not None and of_rounds > of_repeats:
        return _Estimate(log, of_rounds, math.inf)
    return _Estimate(log, of_repeats, count - 1)


def _of_trial(metric: str, trial: TrialResult, run: Measured, side: Side | None) -> _Estimate | None:
    """Return the figure of one trial: of its rounds, each at its own speed of the machine, where they have it."""
    read = _ROUNDS.get(metric)
    if read is not None and len(trial.rounds) > 1:
        values = [_convert(metric, read(each), each.speed, run, side) for each in trial.rounds]
        if (estimate := _of_rounds([value for value in values if value])) is not None:
            return estimate
    value = _convert(metric, measured(metric, trial), trial.speed, run, side)
    if value is None or value <= 0:
        return None
    interval = trial.confidence.get(metric)
    return _Estimate(math.log(value), _error_of(interval) if interval and interval[0] > 0 else None, math.inf)


def _of_rounds(values: Sequence[float]) -> _Estimate | None:
    """Return the median of the rounds of a trial; None with too few of them for an interval."""
    estimate = median_over(values)
    if estimate is None or estimate.low <= 0:
        return None
    return _Estimate(math.log(estimate.value), _error_of((estimate.low, estimate.high)), math.inf)


def _error_of(interval: tuple[float, float]) -> float:
    """Return the standard error of a figure's logarithm that a 95 % interval stands for."""
    return math.log(interval[1] / interval[0]) / (2 * _NORMAL_975)


def _convert(metric: str, value: float | None, speed: Speed, run: Measured, side: Side | None) -> float | None:
    """Return a figure as it would have been at the base run's usual speed of the machine."""
    slowness = None if side is None else run.slowness(speed, side)
    if value is None or slowness is None:
        return value
    return value * slowness if metric == RATE else value / slowness


def _error_of_machine(metric: str, base: Measured, other: Measured, side: Side | None) -> float:
    """Return the standard error of a change, on the logarithmic scale, that the machine adds between the runs."""
    trials = (*base.trials, *other.trials)
    disturbed = _DISTURBED_ERROR if metric == CPU and any(is_disturbed(trial, side) for trial in trials) else 0.0
    is_scheduled = is_rate(metric) and any(trial.load_model == "open" for trial in trials)
    depends = is_rate(metric) or is_time(metric) or metric in (CPU, *OF_CLIENT)
    if is_scheduled or not depends:
        return disturbed
    of_side: Side = "client" if metric in OF_CLIENT else "target"
    before, after = base.typical_slowness(of_side), other.typical_slowness(of_side)
    differs = abs(math.log(after / before)) if before and after else 0.0
    of_speed = differs * (_UNCONVERTED_ERROR if side is None else _CONVERTED_ERROR)
    return math.hypot(disturbed, of_speed, RUNS_DIFFER)


def _margin(estimates: Sequence[tuple[_Estimate, float]], further: float) -> float | None:
    """Return half the width of the 95 % interval of a weighted sum or difference; None where an error is not known.

    `further` is a standard error that is none of the estimates' own.
    """
    variances = [(weight * each.error) ** 2 if each.error is not None else None for each, weight in estimates]
    known = [variance for variance in variances if variance is not None]
    if len(known) < len(variances):
        return None
    total = sum(known) + further**2
    of_few = sum(variance**2 / each.freedom for (each, _), variance in zip(estimates, known, strict=True))
    return student(total**2 / of_few if of_few > 0 else math.inf) * math.sqrt(total)


def student(freedom: float) -> float:
    """Return the 97.5 % point of Student's t."""
    degrees = [math.inf, *reversed(_STUDENT)]
    points = [_NORMAL_975, *reversed(_STUDENT.values())]
    return float(np.interp(1 / freedom, [1 / each for each in degrees], points))


def _compare_shares(a: float, b: float, base: Measured, other: Measured) -> ComparedFigure:
    """Return the difference of the shares that failed.

    Failures come in clusters, so their number says less than as many independent ones would: the interval is at least
    that of independent ones (Newcombe, Statistics in Medicine 17, 1998, method 10), and at least what rounds or repeats
    scatter by.
    """
    spreads = [_spread_of_shares(side.trials) for side in (base, other)]
    if any(spread is None for spread in spreads):
        return ComparedFigure(metric=FAILED_REQUESTS, a=a, b=b, change=b - a, reason=NO_INTERVAL)
    scatter = math.hypot(*(spread or 0.0 for spread in spreads))
    (low_a, high_a), (low_b, high_b) = _wilson(base.trials), _wilson(other.trials)
    change = b - a
    below = max(scatter, math.hypot(b - low_b, high_a - a))
    above = max(scatter, math.hypot(high_b - b, a - low_a))
    return ComparedFigure(
        metric=FAILED_REQUESTS,
        a=a,
        b=b,
        change=change,
        interval=(change - below, change + above),
        visible=max(below, above),
    )


def _spread_of_shares(trials: Sequence[TrialResult]) -> float | None:
    """Return half the width of the 95 % interval of the share that failed, by repeats or else rounds."""
    shares = [_share(_failures(trial), trial.requests) for trial in trials]
    if len(shares) < 2:
        shares = [_share(each.failures, each.requests) for trial in trials for each in trial.rounds]
    if len(shares) < 2:
        return None
    return student(len(shares) - 1) * statistics.stdev(shares) / math.sqrt(len(shares))


def _wilson(trials: Sequence[TrialResult]) -> tuple[float, float]:
    """Return the 95 % interval of the share that failed, as if requests failed independently of each other."""
    failed = sum(map(_failures, trials))
    count = failed + sum(trial.requests for trial in trials)
    if not count:
        return 0.0, 1.0
    share, square = failed / count, _NORMAL_975**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _NORMAL_975 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _failures(trial: TrialResult) -> int:
    return sum(trial.outcomes.get(outcome, 0) for outcome in FAILURES)


def _share(failed: int, requests: int) -> float:
    return failed / (failed + requests) if failed + requests else 0.0
