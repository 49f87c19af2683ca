"""Samples of the requests that failed, those of one kind together, for the page and the terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from loadlab.analysis.failures import name_of_failure
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import FailureSample, TrialResult
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_duration_ns

_MOST_OF_OUTCOME: Final = 3


@dataclass(frozen=True, slots=True)
class SampledFailure:
    """One failure of many that had the same outcome and reason; `failed` counts those of that outcome in all trials.

    `kind` is the name of the request where there are several kinds, or of the iteration or step of a scenario, whose
    own errors have a `traceback`. `trials` are the ids of those that have such a sample.
    """

    name: str
    failed: int
    kind: str
    reason: str
    received: str
    after: str
    connection: str
    trials: tuple[str, ...]
    traceback: str = ""


def sampled_failures(trials: Sequence[TrialResult]) -> tuple[SampledFailure, ...]:
    """Return the failures of `trials`, the commonest outcome first, and of each outcome a few that differ."""
    found: dict[tuple[str, str, str], list[tuple[TrialResult, FailureSample]]] = {}
    for trial in trials:
        for sample in trial.failure_samples:
            kind = sample.kind if trial.kinds else ""
            found.setdefault((sample.outcome, kind, sample.reason), []).append((trial, sample))
    counts = {outcome: _count(outcome, trials) for outcome, _, _ in found}
    ranked = sorted(found, key=lambda key: (-counts[key[0]], key[0]))
    return tuple(
        _describe(found[key], key[1], counts[outcome])
        for outcome, keys in groupby(ranked, key=lambda key: key[0])
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
        failed = f"{words.count(each.failed)}{kind},{'' if each.failed == 1 else ' one of them'}"
        sampled = f"{failed} after {each.after} on a {each.connection} connection"
        received = f"; received: {each.received}" if each.received else ""
        yield f"Failed: {each.name} ({sampled}): {each.reason}{received}"


def _describe(samples: Sequence[tuple[TrialResult, FailureSample]], kind: str, failed: int) -> SampledFailure:
    trial, first = samples[0]
    return SampledFailure(
        name=name_of_failure(first.outcome, trial.protocol),
        failed=failed,
        kind=kind,
        reason=first.reason if first.errno is None else f"{first.reason} (errno {first.errno})",
        received=first.received,
        after=format_duration_ns(first.after_ns),
        connection="reused" if first.reused else "new",
        trials=tuple(dict.fromkeys(trial.id for trial, _ in samples)),
        traceback=first.traceback,
    )


def _count(outcome: str, trials: Iterable[TrialResult]) -> int:
    """How many requests had that outcome, or how many iterations ended by an error of the scenario's own."""
    if outcome == Outcome.SCRIPT_ERROR:
        return sum(trial.iterations.outcomes.get(outcome, 0) for trial in trials if trial.iterations)
    return sum(trial.outcomes.get(outcome, 0) for trial in trials)
