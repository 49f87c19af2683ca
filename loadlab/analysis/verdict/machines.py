"""Several machines that generate the load of one trial: each judged as a client by itself, and named in the trial.

One bad client is in the figures of all, so what is found on it is found in the trial. How grave it is there depends on
its part: what is invalid on machines that had less than half of the requests makes the trial suspect.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from loadlab.results.machine import MachineResult
from loadlab.results.speed import Speed
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Severity

_GRAVITY: Final[tuple[Severity, ...]] = ("note", "suspect", "invalid")
# What the trial's own figures show too, of all clients together.
_OF_ALL_CLIENTS: Final = ("client_bound", "late", "client_added")
_OF_ALL_REQUESTS: Final = "failures"
_HALF: Final = 0.5
_MOST_NAMED: Final = 4

_Found = tuple[MachineResult, Finding]


def as_one_client(machine: MachineResult, trial: TrialResult) -> TrialResult:
    """Return a trial as it would be with the figures of one of its machines alone.

    Which statuses its requests had is not known by machine.
    """
    return trial.model_copy(
        update={
            "requests": machine.requests,
            "requests_per_second": machine.requests_per_second,
            "outcomes": machine.outcomes,
            "statuses": {},
            "compared": 0,
            "response_ns": machine.response_ns,
            "service_ns": machine.service_ns,
            "lateness_ns": machine.lateness_ns,
            "dispatch_ns": machine.dispatch_ns,
            "client_ns": machine.client_ns,
            "delay_ns": machine.delay_ns,
            "kinds": [] if machine.iterations is None else [machine.iterations],
            "client": machine.client,
            "speed": Speed(client=machine.speed.client),
            "control_groups": [],
            "rounds": [],
            "machines": [],
        }
    )


def with_machines(own: Sequence[Finding], machines: Sequence[MachineResult]) -> list[Finding]:
    """Return the findings of a trial: its `own`, and what was found on its machines, each once with their names.

    Where all machines were alike the trial's own finding says it; where one of them stands out, its finding takes the
    place of the trial's.
    """
    findings = list(own)
    loaded = sum(machine.connections > 0 for machine in machines)
    for found in _alike(machines):
        named = _named(found, machines)
        same = [finding for finding in findings if finding.code == named.code]
        if named.code in (*_OF_ALL_CLIENTS, _OF_ALL_REQUESTS) and len(found) == loaded and _covers(same, named):
            continue
        if named.code in _OF_ALL_CLIENTS:
            findings = [each for each in findings if each not in same or _weighs(each) > _weighs(named)]
        findings.append(named)
    return findings


def has_throttled_client(trial: TrialResult) -> bool:
    """Return whether a quota stopped a client on one of several machines."""
    return any(finding.code == "throttled" for machine in trial.machines for finding in machine.verdict.findings)


def _alike(machines: Iterable[MachineResult]) -> Iterable[list[_Found]]:
    """Return what was found, on all machines where it was the same."""
    alike: dict[tuple[str, Severity, str], list[_Found]] = {}
    for machine in machines:
        for finding in machine.verdict.findings:
            alike.setdefault((finding.code, finding.severity, finding.text), []).append((machine, finding))
    return alike.values()


def _named(found: Sequence[_Found], machines: Sequence[MachineResult]) -> Finding:
    finding = found[0][1]
    evidence = dict.fromkeys(each.evidence for _, each in found)
    by_name = [f"{machine.name}: {each.evidence}" for machine, each in found[:_MOST_NAMED]]
    if len(found) > _MOST_NAMED:
        by_name.append(f"and {len(found) - _MOST_NAMED} more")
    return finding.model_copy(
        update={
            "severity": _severity(found, machines),
            "text": f"{_whose([machine.name for machine, _ in found], len(machines))}: {_lowered(finding.text)}",
            "machines": [machine.name for machine, _ in found],
            "evidence": finding.evidence if len(evidence) == 1 else "; ".join(by_name),
        }
    )


def _severity(found: Sequence[_Found], machines: Sequence[MachineResult]) -> Severity:
    severity = found[0][1].severity
    total = sum(machine.requests for machine in machines)
    part = sum(machine.requests for machine, _ in found)
    return "suspect" if severity == "invalid" and part < _HALF * total else severity


def _whose(names: Sequence[str], of: int) -> str:
    if len(names) == of > 1:
        return "All client machines"
    if len(names) == 1:
        return f"Client machine {names[0]}"
    *listed, last = names[:_MOST_NAMED] if len(names) <= _MOST_NAMED else [*names[:_MOST_NAMED], _more(names)]
    return f"Client machines {', '.join(listed)} and {last}"


def _more(names: Sequence[str]) -> str:
    return f"{len(names) - _MOST_NAMED} more"


def _lowered(text: str) -> str:
    """Return a sentence as it continues another; an abbreviation stays."""
    return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def _covers(own: Sequence[Finding], named: Finding) -> bool:
    return any(_weighs(each) >= _weighs(named) for each in own)


def _weighs(finding: Finding) -> int:
    return _GRAVITY.index(finding.severity)
