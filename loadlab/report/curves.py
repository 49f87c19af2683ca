"""The percentile curves: how long the fastest half, the slowest tenth, and the slowest thousandth waited."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from loadlab.analysis.verdict import SAMPLES_BEYOND
from loadlab.recording.histogram import Histogram
from loadlab.report.arrangement import Arrangement, Setting
from loadlab.results.model import Scalar
from loadlab.units import format_duration_ns

Stroke = Literal["solid", "dash", "dot"]

_MOST_LINES_WITH_BOTH_ENDS = 6
_MOST_LINES_TOLD = 6


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """`percentile` of all requests (0 to 100, exclusive) took at most `response_ns`."""

    percentile: float
    response_ns: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The response times of one setting, repeats merged; `number` counts the curves, `chosen` is drawn at first.

    It ends where fewer than SAMPLES_BEYOND samples lie beyond.
    """

    number: int
    line: int
    x: Scalar
    name: str
    stroke: Stroke
    points: tuple[CurvePoint, ...]
    chosen: bool


def curves_of(
    arrangement: Arrangement, read_latencies: Callable[[str], Mapping[str, Histogram]]
) -> tuple[tuple[Curve, ...], str]:
    """Return a curve for each setting that has one, and the sentence on the chosen ones at the far end of x.

    Chosen at first are the ends of each line: its lowest and highest x; of many lines only the latter.
    """
    drawable: list[tuple[Setting, Histogram]] = []
    for setting in arrangement.settings:
        response = _merged_response(setting, read_latencies)
        if response.count >= 2 * SAMPLES_BEYOND:
            drawable.append((setting, response))
    of_line: dict[int, list[Setting]] = {}
    for setting, _ in drawable:
        of_line.setdefault(setting.line, []).append(setting)
    first = 0 if len(of_line) <= _MOST_LINES_WITH_BOTH_ENDS else -1
    ends = [end for settings in of_line.values() for end in (settings[first], settings[-1])]
    curves = tuple(
        Curve(
            number=number,
            line=setting.line,
            x=setting.x,
            name=arrangement.name_of(setting),
            stroke=_stroke(arrangement, setting.x),
            points=tuple(_points(response)),
            chosen=any(setting is end for end in ends),
        )
        for number, (setting, response) in enumerate(drawable)
    )
    far_ends = [(setting, response) for setting, response in drawable if setting is of_line[setting.line][-1]]
    return curves, _describe(arrangement, far_ends)


def _merged_response(setting: Setting, read_latencies: Callable[[str], Mapping[str, Histogram]]) -> Histogram:
    merged = Histogram()
    for trial in setting.measured:
        response = read_latencies(trial.id).get("response")
        if response:
            merged.merge(response)
    return merged


def _stroke(arrangement: Arrangement, x: Scalar) -> Stroke:
    """The highest x is solid and the lowest dotted, in all lines alike."""
    if x == arrangement.x_values[-1]:
        return "solid"
    return "dot" if x == arrangement.x_values[0] else "dash"


def _points(histogram: Histogram) -> Iterable[CurvePoint]:
    for point in histogram.percentile_curve():
        if histogram.count * (1 - point.percentile / 100) < SAMPLES_BEYOND:
            return
        yield CurvePoint(point.percentile, point.value_ns)


def _describe(arrangement: Arrangement, far_ends: Iterable[tuple[Setting, Histogram]]) -> str:
    told: list[tuple[int, str]] = []
    for setting, response in far_ends:
        values = response.values_at([50.0, 99.0])
        p50, p99 = format_duration_ns(values[50.0]), format_duration_ns(values[99.0])
        name = arrangement.name_of(setting) or "the target"
        told.append((values[99.0], f"{name} {p50} and {p99}"))
    if not told:
        return ""
    rest = ""
    if len(told) > _MOST_LINES_TOLD:
        told = [min(told), max(told)]
        rest = " These are the fastest and the slowest by their 99 %."
    return f"Half of all requests, and 99 % of them, were answered within: {'; '.join(text for _, text in told)}.{rest}"
