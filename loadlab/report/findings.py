"""What the verdict found, told once for all the trials it was found in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadlab.results.model import Finding, Severity, TrialResult

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
