"""The section on the measured window from begin to end: what each trial used, and what changed on the way."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from loadlab.analysis.verdict.steadiness import find_change, merge_intervals
from loadlab.report.layout import Arrangement
from loadlab.report.sections.over_time.panels import TimeLine, TimePanel, process_panels, socket_panels
from loadlab.report.sections.section import Run, Section
from loadlab.results.requests import Interval
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import vocabulary_of

_MOST_POINTS: Final = 64
_MOST_NAMED: Final = 2
# Drawn whether they changed or not: the throughput, and whether either side was at its limit.
_ALWAYS_SHOWN: Final = frozenset({"Throughput", "CPU of the target", "CPU of the client"})

_CLIENT: Final = "The client is the load workers, without the processes that hold idle connections;"
_CLIENT_ELSEWHERE: Final = (
    "The load came from machines whose processes are read at both ends of the window only (“Load by machine”);"
)


@dataclass(frozen=True, slots=True)
class ChosenTrial:
    """A trial as it is chosen by its name; `chosen` is the one that is shown at first."""

    id: str
    name: str
    chosen: bool
    panels: tuple[TimePanel, ...]


@dataclass(frozen=True, slots=True)
class OverTime(Section):
    """`titles` are those of all panels, in their order; not every trial has each of them.

    Trials that were measured `in_rounds` show these one after the other, without the time between. `client` says what
    is shown of the client.
    """

    sentence: str
    trials: tuple[ChosenTrial, ...]
    titles: tuple[str, ...]
    in_rounds: bool
    client: str
    template: ClassVar[str] = "over_time/over_time.html"

    @property
    def assets(self) -> tuple[str, ...]:
        """The script that fills the panels."""
        return ("over_time/over_time",)

    def data(self) -> dict[str, object]:
        """Return what the section's script draws: the panels of each trial, by its id."""
        return {"over-time-data": {trial.id: [_plain(panel) for panel in trial.panels] for trial in self.trials}}


def sections_of(run: Run) -> Iterator[OverTime]:
    """Yield the section where a probe looked at a trial in the course of its window."""
    arrangement = run.arrangement
    found = list(_named_panels(arrangement))
    if not found:
        return
    first = _shown_first(arrangement, [trial for trial, _, _ in found], [panels for _, _, panels in found])
    trials = tuple(ChosenTrial(trial.id, name, trial is first, panels) for trial, name, panels in found)
    titles = dict.fromkeys(panel.title for trial in trials for panel in trial.panels)
    in_rounds = any(trial.rounds for trial, _, _ in found)
    is_elsewhere = any(trial.machines for trial, _, _ in found) and "CPU of the client" not in titles
    client = _CLIENT_ELSEWHERE if is_elsewhere else _CLIENT
    yield OverTime(_describe(trials, tuple(titles), in_rounds), trials, tuple(titles), in_rounds, client)


def _named_panels(arrangement: Arrangement) -> Iterator[tuple[TrialResult, str, tuple[TimePanel, ...]]]:
    """Yield each trial that probes looked at, valid or not: the panels may show why it is invalid."""
    for setting in arrangement.settings:
        for trial in setting.trials:
            procfs, sockets = trial.probes.procfs, trial.probes.sockets
            if trial.rounds:
                sockets = None  # its readings go from the first round to the last, with the rounds of others between
            probed = [*(process_panels(procfs) if procfs else ()), *(socket_panels(sockets) if sockets else ())]
            if probed:
                name = arrangement.name_of_trial(trial) or f"trial {trial.id}"
                invalid = " (invalid)" if trial.verdict.state == "invalid" else ""
                yield trial, f"{name}{invalid}", (*_throughput(trial), *probed)


def _throughput(trial: TrialResult) -> Iterator[TimePanel]:
    intervals = [interval for interval in trial.intervals if interval.end > interval.start]
    together = math.ceil(len(intervals) / _MOST_POINTS)
    groups = [intervals[start : start + together] for start in range(0, len(intervals), together or 1)]
    if len(groups) < 2:
        return
    yield TimePanel(
        title="Throughput",
        unit=f"{vocabulary_of([trial]).many}/s",
        shape="steps",
        seconds=(groups[0][0].start, *(group[-1].end for group in groups)),
        lines=(TimeLine("", tuple(_rate(group) for group in groups)),),
        changed=find_change(merge_intervals(intervals, (trial.response_ns.p50 or 0) / 1e9)) is not None,
    )


def _rate(intervals: Sequence[Interval]) -> float:
    return sum(interval.requests for interval in intervals) / (intervals[-1].end - intervals[0].start)


def _shown_first(
    arrangement: Arrangement, trials: Sequence[TrialResult], panels: Sequence[tuple[TimePanel, ...]]
) -> TrialResult:
    """Return the trial in which most panels changed, or if none did the one at the end of the first line."""
    changed = [sum(panel.changed for panel in each) for each in panels]
    if any(changed):
        return trials[changed.index(max(changed))]
    line_of = {trial.id: setting.line for setting in arrangement.settings for trial in setting.trials}
    return [trial for trial in trials if line_of[trial.id] == line_of[trials[0].id]][-1]


def _describe(trials: Sequence[ChosenTrial], titles: Sequence[str], in_rounds: bool) -> str:
    what = "rounds" if in_rounds else "window"
    changed = {title: [trial.name for trial in trials if _changed(trial, title)] for title in titles}
    listed = [f"{_within_sentence(title)} ({_where(names)})" for title, names in changed.items() if names]
    if not listed:
        where = {1: "", 2: " in both trials"}.get(len(trials), f" in all {len(trials)} trials")
        return f"Everything was steady over the {what}{where}."
    return f"Changed within the {what}: {'; '.join(listed)}. Everything else was steady."


def _changed(trial: ChosenTrial, title: str) -> bool:
    return any(panel.changed for panel in trial.panels if panel.title == title)


def _within_sentence(title: str) -> str:
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _where(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} trials"


def _plain(panel: TimePanel) -> dict[str, object]:
    return {
        "title": panel.title,
        "unit": panel.unit,
        "shape": panel.shape,
        "folded": not panel.changed and panel.title not in _ALWAYS_SHOWN,
        "seconds": [round(moment, 3) for moment in panel.seconds],
        "lines": [{"name": line.name, "values": [_rounded(value) for value in line.values]} for line in panel.lines],
    }


def _rounded(value: float | None) -> float | None:
    """As exact as can be seen; a count in full."""
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")
