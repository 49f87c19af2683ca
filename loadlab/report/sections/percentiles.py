"""The percentile curves, and where the response time goes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import plotly.graph_objects as go

from loadlab.analysis.verdict import SAMPLES_BEYOND, trustworthy_percentiles
from loadlab.profile.load import SLOW_SENDERS
from loadlab.recording.histogram import Histogram
from loadlab.report.drawing.figure import compose_figure, escape, hover_text, mark_of
from loadlab.report.drawing.scales import percentile_position, percentile_scale, value_scale
from loadlab.report.layout import Arrangement, Setting, above_each_other, kind_names
from loadlab.report.load_model import model_suffix, models_of
from loadlab.report.measures import TIME, measure_of
from loadlab.report.sections.section import ReadLatencies, Run, Section
from loadlab.results.model import Scalar, TrialResult
from loadlab.units import format_duration_ns

Stroke = Literal["solid", "dash", "dot"]

_MOST_LINES_WITH_BOTH_ENDS: Final = 6
_MEDIAN: Final = 50.0
_MOST_LINES_NAMED: Final = 6
_MARKS_ON_CURVE: Final = 7
_SCALE: Final = (
    "On the x axis 99 % to 99.9 % is as wide as 90 % to 99 %. A curve ends where fewer than 10 requests lie beyond it."
)
_SETTING_UP: Final = {"connect": "Time to connect", "handshake": "TLS handshake"}
_PARTS: Final = ("lateness_ns", "wire_ns", "dispatch_ns")

P50S: Final = tuple(measure_of(f"{part}.p50") for part in _PARTS)
P99S: Final = tuple(measure_of(f"{part}.p99") for part in _PARTS)
CAVEAT: Final = (
    "The percentiles of the parts do not add up: the requests that were sent latest are not those that the server took "
    "longest for. Only means add up."
)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """`percentile` of all requests (0 to 100, exclusive) took at most `time_ns`."""

    percentile: float
    time_ns: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The times of one setting, repeats merged; `number` counts the curves, `chosen` is drawn at first.

    It ends where fewer than SAMPLES_BEYOND samples lie beyond.
    """

    number: int
    line: int
    x: Scalar
    name: str
    stroke: Stroke
    points: tuple[CurvePoint, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """The curves of one kind of time; all panels have a curve for the same settings, in the same order.

    `counted` is what a share is one of: requests, or connections.
    """

    title: str
    curves: tuple[Curve, ...]
    counted: str = "requests"


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
    panels, sentence = curves_of(arrangement, run.read_latencies)
    if panels:
        kinds = kind_names(run.trials)
        slow = ", without slow senders" if SLOW_SENDERS in kinds else ""
        mixed = f"All kinds of requests together{slow}. " if kinds else ""
        yield Percentiles(
            title=f"Response time by percentile{model_suffix(run.models)}",
            panels=panels,
            sentence=sentence,
            note=f"{mixed}{_SCALE}",
            line_names=arrangement.line_names,
            x_title=arrangement.x_title,
        )


def curves_of(arrangement: Arrangement, read_latencies: ReadLatencies) -> tuple[tuple[CurvePanel, ...], str]:
    """Return a panel of response times, one of service times where they differ, those of connecting where many
    connections were opened, and a sentence on the far end of x.

    There is a curve for each setting with enough responses; no panel if there is none. Chosen at first are the ends of
    each line: its lowest and highest x; of many lines only the latter.
    """
    drawable: list[tuple[Setting, dict[str, Histogram]]] = []
    for setting in arrangement.settings:
        merged = _merge(setting, read_latencies)
        if merged["response"].count >= 2 * SAMPLES_BEYOND and _known_below(setting) > _MEDIAN:
            drawable.append((setting, merged))
    if not drawable:
        return (), ""
    settings = [setting for setting, _ in drawable]

    def times(name: str) -> list[Histogram]:
        return [merged[name] for _, merged in drawable]

    panels = [CurvePanel("Response time", _curves(arrangement, settings, times("response")))]
    if "open" in models_of(trial for setting in settings for trial in setting.measured):
        panels.append(CurvePanel("Service time", _curves(arrangement, settings, times("service"))))
    for name, title in _SETTING_UP.items():
        if any(histogram.count >= 2 * SAMPLES_BEYOND for histogram in times(name)):
            panels.append(CurvePanel(title, _curves(arrangement, settings, times(name), whole=True), "connections"))
    # Names on x have no far end: each stands for itself.
    described = {
        (setting.line, None if arrangement.x_is_number else setting.x): (setting, merged["response"])
        for setting, merged in drawable
    }
    return tuple(panels), _describe(arrangement, described.values())


def draw_curves(panels: Sequence[CurvePanel]) -> tuple[go.Figure, ...]:
    """Return the HDR plot of each panel, time over percentile: a trace for each curve, all panels on the same axes."""
    points = [point for panel in panels for curve in panel.curves for point in curve.points]
    x_scale = percentile_scale(max(point.percentile for point in points))
    y_scale = value_scale([point.time_ns for point in points], TIME)
    return tuple(
        compose_figure([_trace(curve) for curve in panel.curves], x_scale, y_scale, f"of all {panel.counted}")
        for panel in panels
    )


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


def _merge(setting: Setting, read_latencies: ReadLatencies) -> dict[str, Histogram]:
    """Return the times of all repeats that are drawn, by name."""
    found: dict[str, list[Histogram]] = {name: [] for name in ("response", "service", *_SETTING_UP)}
    for trial in setting.measured:
        latencies = read_latencies(trial.id)
        for name, histograms in found.items():
            if (histogram := latencies.get(name)) is not None:
                histograms.append(histogram)
    return {name: _sum(histograms) for name, histograms in found.items()}


def _sum(histograms: Sequence[Histogram]) -> Histogram:
    if len(histograms) == 1:
        return histograms[0]
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged


def _curves(
    arrangement: Arrangement, settings: Sequence[Setting], histograms: Iterable[Histogram], whole: bool = False
) -> tuple[Curve, ...]:
    """Return the curve of each setting; with `whole` it does not end where the response times are too low."""
    of_line: dict[int, list[Setting]] = {}
    for setting in settings:
        of_line.setdefault(setting.line, []).append(setting)
    first = 0 if len(of_line) <= _MOST_LINES_WITH_BOTH_ENDS else -1
    ends = [end for on_line in of_line.values() for end in (on_line[first], on_line[-1])]
    return tuple(
        Curve(
            number=number,
            line=setting.line,
            x=setting.x,
            name=arrangement.name_of(setting),
            stroke=_stroke(arrangement, setting.x),
            points=tuple(_points(histogram, 100.0 if whole else _known_below(setting))),
            chosen=any(setting is end for end in ends),
        )
        for number, (setting, histogram) in enumerate(zip(settings, histograms, strict=True))
    )


def _stroke(arrangement: Arrangement, x: Scalar) -> Stroke:
    """The highest x is solid and the lowest dotted, in all lines alike."""
    if x == arrangement.x_values[-1]:
        return "solid"
    return "dot" if x == arrangement.x_values[0] else "dash"


def _known_below(setting: Setting) -> float:
    """Return the lowest percentile that is known to be too low in any of its trials."""
    too_low = [float(name.removeprefix("p")) for trial in setting.measured for name in trial.response_ns.too_low]
    return min(too_low, default=100.0)


def _points(histogram: Histogram, known_below: float) -> Iterable[CurvePoint]:
    for point in histogram.percentile_curve():
        if histogram.count * (1 - point.percentile / 100) < SAMPLES_BEYOND or point.percentile >= known_below:
            return
        yield CurvePoint(point.percentile, point.value_ns)


def _describe(arrangement: Arrangement, settings: Iterable[tuple[Setting, Histogram]]) -> str:
    described: list[tuple[int, str]] = []
    for setting, response in settings:
        values = response.values_at([50.0, 99.0])
        p50, p99 = format_duration_ns(values[50.0]), format_duration_ns(values[99.0])
        name, known_below = arrangement.name_of(setting) or "the target", _known_below(setting)
        if known_below <= 99:
            p99s = "(the window was too short for p99)"
        elif "p99" in trustworthy_percentiles(response.count):
            p99s = f"and {p99}"
        else:
            p99s = "(too few requests for p99)"
        described.append((values[99.0], f"{name} {p50} {p99s}"))
    if not described:
        return ""
    rest = ""
    if len(described) > _MOST_LINES_NAMED:
        described = [min(described), max(described)]
        rest = " These are the fastest and the slowest at p99."
    return f"Median and p99: {'; '.join(text for _, text in described)}.{rest}"


def _trace(curve: Curve) -> go.Scatter:
    mark = mark_of(curve.line)
    return go.Scatter(
        x=[percentile_position(point.percentile) for point in curve.points],
        y=[point.time_ns for point in curve.points],
        mode="lines+markers",
        name=escape(curve.name),
        line={"dash": curve.stroke, "width": 2},
        marker={"size": 7, "symbol": mark.symbol, "maxdisplayed": _MARKS_ON_CURVE},
        hoverinfo="text",
        hovertext=[
            hover_text(curve.name, f"{point.percentile:.6g} % within {format_duration_ns(point.time_ns)}")
            for point in curve.points
        ],
        visible=curve.chosen,
        meta={"line": curve.line, "colour": mark.colour},
    )


def _mean(trial: TrialResult) -> float:
    return trial.response_ns.mean or 0.0
