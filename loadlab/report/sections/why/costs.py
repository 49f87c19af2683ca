"""The overhead of profiling, setting by setting, and what the probes could not see."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadlab.analysis.summary import median_of_known
from loadlab.report.layout import Arrangement, Setting, format_scalar
from loadlab.report.sections.why.ends import End, describe_ends
from loadlab.report.tables import PlainTable
from loadlab.results.trial import TrialResult
from loadlab.units import format_share

_DASH: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
_NOTE: Final = (
    "The share of the throughput that was lost in the pass under the tool, compared with the pass that the figures are "
    "from; where the client was the limit, the share of what the target could have carried. Below zero, the pass under "
    "the tool was faster: slightly, as passes differ anyway, or much, where something disturbed the other pass."
)
# No profiler makes a target faster by this much.
_DISTURBED: Final = 0.1
_SEEN: Final = 0.01
# Messages of a tool name its files and processes, which are others in each trial.
_OF_ONE_TRIAL: Final = re.compile(r"/(?:tmp|proc|run|var/tmp|dev/shm)/[^\s:;,'\")]+|(?<=pid )\d+|(?<=process )\d+")
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Missing:
    """One message, and the settings it came from; of files and processes that differ it has an ellipsis."""

    text: str
    places: tuple[str, ...]


def costs_of(arrangement: Arrangement) -> tuple[PlainTable, ...]:
    """Return a table for each pass that ran, a row for each line and a column for each x, medians over repeats.

    The note stands under the last one, for all.
    """
    tables = (
        _table(arrangement, "Throughput lost while system calls were counted", _syscalls_slowdown, _tracers),
        _table(arrangement, "Throughput lost while the CPU was sampled", _cpu_slowdown, _profilers),
    )
    found = [table for table in tables if table]
    return (*found[:-1], *(replace(last, note=_NOTE) for last in found[-1:]))


def describe_cost(what: str, tools: str, slowdowns: Sequence[tuple[float | None, End]]) -> str:
    """Say that a probe had a pass of its own, and how much of the throughput it took there."""
    known = [(slowdown, end) for slowdown, end in slowdowns if slowdown is not None]
    if all(slowdown < _SEEN for slowdown, _ in known):
        cost = ", at no visible cost in throughput" if known else ""
    else:
        shares = [(_percent(max(slowdown, 0.0)), end) for slowdown, end in known]
        cost = f"; it cost {describe_ends(shares, ' of the throughput')}"
    faster = [(_percent(-slowdown), end) for slowdown, end in known if slowdown < -_DISTURBED]
    disturbed = f" That pass was faster by {describe_ends(faster)}: it or the trial was disturbed." if faster else ""
    return f"{what} in a pass of its own by {tools}{cost}.{disturbed}"


def missing_of(arrangement: Arrangement) -> tuple[Missing, ...]:
    """Return what any trial lacks, in the words of the probe, which name the fix."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for setting in arrangement.settings:
        for trial in setting.trials:
            for text in _texts(trial):
                place = arrangement.name_of(setting) or f"trial {trial.id}"
                groups.setdefault(_OF_ONE_TRIAL.sub(_ELLIPSIS, text), []).append((text, place))
    return tuple(
        Missing(
            text=found[0][0] if len({text for text, _ in found}) == 1 else shared,
            places=tuple(dict.fromkeys(place for _, place in found)),
        )
        for shared, found in groups.items()
    )


def _table(
    arrangement: Arrangement,
    title: str,
    slowdown_of: Callable[[TrialResult], float | None],
    tools_of: Callable[[TrialResult], Iterable[str]],
) -> PlainTable | None:
    by_place = {(setting.line, setting.x): setting for setting in arrangement.settings}
    rows = []
    for index, name in enumerate(arrangement.line_names):
        settings = [by_place.get((index, x)) for x in arrangement.x_values]
        shares = [_median(setting, slowdown_of) for setting in settings]
        if any(share is not None for share in shares):
            trials = [trial for setting in settings if setting for trial in setting.measured]
            tools = dict.fromkeys(tool for trial in trials for tool in tools_of(trial))
            rows.append((name or "the target", ", ".join(tools), *(_format(share) for share in shares)))
    if not rows:
        return None
    places = ["lost" if x is None else format_scalar(x) for x in arrangement.x_values]
    return PlainTable(title, (), (arrangement.x_title, "by", *places), tuple(rows), note="")


def _median(setting: Setting | None, slowdown_of: Callable[[TrialResult], float | None]) -> float | None:
    return median_of_known(map(slowdown_of, setting.measured)) if setting else None


def _format(share: float | None) -> str:
    return _DASH if share is None else format_share(round(share, 2) + 0.0).replace("-", _MINUS)


def _syscalls_slowdown(trial: TrialResult) -> float | None:
    return trial.probes.syscalls.slowdown if trial.probes.syscalls else None


def _cpu_slowdown(trial: TrialResult) -> float | None:
    return trial.probes.cpu.slowdown if trial.probes.cpu else None


def _tracers(trial: TrialResult) -> Iterable[str]:
    return [trial.probes.syscalls.backend] if trial.probes.syscalls and trial.probes.syscalls.backend else []


def _profilers(trial: TrialResult) -> Iterable[str]:
    cpu = trial.probes.cpu
    return [profile.backend for profile in cpu.target.profiles] if cpu and cpu.target else []


def _texts(trial: TrialResult) -> Iterator[str]:
    if syscalls := trial.probes.syscalls:
        yield from _labelled("System calls", [*syscalls.missed, *syscalls.problems])
    if cpu := trial.probes.cpu:
        sides = [side for side in (cpu.target, cpu.client) if side]
        yield from _labelled("CPU", [*cpu.problems, *(text for side in sides for text in side.missing)])


def _labelled(probe: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield f"{probe}: {text}"


def _percent(share: float) -> str:
    return format_share(round(share, 3))
