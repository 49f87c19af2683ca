"""Which lines of the run are explained, and what was probed at both ends of each: at its lowest and highest x."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.summary import over_repeats
from loadlab.report.layout import Arrangement, Setting, format_scalar
from loadlab.report.measures import CPU_TOTAL
from loadlab.report.paired import VARIANT
from loadlab.results.trial import TrialResult

_MOST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class End:
    """A probed trial, and where on x it stands: `5,000`, and `5,000 idle connections`; empty where x has no ends."""

    trial: TrialResult
    x: str
    where: str


@dataclass(frozen=True, slots=True)
class ProbedLine:
    """A line of the run from its first probed trial to its last; `before` is None where there is only one."""

    name: str
    before: End | None
    after: End

    @property
    def ends(self) -> tuple[End, ...]:
        """Both ends, or the only one."""
        return (self.before, self.after) if self.before else (self.after,)


def probed_lines(arrangement: Arrangement) -> tuple[ProbedLine, ...]:
    """Return at most three lines, the one whose CPU time per request grew most first.

    Of more than three these are the two that grew most, and the one that grew least, to compare them with. Where x is
    made of names, it has no ends, and each place stands by itself; but A and B of a comparison are ends.
    """
    if arrangement.x_path == VARIANT:
        return _both_sides(arrangement)
    probed = [(setting, trial) for setting in arrangement.settings if (trial := _probed(setting))]
    lines: dict[str, list[tuple[Setting, TrialResult]]] = {}
    for setting, trial in probed:
        name = arrangement.line_names[setting.line] if arrangement.x_is_number else arrangement.name_of(setting)
        lines.setdefault(name, []).append((setting, trial))
    ranked = sorted(lines.items(), key=lambda line: -_growth([setting for setting, _ in line[1]]))
    explained = ranked if len(ranked) <= _MOST_LINES else [*ranked[: _MOST_LINES - 1], ranked[-1]]
    return tuple(
        ProbedLine(
            name,
            before=_end(arrangement, *on_line[0]) if len(on_line) > 1 else None,
            after=_end(arrangement, *on_line[-1]),
        )
        for name, on_line in explained
    )


def _both_sides(arrangement: Arrangement) -> tuple[ProbedLine, ...]:
    """Return A and B of a comparison as the ends of one line, or the one of them that was probed."""
    ends = [
        End(trial, format_scalar(setting.x), format_scalar(setting.x))
        for setting in arrangement.settings
        if (trial := _probed(setting)) is not None
    ]
    return (ProbedLine("B against A", ends[0] if len(ends) > 1 else None, ends[-1]),) if ends else ()


def describe_ends(values: Sequence[tuple[str, End]], unit: str = "") -> str:
    """One value for each end; unit and title of x come once: `3 events at 0 connections and 9 at 1,000`."""
    texts = [f"{value}{unit if not number else ''}" for number, (value, _) in enumerate(values)]
    places = [end.x if number else end.where for number, (_, end) in enumerate(values)]
    return " and ".join(f"{text} at {place}" if place else text for text, place in zip(texts, places, strict=True))


def _probed(setting: Setting) -> TrialResult | None:
    """The first of the repeats that a tracer or a profiler watched."""
    for trial in setting.measured:
        syscalls, cpu = trial.probes.syscalls, trial.probes.cpu
        if (syscalls and syscalls.target) or (cpu and cpu.target and cpu.target.profiles):
            return trial
    return None


def _growth(settings: list[Setting]) -> float:
    """How many times more CPU time a request takes at the last setting than at the first; 1 where it is not known."""
    costs = [over_repeats(settings[end].measured, CPU_TOTAL.read) for end in (0, -1)]
    before, after = (found[0].median if found else 0.0 for found in costs)
    return after / before if before > 0 else 1.0


def _end(arrangement: Arrangement, setting: Setting, trial: TrialResult) -> End:
    if not arrangement.x_is_number:
        return End(trial, "", "")
    return End(trial, format_scalar(setting.x), arrangement.describe_x(setting.x))
