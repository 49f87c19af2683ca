"""The cost that a law is fitted to: what a trial measured, at the usual speed of the machine."""

from loadlab.analysis.metrics import measured
from loadlab.analysis.uncertainty import Estimate, median_over
from loadlab.results.model import TrialResult

_OF_ROUNDS = "target.cpu_ns_per_request"


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
