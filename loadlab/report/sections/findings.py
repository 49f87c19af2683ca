"""What the verdict found, shown once for all the trials it was found in, and what went wrong in TCP."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.results.model import Finding, Severity, TrialResult
from loadlab.results.probe_data import SocketCounters

_GRAVEST_FIRST: tuple[Severity, ...] = ("invalid", "suspect", "note")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One trial in which something was found, and the evidence there."""

    trial_id: str
    where: str
    text: str
    evidence: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one code and severity; `text` is what they share, or the code where their texts differ."""

    code: str
    severity: Severity
    text: str
    advice: tuple[str, ...]
    occurrences: tuple[Occurrence, ...]


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
            Occurrence(trial.id, name_of(trial), "" if shared else finding.text, finding.evidence)
            for trial, finding in found
        ),
    )


_TITLES: Final = {
    "retransmitted": "segments sent again",
    "listen_overflows": "full accept queues",
    "listen_drops": "connections dropped before they were accepted",
    "resets_sent": "resets sent",
}


def describe_sockets(trials: Sequence[TrialResult]) -> str:
    """Say how often each of it happened on this machine, and in which trials; empty where nothing did."""
    told = [told for field, title in _TITLES.items() if (told := _tell(trials, field, title))]
    return f"TCP on this machine while trials were measured: {'; '.join(told)}." if told else ""


def _tell(trials: Sequence[TrialResult], field: str, title: str) -> str:
    counted = {trial.id: number for trial in trials if (number := _count(trial, field))}
    if not counted:
        return ""
    where = f"trial {', '.join(counted)}" if len(counted) <= 3 else f"{len(counted)} trials"
    return f"{sum(counted.values()):,} {title} ({where})"


def _count(trial: TrialResult, field: str) -> int:
    counters: SocketCounters | None = trial.probes.sockets.counted if trial.probes.sockets else None
    return counters.model_dump()[field] if counters else 0
