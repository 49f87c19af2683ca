"""Samples of the requests that failed, those of one kind together, for the page and the terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from loadlab.analysis.failures import name_of_failure
from loadlab.results.requests import FailureSample, KindLevel
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_duration_ns

_MOST_OF_OUTCOME: Final = 3
_TELLING: Final[tuple[KindLevel, ...]] = ("request", "iteration", "step")


@dataclass(frozen=True, slots=True)
class SampledFailure:
    """One failure of many that had the same outcome and reason; `failed` counts those of that outcome in all trials.

    `kind` is the name of the request where there are several kinds, or of the iteration or step of a scenario, whose
    own errors have a `traceback`. `trials` are the ids of those that have such a sample.
    """

    name: str
    failed: int
    level: KindLevel
    kind: str
    reason: str
    received: str
    after: str
    connection: str
    trials: tuple[str, ...]
    traceback: str = ""


def sampled_failures(trials: Sequence[TrialResult]) -> tuple[SampledFailure, ...]:
    """Return the failures of `trials`, the commonest outcome first, and of each outcome a few that differ."""
    found: dict[tuple[str, KindLevel, str, str], list[tuple[TrialResult, FailureSample]]] = {}
    for trial in trials:
        for level, sample in _telling(trial):
            kind = sample.kind if trial.kinds else ""
            found.setdefault((sample.outcome, level, kind, sample.reason), []).append((trial, sample))
    counts = {(outcome, level): _count(outcome, level, trials) for outcome, level, _, _ in found}
    ranked = sorted(found, key=lambda key: (-counts[key[:2]], key[:2]))
    return tuple(
        _describe(found[key], key[1], key[2], counts[outcome])
        for outcome, keys in groupby(ranked, key=lambda key: key[:2])
        for key in [*keys][:_MOST_OF_OUTCOME]
    )


def failure_lines(trials: Sequence[TrialResult]) -> Iterator[str]:
    """Yield a line for each of them, for the terminal."""
    words = vocabulary_of(trials)
    for each in sampled_failures(trials):
        if each.traceback:
            times = "once" if each.failed == 1 else f"{each.failed:,} times, one of them"
            yield f"Failed: {each.name} in {each.kind} ({times}):\n{textwrap.indent(each.traceback.rstrip(), '  ')}"
            continue
        kind = f" of {each.kind}" if each.kind else ""
        number = words.count(each.failed)
        if each.level != "request":
            number = f"{each.failed:,} {each.level}{'' if each.failed == 1 else 's'}"
        failed = f"{number}{kind},{'' if each.failed == 1 else ' one of them'}"
        sampled = f"{failed} after {each.after} on a {each.connection} connection"
        received = f"; received: {each.received}" if each.received else ""
        yield f"Failed: {each.name} ({sampled}): {each.reason}{received}"


def _telling(trial: TrialResult) -> Iterator[tuple[KindLevel, FailureSample]]:
    """Yield the samples with what they are of; one of a scenario not where a request within failed in the same way.

    A failed request may end its step and its iteration, and each of the three has a sample.
    """
    levels: dict[str, KindLevel] = {kind.name: kind.level for kind in reversed(trial.kinds)}
    found = [(levels.get(sample.kind, "request"), sample) for sample in trial.failure_samples]
    known: dict[str, KindLevel] = {}
    for level, sample in sorted(found, key=lambda each: _TELLING.index(each[0])):
        known.setdefault(sample.outcome, level)
    yield from ((level, sample) for level, sample in found if known[sample.outcome] == level)


def _describe(
    samples: Sequence[tuple[TrialResult, FailureSample]], level: KindLevel, kind: str, failed: int
) -> SampledFailure:
    trial, first = samples[0]
    return SampledFailure(
        name=name_of_failure(first.outcome, trial.protocol),
        failed=failed,
        level=level,
        kind=kind,
        reason=first.reason if first.errno is None else f"{first.reason} (errno {first.errno})",
        received=first.received,
        after=format_duration_ns(first.after_ns),
        connection="reused" if first.reused else "new",
        trials=tuple(dict.fromkeys(trial.id for trial, _ in samples)),
        traceback=first.traceback,
    )


def _count(outcome: str, level: KindLevel, trials: Iterable[TrialResult]) -> int:
    """How many had that outcome: requests, or iterations or steps of a scenario."""
    if level == "request":
        return sum(trial.outcomes.get(outcome, 0) for trial in trials)
    return sum(kind.outcomes.get(outcome, 0) for trial in trials for kind in trial.kinds if kind.level == level)
