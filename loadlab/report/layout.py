"""How the trials of a run are laid out in every figure: what stands on the x axis, and what each series is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadlab.profile.files import without_common_folder
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.metrics import KIND_SECTION, split_metric
from loadlab.profile.path_names import PathName
from loadlab.profile.target import describe_command
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.vocabulary import REQUESTS, Vocabulary, vocabulary_of

_LONGEST_NAME: Final = 48

CHANCE: Final = 0.2
"""Where the machine's speed was not measured: what most windows of a second differ by on a quiet virtual machine."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of the sweep's values, with the trials of all its repeats.

    `spoiled` are attempts at them that were measured again.
    """

    x: Scalar
    line: int
    trials: tuple[TrialResult, ...]
    spoiled: tuple[TrialResult, ...] = ()

    @property
    def measured(self) -> tuple[TrialResult, ...]:
        """The trials whose figures may be shown: an invalid one has figures, but they say nothing about the target."""
        return tuple(trial for trial in self.trials if trial.is_credible)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`settings` holds every combination that was tried, by line and then along x.

    `chance` is by which share the speed of one window may differ from that of another by chance; `words` are those for
    what the trials count.
    """

    x_path: str | None
    x_values: tuple[Scalar, ...]
    line_names: tuple[str, ...]
    settings: tuple[Setting, ...]
    chance: float = CHANCE
    words: Vocabulary = REQUESTS

    @property
    def x_name(self) -> PathName | None:
        """What x is called; None without a sweep."""
        return self.words.name_of_path(self.x_path) if self.x_path else None

    @property
    def x_title(self) -> str:
        """What x is, as the title of an axis and behind numbers."""
        return self.x_name.many if self.x_name else ""

    @property
    def x_is_number(self) -> bool:
        """Whether the places on the x axis have distances, so that a line between two of them means something."""
        return bool(self.x_values) and all(_is_number(value) for value in self.x_values)

    def describe_x(self, x: Scalar) -> str:
        """A value of x in words: `19,000 idle connections`, `1 idle connection`, `epoll`."""
        if not self.x_is_number or self.x_name is None:
            return self.words.name_of_value(self.x_path, x) if self.x_path and isinstance(x, str) else format_scalar(x)
        return f"{format_scalar(x)} {self.x_name.one if x == 1 else self.x_name.many}"

    def line_of(self, where: Mapping[str, Scalar]) -> int | None:
        """Return the line that has these values on all swept paths but x, or None."""
        for setting in self.settings:
            factors = setting.trials[0].factors
            if {path: value for path, value in factors.items() if path != self.x_path} == where:
                return setting.line
        return None

    def name_of(self, setting: Setting) -> str:
        """A setting in a few words, such as `epoll at 19,000 idle connections`."""
        name = self.line_names[setting.line]
        if self.x_path is None:
            return name
        at = self.describe_x(setting.x)
        return f"{name} at {at}" if name else at

    def name_of_trial(self, trial: TrialResult) -> str:
        """Its setting in a few words, and which repeat it is where there are several; empty for the only trial."""
        setting = next(setting for setting in self.settings if trial in setting.trials)
        repeat = f"repeat {trial.repeat}" if any(len(each.trials) > 1 for each in self.settings) else ""
        return ", ".join(part for part in (self.name_of(setting), repeat) if part)


def side_by_side(arrangement: Arrangement) -> Arrangement:
    """Return the lines as places on x where there is a single x: their points would all stand at one place."""
    if len(arrangement.x_values) != 1 or len(arrangement.line_names) < 2:
        return arrangement
    return replace(
        arrangement,
        x_path=_path_of_lines(arrangement),
        x_values=arrangement.line_names,
        line_names=("",),
        settings=tuple(
            replace(setting, x=arrangement.line_names[setting.line], line=0) for setting in arrangement.settings
        ),
    )


def above_each_other(arrangement: Arrangement) -> Arrangement:
    """Return the places of a single line as lines of their own where they are names, so that each has its colour."""
    if arrangement.x_is_number or len(arrangement.line_names) > 1 or len(arrangement.x_values) < 2:
        return arrangement
    places = tuple(setting.x for setting in arrangement.settings)
    return replace(
        arrangement,
        x_path=None,
        x_values=(None,),
        line_names=tuple(format_scalar(place) for place in places),
        settings=tuple(replace(setting, x=None, line=line) for line, setting in enumerate(arrangement.settings)),
    )


def arrange(
    profile: Mapping[str, Any], trials: Sequence[TrialResult], spoiled: Iterable[TrialResult] = ()
) -> Arrangement:
    """Lay out `trials` as the resolved `profile` asks; each trial comes under exactly one setting.

    The `spoiled` attempts are those of these trials.
    """
    swept = _swept_values(profile, trials)
    x_path = _choose_x(profile, swept)
    line_paths = _choose_lines(profile, swept, x_path)
    groups: dict[tuple[tuple[Scalar, ...], Scalar], list[TrialResult]] = {}
    for trial in trials:
        line_key = tuple(trial.factors.get(path) for path in line_paths)
        groups.setdefault((line_key, trial.factors.get(x_path) if x_path else None), []).append(trial)

    attempts: dict[str, list[TrialResult]] = {}
    for attempt in spoiled:
        attempts.setdefault(attempt.id, []).append(attempt)

    words = vocabulary_of(trials, profile)
    x_values = swept[x_path] if x_path else (None,)
    line_keys = sorted(
        {line_key for line_key, _ in groups},
        key=lambda key: [swept[path].index(value) for path, value in zip(line_paths, key, strict=True)],
    )
    return Arrangement(
        x_path=x_path,
        x_values=x_values,
        line_names=shorten_names(
            [
                ", ".join(words.name_of_value(path, value) for path, value in zip(line_paths, key, strict=True))
                for key in line_keys
            ]
        ),
        settings=tuple(
            Setting(
                x=x,
                line=line,
                trials=tuple(sorted(groups[key, x], key=lambda trial: trial.repeat)),
                spoiled=tuple(attempt for trial in groups[key, x] for attempt in attempts.get(trial.id, ())),
            )
            for line, key in enumerate(line_keys)
            for x in x_values
            if (key, x) in groups
        ),
        words=words,
    )


def shorten_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names that fit into a legend: of long ones, such as commands, without words that all share at the ends.

    What is still long loses its middle; names that would then be alike stay whole.
    """
    if all(len(name) <= _LONGEST_NAME for name in names):
        return tuple(names)
    words = [name.split() for name in names]
    spare = min(map(len, words)) - 1 if len(names) > 1 else 0
    first = next((at for at in range(spare) if len({each[at] for each in words}) > 1), spare)
    if first and words[0][first - 1].startswith("-"):  # the option of which the values differ
        first -= 1
    last = next((at for at in range(spare - first) if len({each[-1 - at] for each in words}) > 1), spare - first)
    begin, end = "\N{HORIZONTAL ELLIPSIS} " * bool(first), " \N{HORIZONTAL ELLIPSIS}" * bool(last)
    shorter = tuple(_without_middle(f"{begin}{' '.join(each[first : len(each) - last])}{end}") for each in words)
    return shorter if len({*shorter}) == len({*names}) else tuple(names)


def _without_middle(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[:half].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-half:].lstrip()}"


def format_scalar(value: Scalar) -> str:
    """A factor's value as read in a sentence: `19,000`, `epoll`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,}"
    return "none" if value is None else value


def kind_names(trials: Iterable[TrialResult]) -> tuple[str, ...]:
    """Return the kinds of requests that any trial had, in their order; the slow senders last."""
    names = dict.fromkeys(kind.name for trial in trials for kind in trial.kinds if kind.level == "request")
    return tuple(sorted(names, key=lambda name: name == SLOW_SENDERS))


def metric_in(trial: TrialResult, metric: str) -> str:
    """Return the name that a metric has in this trial.

    A trial lists its kinds only if there are several, so one without a list had a single kind: all its requests. That
    occurs where a sweep begins without slow senders.
    """
    section, kind, figure = split_metric(metric)
    return metric if section != KIND_SECTION or kind == SLOW_SENDERS or trial.kinds else figure


def _swept_values(profile: Mapping[str, Any], trials: Iterable[TrialResult]) -> dict[str, tuple[Scalar, ...]]:
    """The values each path took: numbers by size, others in the order of the profile's sweep."""
    found: dict[str, dict[Scalar, None]] = {}
    for trial in trials:
        for path, value in trial.factors.items():
            found.setdefault(path, {})[value] = None
    sweep = profile.get("sweep") or {}
    written = {path: [*map(_as_factor, without_common_folder(path, sweep.get(path) or ()))] for path in found}
    return {path: _in_order(list(values), written[path]) for path, values in found.items()}


def _as_factor(value: Any) -> Scalar:  # noqa: ANN401 - whatever a sweep may hold
    """Return a value of the sweep as trials have it in their factors, where a command is text."""
    return describe_command(value) if isinstance(value, list | tuple) else value


def _in_order(values: list[Scalar], written: list[Any]) -> tuple[Scalar, ...]:
    if all(_is_number(value) for value in values):
        return tuple(sorted(values, key=lambda value: float(value or 0)))
    return tuple(sorted(values, key=lambda value: written.index(value) if value in written else len(written)))


def _choose_x(profile: Mapping[str, Any], swept: Mapping[str, tuple[Scalar, ...]]) -> str | None:
    asked = (profile.get("plot") or {}).get("x")
    if asked in swept:
        return str(asked)
    of_numbers = [path for path, values in swept.items() if all(_is_number(value) for value in values)]
    candidates = of_numbers or list(swept)
    return max(candidates, key=lambda path: len(swept[path]), default=None)


def _choose_lines(profile: Mapping[str, Any], swept: Mapping[str, tuple[Scalar, ...]], x_path: str | None) -> list[str]:
    """All swept paths but x, so that no two settings fall on one point; the one that `plot` asks for first."""
    asked = (profile.get("plot") or {}).get("series")
    return sorted((path for path in swept if path != x_path), key=lambda path: path != asked)


def _path_of_lines(arrangement: Arrangement) -> str:
    """The first path whose values the lines do not share."""
    factors = [setting.trials[0].factors for setting in arrangement.settings]
    return next(path for path in factors[0] if len({each.get(path) for each in factors}) > 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
