"""What a scenario in Python records beside its requests: iterations and steps, as measures, and checks.

A trial's own figures are those of its requests; iterations and steps are kinds of other levels, and count for nothing
else.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from loadlab.analysis.summary import Percentile, trusted_ns
from loadlab.profile.metrics import ITERATION_METRICS, STEP_SECTION
from loadlab.report.measures import SHARE, Measure, measure_of
from loadlab.results.requests import CheckResult, KindLevel, KindResult, LatencySummary
from loadlab.results.trial import TrialResult

_SHOWN: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99")


def has_scenario(trials: Iterable[TrialResult]) -> bool:
    """Return whether any of the trials ran a scenario."""
    return any(trial.iterations is not None for trial in trials)


def kinds_of(trial: TrialResult, level: KindLevel) -> list[KindResult]:
    """Return what a trial recorded on one level, in the order in which it was first seen."""
    return [kind for kind in trial.kinds if kind.level == level]


def names_of(trials: Iterable[TrialResult], level: KindLevel) -> tuple[str, ...]:
    """Return the names of all steps, requests or iterations, each once."""
    return tuple(dict.fromkeys(kind.name for trial in trials for kind in kinds_of(trial, level)))


def iterations_measure(percentile: Percentile) -> Measure:
    """Return the measure of a percentile of the times of iterations, in an open model from when they were due."""
    return measure_of(f"{ITERATION_METRICS}response_ns.{percentile}")


def step_measure(name: str, percentile: Percentile) -> Measure:
    """Return the measure of a percentile of the response times of a step, called by its name."""
    return measure_of(f"{STEP_SECTION}.{name}.response_ns.{percentile}").called(name)


def tail_of(summaries: Iterable[LatencySummary]) -> Percentile:
    """Return the percentile to show beside the median: p99, or p90 where too few of them have enough samples for p99.

    An iteration takes seconds where a request takes milliseconds, so there are few of them.
    """
    known = [trusted_ns(summary, "p99") is not None for summary in summaries if summary.count]
    return "p99" if not known or 2 * sum(known) >= len(known) else "p90"


def checks_of(trials: Iterable[TrialResult]) -> tuple[CheckResult, ...]:
    """Return the checks of all trials together, those that failed most often first."""
    counts: dict[str, tuple[int, int]] = {}
    for trial in trials:
        for check in trial.checks:
            passed, failed = counts.get(check.name, (0, 0))
            counts[check.name] = (passed + check.passed, failed + check.failed)
    checks = [CheckResult(name=name, passed=passed, failed=failed) for name, (passed, failed) in counts.items()]
    return tuple(sorted(checks, key=lambda check: -failed_share(check)))


def failed_share(check: CheckResult) -> float:
    """Return which share of the times that a condition was checked it did not hold."""
    total = check.passed + check.failed
    return check.failed / total if total else 0.0


def due_outcomes(trial: TrialResult) -> dict[str, int]:
    """Return the outcomes of what a schedule asks for: requests, or the iterations of a scenario."""
    return trial.outcomes if trial.iterations is None else trial.iterations.outcomes


def _completed_share(trial: TrialResult) -> float | None:
    rate = trial.iterations.requests_per_second if trial.iterations else None
    return None if rate is None or not trial.offered_per_second else rate / trial.offered_per_second


ITERATION_RATE: Final = measure_of("iterations.requests_per_second", "Iterations per second")
COMPLETED_SHARE: Final = Measure(
    metric="iterations.requests_per_second / offered_per_second",
    template="Share of the offered iterations that were completed",
    quantity=SHARE,
    read=_completed_share,
    more_is_better=True,
)
ITERATION_P50: Final = iterations_measure("p50")
ITERATION_P99: Final = iterations_measure("p99")
ITERATION_SERVICE: Final[Mapping[Percentile, Measure]] = {
    percentile: measure_of(f"{ITERATION_METRICS}service_ns.{percentile}", f"Service time of iterations ({percentile})")
    for percentile in _SHOWN
}
OF_ITERATIONS: Final = (
    ITERATION_P50,
    iterations_measure("p90"),
    ITERATION_P99,
    iterations_measure("p99.9"),
    *ITERATION_SERVICE.values(),
)
