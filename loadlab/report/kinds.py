"""The kinds of requests of a run that mixes several, or has slow senders beside the others."""

from collections.abc import Iterable

from loadlab.profile.expectation import split_metric
from loadlab.profile.load import SLOW_SENDERS
from loadlab.results.model import TrialResult


def kind_names(trials: Iterable[TrialResult]) -> tuple[str, ...]:
    """Return the kinds that any trial tells of, in their order; the slow senders last."""
    names = dict.fromkeys(kind.name for trial in trials for kind in trial.kinds)
    return tuple(sorted(names, key=lambda name: name == SLOW_SENDERS))


def metric_in(trial: TrialResult, metric: str) -> str:
    """Return the name that a metric has in this trial.

    A trial lists its kinds only if there are several, so one without a list had a single kind: all its requests. That
    occurs where a sweep begins without slow senders.
    """
    kind, figure = split_metric(metric)
    return metric if kind is None or kind == SLOW_SENDERS or trial.kinds else figure
