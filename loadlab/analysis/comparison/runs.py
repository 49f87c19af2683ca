"""The settings that two runs have in common, compared one by one.

A setting of one run and one of the other
belong together where all swept values are equal; what a run does not sweep has the value in its profile.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from pydantic import Field

from loadlab.analysis.comparison.comparability import (
    completed,
    flatten,
    obstacles_between,
    remarks_on,
    swept_paths,
)
from loadlab.analysis.comparison.compared_metrics import metrics_of
from loadlab.analysis.comparison.figures import (
    ComparedFigure,
    Measured,
    compare_figure,
    compare_overall,
    is_disturbed,
)
from loadlab.results.probe_data import Document
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import LoadProtocol, Scalar, TrialResult

Settings: TypeAlias = dict[tuple[tuple[str, Scalar], ...], list[TrialResult]]

# The machine's speed is the same within what its readings scatter by.
_SAME_SPEED: Final = 0.02


class ComparedSetting(Document):
    """One combination of swept values in both runs: the ids of the trials that count, and all figures.

    `machine` is how much more time the same arithmetic took on the target's cores in the other run than in the base.
    `doubts` are the findings that make a trial of either suspect.
    """

    factors: dict[str, Scalar]
    base_trials: list[str]
    other_trials: list[str]
    machine: float | None = None
    figures: list[ComparedFigure]
    doubts: list[str] = Field(default=[])

    def figure(self, metric: str) -> ComparedFigure | None:
        """Return one of its figures; None if neither run has it."""
        return next((each for each in self.figures if each.metric == metric), None)


class LeftOut(Document):
    """A setting that could not be compared, and why."""

    factors: dict[str, Scalar]
    reason: str


class RunComparison(Document):
    """A run against the base. With `obstacles` it says nothing about the servers.

    `overall` are the mean differences over all settings, where there are several. `machine` is as for a setting,
    over the whole runs. `protocol` says what a request is, where all trials of the base speak the same.
    """

    obstacles: list[str]
    remarks: list[str]
    machine: float | None = None
    protocol: LoadProtocol = "http"
    settings: list[ComparedSetting]
    left_out: list[LeftOut]
    overall: list[ComparedFigure]

    @property
    def figures(self) -> Iterator[ComparedFigure]:
        """All figures of all settings."""
        return (figure for setting in self.settings for figure in setting.figures)


def compare_runs(base: RunDocument, other: RunDocument) -> RunComparison:
    """Compare a run with the base, as far as they have settings in common."""
    speeds = _comparable_speeds(base, other)
    before, after = _by_setting(base, other)
    settings: list[ComparedSetting] = []
    pairs: list[tuple[Measured, Measured]] = []
    left_out = [LeftOut(factors=dict(key), reason="not in the base") for key in after if key not in before]
    for key, of_base in before.items():
        of_other = after.get(key)
        reason = "not in the other run" if of_other is None else _why_left_out(of_base, of_other)
        if of_other is None or reason:
            left_out.append(LeftOut(factors=dict(key), reason=reason))
            continue
        pair = (
            Measured(_best(of_base), speeds[0], speeds[0]),
            Measured(_best(of_other), speeds[1], speeds[0]),
        )
        pairs.append(pair)
        settings.append(_compare_setting(dict(key), *pair))
    obstacles = list(obstacles_between(base, other))
    if not settings:
        obstacles.append(_nothing_in_common(left_out, base, other))
    metrics = metrics_of(trial for pair in pairs for side in pair for trial in side.trials)
    overall = [found for metric in metrics if (found := compare_overall(metric, pairs)) is not None]
    return RunComparison(
        obstacles=obstacles,
        remarks=[*remarks_on(base, other), *_remarks_on_speed(base, other, speeds)],
        machine=_ratio(*speeds),
        protocol=_protocol_of(base),
        settings=settings,
        left_out=left_out,
        overall=overall,
    )


def _protocol_of(run: RunDocument) -> LoadProtocol:
    spoken = {trial.protocol for trial in run.trials if trial.window_ns}
    return spoken.pop() if len(spoken) == 1 else "http"


def _by_setting(base: RunDocument, other: RunDocument) -> tuple[Settings, Settings]:
    """Return the trials of both runs by the values that they have on all swept paths, in the order of the sweep.

    A path of the target that has one value in each run is what is compared, and need not be the same.
    """
    fixed = [(run, flatten(completed(run.profile))) for run in (base, other)]

    def value(run: int, trial: TrialResult, path: str) -> Scalar:
        return trial.factors.get(path, fixed[run][1].get(path))

    paths = [
        path
        for path in swept_paths(base, other)
        if not path.startswith("target.")
        or any(len({value(number, each, path) for each in run.trials}) > 1 for number, (run, _) in enumerate(fixed))
    ]
    found: tuple[Settings, Settings] = ({}, {})
    for number, (run, _) in enumerate(fixed):
        for trial in run.trials:
            key = tuple((path, value(number, trial, path)) for path in paths)
            found[number].setdefault(key, []).append(trial)
    return _in_order(found[0], base.profile), _in_order(found[1], other.profile)


def _compare_setting(factors: Mapping[str, Scalar], base: Measured, other: Measured) -> ComparedSetting:
    metrics = metrics_of((*base.trials, *other.trials))
    figures = [compare_figure(metric, base, other) for metric in metrics]
    before, after = base.typical_slowness("target"), other.typical_slowness("target")
    return ComparedSetting(
        factors=dict(factors),
        base_trials=[trial.id for trial in base.trials],
        other_trials=[trial.id for trial in other.trials],
        machine=after / before if before and after else None,
        figures=[figure for figure in figures if not _is_absent(figure)],
        doubts=[*_doubts("the base", base.trials), *_doubts("the other run", other.trials)],
    )


def _is_absent(figure: ComparedFigure) -> bool:
    """Whether a figure is none of this kind of trial, rather than one that is missing here."""
    return figure.a is None and figure.b is None


def _credible(trials: Sequence[TrialResult]) -> list[TrialResult]:
    return [trial for trial in trials if trial.is_credible]


def _best(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """Return the trials that count: those that nothing disturbed, if they are enough for an interval, else all."""
    credible = _credible(trials)
    clean = [trial for trial in credible if not is_disturbed(trial)]
    return clean if len(clean) > 1 or any(trial.confidence for trial in clean) else credible


def _why_left_out(base: Sequence[TrialResult], other: Sequence[TrialResult]) -> str:
    """Return why a setting has no figures in one of the runs; empty if both have any."""
    for name, trials in (("the base", base), ("the other run", other)):
        if not _credible(trials):
            first = trials[0]
            grave = [finding.text for finding in first.verdict.findings if finding.severity == "invalid"]
            why = first.reason if first.state != "done" else " ".join(grave)
            return f"no valid trial in {name}: {why or first.state}"
    return ""


def _doubts(name: str, trials: Sequence[TrialResult]) -> Iterator[str]:
    for trial in trials:
        for finding in trial.verdict.findings:
            if finding.severity != "note":
                yield f"Trial {trial.id} of {name} is suspect: {finding.text}"


def _nothing_in_common(left_out: Sequence[LeftOut], base: RunDocument, other: RunDocument) -> str:
    if not base.trials or not other.trials:
        return f"{'The base' if not base.trials else 'The other run'} has no trials."
    failed = [each.reason for each in left_out if each.reason.startswith("no valid trial")]
    if failed:
        return f"No setting was measured in both runs: {failed[0]}"
    swept = [", ".join(swept_paths(run)) or "nothing" for run in (base, other)]
    return f"The runs have no setting in common: the base sweeps {swept[0]}, the other run {swept[1]}."


def _comparable_speeds(base: RunDocument, other: RunDocument) -> tuple[MachineSpeed | None, MachineSpeed | None]:
    """Return both runs' speeds if they say the same of a server: the arithmetic is Python's, and its time a CPU's."""
    if base.speed is None or other.speed is None or _different_clocks(base, other):
        return None, None
    return base.speed, other.speed


def _different_clocks(base: RunDocument, other: RunDocument) -> str:
    """Return what makes the same arithmetic take another time, empty if nothing does but the machine's speed."""
    if base.host.cpu != other.host.cpu:
        return "on different CPUs"
    return "by different versions of Python" if base.host.python != other.host.python else ""


def _ratio(base: MachineSpeed | None, other: MachineSpeed | None) -> float | None:
    if base is None or other is None or not base.target_ns or not other.target_ns:
        return None
    return other.target_ns / base.target_ns


def _remarks_on_speed(
    base: RunDocument, other: RunDocument, speeds: tuple[MachineSpeed | None, MachineSpeed | None]
) -> Iterator[str]:
    ratio = _ratio(*speeds)
    if ratio is None:
        known = base.speed is not None and other.speed is not None
        why = f"was measured {_different_clocks(base, other)}" if known else "is not known"
        yield (
            f"How fast the machine was in both runs {why}: if that changed, so did the figures, and no interval shows "
            "it. Measured in the same seconds (loadlab ab) it cancels out."
        )
    elif abs(ratio - 1) <= _SAME_SPEED:
        yield f"The machine was as fast in both runs, within {100 * _SAME_SPEED:.0f} %."
    else:
        less = f"{100 * abs(1 - 1 / ratio):.0f} % {'slower' if ratio > 1 else 'faster'}"
        yield (
            f"The machine was {less} in the other run (the same arithmetic on the target's cores). The cost of a "
            "request is corrected for it, and so are throughput and times where the server was the limit."
        )


def _in_order(found: Settings, profile: Mapping[str, object]) -> Settings:
    """Sort settings as the sweep has their values: numbers by size, others as they are written."""
    sweep = profile.get("sweep")
    written = sweep if isinstance(sweep, Mapping) else {}

    def place(path: str, value: Scalar) -> tuple[int, float, str]:
        if isinstance(value, int | float):
            return 0, value, ""
        values = list(written.get(path, ()))
        return 1, values.index(value) if value in values else len(values), str(value)

    return dict(sorted(found.items(), key=lambda each: [place(path, value) for path, value in each[0]]))
