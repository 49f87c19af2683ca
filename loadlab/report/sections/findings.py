"""The findings of the verdict, each once for all its trials; spoiled attempts; what failed, what blocked; TCP."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from loadlab.report.failures import SampledFailure, sampled_failures
from loadlab.report.machines import anchor_of_machine
from loadlab.report.measures import COST, THROUGHPUT, Measure
from loadlab.report.sections.section import Run, Section
from loadlab.report.trial_columns import anchor_of
from loadlab.results.probe_data import SocketCounters
from loadlab.results.requests import BlockingCode
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Severity
from loadlab.results.vocabulary import Vocabulary
from loadlab.units import format_duration_ns

_GRAVEST_FIRST: Final[tuple[Severity, ...]] = ("invalid", "suspect", "note")
# What may spoil an attempt, so that the trial is measured again.
_OF_THE_MACHINE: Final = frozenset({"machine_speed", "disturbed", "stolen", "throttled"})
_MOST_LINKS: Final = 4
_DASH: Final = "\N{EN DASH}"
_TITLES: Final = {
    "retransmitted": "segments retransmitted",
    "listen_overflows": "times that an accept queue was full",
    "listen_drops": "connections dropped before they were accepted",
    "resets_sent": "resets sent",
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One trial in which something was found, and the evidence there.

    `machines` are links to those that it was found on, each a name and an anchor; none where it is about all.
    """

    trial_id: str
    where: str
    text: str
    evidence: str
    anchor: str
    machines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one code and severity; `text` is what they share, or the code where their texts differ."""

    code: str
    severity: Severity
    text: str
    advice: tuple[str, ...]
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class SpoiledAttempt:
    """An attempt at a trial that was measured again: its main figure, that of the last attempt, and what spoiled it."""

    trial_id: str
    where: str
    number: int
    figure: str
    final: str
    why: str
    anchor: str


@dataclass(frozen=True, slots=True)
class BlockingLine:
    """A line of a scenario that held up a load worker, in all trials together; `trials` are their ids."""

    where: str
    code: str
    times: int
    longest: str
    trials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings(Section):
    """All of them, the gravest first, attempts that the machine spoiled, and samples of the requests that failed.

    `spoiled_title` heads the figures of such attempts. A scenario's own `errors` and `blocking` lines stand apart.
    """

    groups: tuple[FindingGroup, ...]
    spoiled: tuple[SpoiledAttempt, ...]
    spoiled_title: str
    failures: tuple[SampledFailure, ...]
    errors: tuple[SampledFailure, ...]
    blocking: tuple[BlockingLine, ...]
    of_kinds: bool
    of_trials: bool
    words: Vocabulary
    template: ClassVar[str] = "findings.html"


def sections_of(run: Run) -> Iterator[Findings]:
    """Yield the section, even if nothing was found: that is a result too."""
    failures = sampled_failures(run.trials)
    yield Findings(
        groups=group_findings(run.trials, run.arrangement.name_of_trial),
        spoiled=tuple(spoiled_attempts(run)),
        spoiled_title=_main_measure(run).worded(run.words).title.lower(),
        failures=tuple(failure for failure in failures if not failure.traceback),
        errors=tuple(failure for failure in failures if failure.traceback),
        blocking=blocking_lines(run.trials),
        of_kinds=any(failure.kind for failure in failures if not failure.traceback),
        of_trials=len(run.trials) > 1,
        words=run.words,
    )


def group_findings(trials: Iterable[TrialResult], name_of: Callable[[TrialResult], str]) -> tuple[FindingGroup, ...]:
    """Return what was found in `trials`, the gravest first; `name_of` says a trial's setting in a few words."""
    groups: dict[tuple[Severity, str], list[tuple[TrialResult, Finding]]] = {}
    for trial in trials:
        for finding in trial.verdict.findings:
            groups.setdefault((finding.severity, finding.code), []).append((trial, finding))
    return tuple(
        _group(code, severity, found, name_of)
        for (severity, code), found in sorted(groups.items(), key=lambda item: _GRAVEST_FIRST.index(item[0][0]))
    )


def spoiled_attempts(run: Run) -> Iterator[SpoiledAttempt]:
    """Yield the attempts at trials that were measured again, in their order."""
    measure = _main_measure(run)
    last = {trial.id: trial for trial in run.trials}
    for attempt in run.document.spoiled:
        final = last.get(attempt.id)
        doubts = [finding for finding in attempt.verdict.findings if finding.severity != "note"]
        of_machine = [finding for finding in doubts if finding.code in _OF_THE_MACHINE] or doubts
        yield SpoiledAttempt(
            trial_id=attempt.id,
            where=run.arrangement.name_of_trial(final) if final else "",
            number=attempt.attempt,
            figure=_write(measure, attempt),
            final=_write(measure, final),
            why=" ".join(map(_write_finding, of_machine)) or attempt.reason or "",
            anchor=anchor_of(attempt),
        )


def blocking_lines(trials: Iterable[TrialResult]) -> tuple[BlockingLine, ...]:
    """Return the lines of scenarios that held up load workers, those that did so for longest first."""
    found: dict[tuple[str, str], list[tuple[str, BlockingCode]]] = {}
    for trial in trials:
        for line in trial.blocking:
            found.setdefault((line.where, line.code), []).append((trial.id, line))
    longest = {key: max(line.longest_ns for _, line in lines) for key, lines in found.items()}
    return tuple(
        BlockingLine(
            where,
            code,
            times=sum(line.times for _, line in found[where, code]),
            longest=format_duration_ns(longest[where, code]),
            trials=tuple(dict.fromkeys(trial for trial, _ in found[where, code])),
        )
        for where, code in sorted(found, key=lambda key: -longest[key])
    )


def describe_sockets(trials: Sequence[TrialResult]) -> str:
    """Say how often each kind of trouble occurred, and in which trials; empty where none did."""
    counts = [count for field, title in _TITLES.items() if (count := _describe_count(trials, field, title))]
    return f"TCP on the whole machine, in the measured windows: {'; '.join(counts)}." if counts else ""


def _group(
    code: str, severity: Severity, found: list[tuple[TrialResult, Finding]], name_of: Callable[[TrialResult], str]
) -> FindingGroup:
    texts = list(dict.fromkeys(finding.text for _, finding in found))
    shared = len(texts) == 1
    return FindingGroup(
        code=code,
        severity=severity,
        text=texts[0] if shared else code.replace("_", " ").capitalize(),
        advice=tuple(dict.fromkeys(finding.advice for _, finding in found if finding.advice)),
        occurrences=tuple(
            Occurrence(
                trial.id,
                name_of(trial),
                "" if shared else finding.text,
                finding.evidence,
                anchor_of(trial),
                tuple((name, anchor_of_machine(trial.id, name)) for name in finding.machines[:_MOST_LINKS]),
            )
            for trial, finding in found
        ),
    )


def _write_finding(finding: Finding) -> str:
    return f"{finding.text.rstrip('.')}: {finding.evidence}." if finding.evidence else finding.text


def _main_measure(run: Run) -> Measure:
    """What spoiled attempts are compared by."""
    return THROUGHPUT if run.kind == "load" else COST


def _write(measure: Measure, trial: TrialResult | None) -> str:
    value = measure.read(trial) if trial else None
    return _DASH if value is None else measure.quantity.format(value)


def _describe_count(trials: Sequence[TrialResult], field: str, title: str) -> str:
    counted = {trial.id: number for trial in trials if (number := _count(trial, field))}
    if not counted:
        return ""
    where = f"trial {', '.join(counted)}" if len(counted) <= 3 else f"{len(counted)} trials"
    return f"{sum(counted.values()):,} {title} ({where})"


def _count(trial: TrialResult, field: str) -> int:
    counters: SocketCounters | None = trial.probes.sockets.counted if trial.probes.sockets else None
    return counters.model_dump()[field] if counters else 0
