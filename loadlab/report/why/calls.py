"""The system calls of one request over x, by their kind."""

from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.measures import Measure
from loadlab.report.quantities import NUMBER
from loadlab.report.stacked import StackedChart, stack
from loadlab.results.model import TrialResult

OTHERS: Final = "others"
_MOST_NAMED: Final = 5
_LEAST_DRAWN: Final = 0.0005
_LEAST_TOLD: Final = 0.01


def calls_of(arrangement: Arrangement) -> StackedChart | None:
    """Return the chart, the most frequent kinds at the bottom and the rare ones on top as others; None without any."""
    most: dict[str, float] = {}
    for setting in arrangement.settings:
        for trial in setting.measured:
            for name, number in (_calls(trial) or {}).items():
                most[name] = max(number, most.get(name, 0.0))
    drawn = [name for name in sorted(most, key=lambda name: -most[name]) if most[name] >= _LEAST_DRAWN]
    if not drawn:
        return None
    named = drawn[: _MOST_NAMED if len(drawn) > _MOST_NAMED + 1 else _MOST_NAMED + 1]
    measures = [_calls_named(name) for name in named]
    if len(drawn) > len(named):
        measures.append(_calls_beside(frozenset(named)))
    return stack(arrangement, "System calls of the target per request", measures, "per request")


def describe_vain(arrangement: Arrangement) -> str:
    """Say how many calls found nothing to read, or no room to write, for each line that makes more than a few."""
    most: dict[str, float] = {}
    for setting in arrangement.settings:
        for trial in setting.measured:
            syscalls = trial.probes.syscalls
            if syscalls and (number := syscalls.eagain_per_request or 0.0) >= _LEAST_TOLD:
                name = arrangement.line_names[setting.line] or "the target"
                most[name] = max(number, most.get(name, 0.0))
    told = [f"{name} {number:.2f}" for name, number in sorted(most.items(), key=lambda each: -each[1])]
    return f"In vain (EAGAIN), per request and at most: {', '.join(told)}." if told else ""


def _calls(trial: TrialResult) -> dict[str, float] | None:
    syscalls = trial.probes.syscalls
    return (syscalls.calls_per_request or None) if syscalls else None


def _calls_named(name: str) -> Measure:
    """The calls of one kind; a trial that was watched and made none of them has 0."""

    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else calls.get(name, 0.0)

    return Measure(f"probes.syscalls.calls_per_request.{name}", name, NUMBER, read)


def _calls_beside(named: frozenset[str]) -> Measure:
    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else sum(number for name, number in calls.items() if name not in named)

    return Measure("probes.syscalls.calls_per_request", OTHERS, NUMBER, read)
