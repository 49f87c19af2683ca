"""What a run as a whole says, once its trials are over: its verdict, its laws, and the expectations on them."""

from collections.abc import Sequence
from functools import partial

from loadlab.analysis.expect import check_law_expectations
from loadlab.analysis.metrics import measured
from loadlab.analysis.scaling import fit_laws
from loadlab.analysis.uncertainty import Estimate, median_over
from loadlab.analysis.verdict import judge_run, judge_speed_again
from loadlab.profile.schema import Profile
from loadlab.results.laws import Law
from loadlab.results.run import RunDocument
from loadlab.results.trial import Scalar, TrialResult

_OF_ROUNDS = "target.cpu_ns_per_request"


def conclude(document: RunDocument, profile: Profile) -> RunDocument:
    """Return the document of a run of `profile` with what its trials say together.

    Each trial is judged again by how fast the machine was in it, as the median over the run is known now. Laws take a
    bootstrap for each series, so this is done once, and not after each trial. What an interrupted or killed run lacks
    says nothing for or against an expectation on its laws: there these are not checked.
    """
    speed, clients = document.speed, document.client_speeds
    is_known = speed is not None or clients
    trials = [judge_speed_again(trial, speed, clients) if is_known else trial for trial in document.trials]
    laws = _laws(trials, profile)
    complete = not document.interrupted and len(document.trials) == document.trials_planned
    return document.model_copy(
        update={
            "trials": trials,
            "verdict": judge_run(trials),
            "laws": laws,
            "expectations": check_law_expectations(profile.expect, laws) if complete else [],
        }
    )


def _laws(trials: Sequence[TrialResult], profile: Profile) -> list[Law]:
    """Return how the cost (of one request to the target, or of one call) follows what the profile plots it over."""
    if profile.plot is None:
        return []
    over = profile.plot.x
    # Of repeats only the first was watched; what it saw holds for all.
    waits = {_combination(trial): trial.events_per_wait for trial in trials if trial.repeat == 1}
    metric = profile.law_metric
    return fit_laws(
        trials, metric, partial(cost_at_usual_speed, metric), over, lambda trial: waits.get(_combination(trial))
    )


def cost_at_usual_speed(metric: str, trial: TrialResult) -> Estimate | None:
    """Return a cost in CPU time as it would have been at the machine's median speed over the run; None if not measured.

    A core that is a fifth slower takes a quarter longer for the same request. Of a trial with rounds each is corrected
    by itself. Where the speed is not known the cost is what was measured; without an interval both ends are the value.
    """
    if metric == _OF_ROUNDS:
        costs = [
            each.cpu_ns_per_request * (each.speed.target or 1.0)
            for each in trial.rounds
            if each.cpu_ns_per_request is not None
        ]
        if (estimate := median_over(costs)) is not None:
            return estimate
    value = measured(metric, trial)
    if value is None:
        return None
    low, high = trial.confidence.get(metric, (value, value))
    return Estimate(value, low, high).scaled(trial.speed.target or 1.0)


def _combination(trial: TrialResult) -> tuple[tuple[str, Scalar], ...]:
    return tuple(trial.factors.items())
