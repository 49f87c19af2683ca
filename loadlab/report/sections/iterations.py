"""What a run with a scenario says on its first screen beside its requests: iterations, steps and checks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadlab.analysis.failures import name_of_failure
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.report.layout import Arrangement
from loadlab.report.load_model import models_of
from loadlab.report.measures import Measure
from loadlab.report.panels import Value, panel_of
from loadlab.report.scenario import (
    ITERATION_P50,
    ITERATION_RATE,
    checks_of,
    failed_share,
    has_scenario,
    iterations_measure,
    names_of,
    tail_of,
)
from loadlab.report.sections.step_times import describe_steps
from loadlab.report.sentences import describe_lines, join_names, write_interval, write_value
from loadlab.results.requests import CheckResult
from loadlab.results.trial import TrialResult
from loadlab.units import format_rate, format_share

_MOST_CHECKS: Final = 3
_NBSP: Final = "\N{NO-BREAK SPACE}"


def describe_scenario(arrangement: Arrangement) -> Iterator[str]:
    """Yield the sentences; nothing without a scenario."""
    trials = [trial for setting in arrangement.settings for trial in setting.trials]
    if not has_scenario(trials):
        return
    if len(arrangement.settings) == 1:
        yield from _describe_single(arrangement)
    yield from describe_steps(arrangement)
    # In an open model the schedule says how many iterations there are.
    if len(arrangement.settings) > 1 and "open" not in models_of(trials):
        yield from _describe_rates(arrangement, trials)
    yield from describe_failed_iterations(trials)
    yield from describe_checks(trials)


def describe_failed_iterations(trials: Sequence[TrialResult]) -> Iterator[str]:
    """Yield how many iterations failed and why, and how many were never begun; nothing if all went well."""
    outcomes: Counter[str] = Counter()
    for trial in trials:
        outcomes.update(trial.iterations.outcomes if trial.iterations else {})
    failed = Counter({outcome: count for outcome, count in outcomes.items() if outcome in FAILURES and count})
    dropped = failed.pop(Outcome.DROPPED, 0)
    if failed:
        why = [f"{name_of_failure(outcome)}: {count:,}" for outcome, count in failed.most_common()]
        ended = outcomes[Outcome.OK] + failed.total()
        yield f"{failed.total():,} of {ended:,} iterations failed ({'; '.join(why)})."
    if dropped:
        yield f"{dropped:,} iterations that were due were never begun, as no user was free."


def describe_checks(trials: Iterable[TrialResult]) -> Iterator[str]:
    """Yield which checks failed, and how often; or that all passed."""
    checks = checks_of(trials)
    failed = [check for check in checks if check.failed]
    if failed:
        more = f"; {len(failed) - _MOST_CHECKS} more" if len(failed) > _MOST_CHECKS else ""
        yield f"Failed checks: {', '.join(map(write_check, failed[:_MOST_CHECKS]))}{more}."
    elif checks:
        passed = sum(check.passed for check in checks)
        yield f"All checks passed ({passed:,})."


def write_check(check: CheckResult) -> str:
    """Return how often a check failed: `order accepted 3 of 1,200 times (0.25 %)`."""
    times = check.passed + check.failed
    return f"“{check.name}” {check.failed:,} of {times:,} times ({format_share(failed_share(check))})"


def _describe_single(arrangement: Arrangement) -> Iterator[str]:
    """`checkout: 123 iterations/s; half of them take at most 1.2 s, 99 % at most 2 s.`"""
    [setting] = arrangement.settings
    if (rate := _value(arrangement, ITERATION_RATE)) is None:
        return
    tail = tail_of(trial.iterations.response_ns for trial in setting.measured if trial.iterations)
    shares = (("half of them take", ITERATION_P50), (f"{tail[1:]}{_NBSP}%", iterations_measure(tail)))
    times = [
        f"{share} at most {_written(value, measure)}"
        for share, measure in shares
        if (value := _value(arrangement, measure))
    ]
    offered = next((trial.offered_per_second for trial in setting.measured if trial.offered_per_second), None)
    of = f" of {format_rate(offered)} offered" if offered else ""
    since = " since they were due" if offered and times else ""
    taken = f"; {', '.join(times)}{since}" if times else ""
    yield f"{join_names(names_of(setting.trials, 'iteration'))}: {_written(rate, ITERATION_RATE)}{of}{taken}."


def _describe_rates(arrangement: Arrangement, trials: Sequence[TrialResult]) -> Iterator[str]:
    """How many iterations there were over x, each line's."""
    lines = [line for line in panel_of(arrangement, ITERATION_RATE).lines if line.measured]
    if said := describe_lines(arrangement, lines, ITERATION_RATE.quantity):
        yield f"Iterations of {join_names(names_of(trials, 'iteration'))}: {said[:1].lower()}{said[1:]}"


def _value(arrangement: Arrangement, measure: Measure) -> Value | None:
    return next((value for line in panel_of(arrangement, measure).lines for _, value in line.measured), None)


def _written(value: Value, measure: Measure) -> str:
    return write_value(value, measure.quantity) + write_interval(value, measure.quantity)
