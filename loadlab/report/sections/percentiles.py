"""The percentile curves, and where the response time goes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import plotly.graph_objects as go

from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.profile.load import SLOW_SENDERS
from loadlab.report.curves import CurvePanel, Distribution, curves_of, known_below
from loadlab.report.drawing.curves import draw_curves
from loadlab.report.layout import Arrangement, above_each_other, kind_names
from loadlab.report.load_model import model_suffix
from loadlab.report.measures import measure_of
from loadlab.report.sections.section import Run, Section
from loadlab.results.trial import TrialResult
from loadlab.units import format_duration_ns

_MOST_LINES_NAMED: Final = 6
_SCALE: Final = (
    "On the x axis 99 % to 99.9 % is as wide as 90 % to 99 %. A curve ends where fewer than 10 {many} lie beyond it."
)
_PARTS: Final = ("lateness_ns", "wire_ns", "dispatch_ns")

P50S: Final = tuple(measure_of(f"{part}.p50") for part in _PARTS)
P99S: Final = tuple(measure_of(f"{part}.p99") for part in _PARTS)
CAVEAT: Final = (
    "The percentiles of the parts do not add up: what was sent latest is not what the server took "
    "longest for. Only means add up."
)


@dataclass(frozen=True, slots=True)
class Percentiles(Section):
    """The panels, what they show in words, and how to read them."""

    title: str
    panels: tuple[CurvePanel, ...]
    sentence: str
    note: str
    line_names: tuple[str, ...]
    x_title: str
    template: ClassVar[str] = "percentiles.html"

    def draw(self) -> dict[str, go.Figure]:
        """Return a figure for each panel."""
        return {f"curves-{number}": figure for number, figure in enumerate(draw_curves(self.panels))}


def sections_of(run: Run) -> Iterator[Percentiles]:
    """Yield the section if any setting has enough responses for a curve."""
    arrangement = above_each_other(run.arrangement)
    panels, far = curves_of(arrangement, run.read_rounds)
    if panels:
        kinds = kind_names(run.trials)
        slow = ", without slow senders" if SLOW_SENDERS in kinds else ""
        words = run.words
        mixed = f"All kinds of {words.message}s together{slow}. " if kinds else ""
        yield Percentiles(
            title=f"{panels[0].title} by percentile{model_suffix(run.models)}",
            panels=panels,
            sentence=describe_far(arrangement, far),
            note=f"{mixed}{words.fill(_SCALE)}{_describe_bands(panels[0])}",
            line_names=arrangement.line_names,
            x_title=arrangement.x_title,
        )


def _describe_bands(panel: CurvePanel) -> str:
    if not any(curve.band for curve in panel.curves):
        return ""
    some = "" if all(curve.band for curve in panel.curves) else ", which the curves have that are shown at first"
    return f" Bands are 95 % intervals{some}."


def describe_far(arrangement: Arrangement, distributions: Iterable[Distribution]) -> str:
    """Give the median and p99 of each; of many only the fastest and the slowest."""
    described: list[tuple[int, str]] = []
    for each in distributions:
        values = each.times.values_at([50.0, 99.0])
        p50, p99 = format_duration_ns(values[50.0]), format_duration_ns(values[99.0])
        name = arrangement.name_of(each.setting) or "the target"
        if known_below(each.setting) <= 99:
            p99s = "(the window was too short for p99)"
        elif "p99" in trustworthy_percentiles(each.times.count):
            p99s = f"and {p99}"
        else:
            p99s = f"(too few {arrangement.words.many} for p99)"
        described.append((values[99.0], f"{name} {p50} {p99s}"))
    if not described:
        return ""
    rest = ""
    if len(described) > _MOST_LINES_NAMED:
        described = [min(described), max(described)]
        rest = " These are the fastest and the slowest at p99."
    return f"Median and p99: {'; '.join(text for _, text in described)}.{rest}"


def describe_slowest(arrangement: Arrangement) -> str:
    """Say what the mean response time is made of where it is highest; empty where no trial has the parts."""
    split = [
        (_mean(trial), arrangement.name_of(setting), trial)
        for setting in arrangement.settings
        for trial in setting.measured
        if trial.wire_ns.mean is not None
    ]
    if not split:
        return ""
    mean_ns, name, trial = max(split, key=lambda each: each[0])
    lateness, wire, dispatch = (
        format_duration_ns(part.mean or 0.0) for part in (trial.lateness_ns, trial.wire_ns, trial.dispatch_ns)
    )
    where = f" ({name})" if name else ""
    return (
        f"The highest mean response time{where} is {format_duration_ns(mean_ns)}: {lateness} of lateness, {wire} of "
        f"server and wire, and {dispatch} of dispatch."
    )


def _mean(trial: TrialResult) -> float:
    return trial.response_ns.mean or 0.0
