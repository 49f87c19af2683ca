"""The kinds of requests of a run that mixes several, or has slow senders beside the others."""

from collections.abc import Iterable

from loadlab.profile.load import SLOW_SENDERS
from loadlab.results.model import KindResult, TrialResult


def kind_names(trials: Iterable[TrialResult]) -> tuple[str, ...]:
    """Return the kinds that any trial tells of, in their order; the slow senders last."""
    names = dict.fromkeys(kind.name for trial in trials for kind in trial.kinds)
    return tuple(sorted(names, key=lambda name: name == SLOW_SENDERS))


def find_kind(trial: TrialResult, name: str) -> KindResult | None:
    """Return the figures of one kind of request in a trial, or None if it has none.

    A trial lists its kinds only if there are several, so one without a list had a single kind: all its requests. That
    occurs where a sweep begins without slow senders.
    """
    if trial.kinds or name == SLOW_SENDERS:
        return next((kind for kind in trial.kinds if kind.name == name), None)
    return KindResult(
        name=name,
        requests=trial.requests,
        requests_per_second=trial.requests_per_second,
        outcomes=trial.outcomes,
        response_ns=trial.response_ns,
        service_ns=trial.service_ns,
    )
