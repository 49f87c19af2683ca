"""The charts of times and throughput of a run with a scenario: iterations beside requests, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from loadlab.report.layout import Arrangement
from loadlab.report.load_model import model_suffix
from loadlab.report.measures import THROUGHPUT
from loadlab.report.scenario import (
    COMPLETED_SHARE,
    ITERATION_P50,
    ITERATION_RATE,
    ITERATION_SERVICE,
    iterations_measure,
    kinds_of,
    tail_of,
)
from loadlab.report.sections.plan import NAMES_OF_TAILS, Plan, by_kind, describe_others, of_all
from loadlab.report.sentences import describe_completed
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.vocabulary import Vocabulary

# A scenario may have two hundred names of requests.
_MOST_NAMES: Final = 4


def scenario_plans(
    trials: Sequence[TrialResult], models: tuple[LoadModel, ...], arrangement: Arrangement
) -> Iterator[Plan]:
    """Yield the plans on times and throughput, the first one that of what a reader asks first.

    Only iterations can be late, so in an open model only they have a service time beside the response time.
    """
    suffix = model_suffix(models)
    tail = tail_of(trial.iterations.response_ns for trial in trials if trial.iterations and trial.is_credible)
    beyond = iterations_measure(tail)
    if "open" in models:
        times = (ITERATION_P50, ITERATION_SERVICE["p50"], beyond, ITERATION_SERVICE[tail])
        yield Plan("iterations", f"Iteration time and service time{suffix}", times, times[2:])
        yield Plan(
            "throughput",
            "Offered and completed",
            (ITERATION_RATE, COMPLETED_SHARE, THROUGHPUT),
            (ITERATION_RATE, THROUGHPUT),
            lead=" ".join(describe_completed(arrangement)),
            columns=3,
        )
    else:
        rates = (THROUGHPUT, ITERATION_RATE)
        yield Plan("throughput", f"Throughput{suffix}", rates, rates)
        yield Plan(
            "iterations",
            f"Iteration time{suffix}",
            (ITERATION_P50.called("Median (p50)"), beyond.called(NAMES_OF_TAILS[tail])),
            (beyond.called(NAMES_OF_TAILS[tail]),),
        )
    yield _requests_by_name(trials, suffix, arrangement.words)


def _requests_by_name(trials: Sequence[TrialResult], suffix: str, words: Vocabulary) -> Plan:
    """Response times of the requests that took most of the time; those of all are in a table."""
    kinds = [kind for trial in trials for kind in kinds_of(trial, "request")]
    spent: dict[str, float] = {}
    for kind in kinds:
        spent[kind.name] = spent.get(kind.name, 0.0) + kind.requests * (kind.response_ns.mean or 0.0)
    if len(spent) < 2:
        return of_all(suffix, words)
    chosen = {*sorted(spent, key=lambda name: -spent[name])[:_MOST_NAMES]}
    tail = tail_of(kind.response_ns for kind in kinds if kind.name in chosen)
    plan = by_kind([name for name in spent if name in chosen], f"{words.time} by name{suffix}", tail)
    return replace(plan, note=describe_others("took most of the time", len(spent) - len(chosen)))
