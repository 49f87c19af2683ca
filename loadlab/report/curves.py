"""Percentile curves as data: the times of each setting, with the 95 % intervals that its rounds give them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from loadlab.analysis.uncertainty import percentiles_over
from loadlab.analysis.verdict import SAMPLES_BEYOND
from loadlab.recording.histogram import Histogram
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.load_model import models_of
from loadlab.report.scenario import has_scenario
from loadlab.results.trial import Scalar

ReadLatencies: TypeAlias = Callable[[str], Mapping[str, Histogram]]
"""Returns the histograms of a trial by its id, as RunDirectory.read_latencies does."""

ReadRounds: TypeAlias = Callable[[str, str], Sequence[Histogram]]
"""Returns a metric's histogram in each round of a trial by its id, as RunDirectory.read_latency_rounds does."""

Weight = Literal["thin", "medium", "bold"]

_MOST_LINES_WITH_BOTH_ENDS: Final = 6
_MEDIAN: Final = 50.0
_POINTS_PER_BAND_POINT: Final = 3
# A band takes 40 ms. Of more curves than this only those that are drawn at first have one.
_MOST_BANDS: Final = 16
_OF_STREAMS: Final = ("first", "gap")
_SETTING_UP: Final = {"connect": "Time to connect", "handshake": "TLS handshake", "upgrade": "WebSocket upgrade"}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """`percentile` of all requests (0 to 100, exclusive) took at most `time_ns`."""

    percentile: float
    time_ns: int


@dataclass(frozen=True, slots=True)
class BandPoint:
    """The 95 % interval of the time at `percentile`."""

    percentile: float
    low_ns: float
    high_ns: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The times of one setting, repeats merged; `number` counts the curves, `chosen` is drawn at first.

    It ends where fewer than SAMPLES_BEYOND samples lie beyond. `band` is empty where there were too few rounds.
    `weight` is where the setting is on x: thin at the first place, bold at the last.
    """

    number: int
    line: int
    x: Scalar
    name: str
    weight: Weight
    points: tuple[CurvePoint, ...]
    chosen: bool
    band: tuple[BandPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """The curves of one kind of time; all panels have a curve for the same settings, in the same order.

    `counted` is what a share is one of: requests, say, or connections. With `is_apart` its times are of another size
    than those of the other panels.
    """

    title: str
    curves: tuple[Curve, ...]
    counted: str = "requests"
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """The times of the first panel of one setting, repeats merged."""

    setting: Setting
    times: Histogram


BandOf: TypeAlias = Callable[[Setting, Sequence[CurvePoint]], tuple[BandPoint, ...]]


def curves_of(
    arrangement: Arrangement, read_rounds: ReadRounds
) -> tuple[tuple[CurvePanel, ...], tuple[Distribution, ...]]:
    """Return the panels, first that of response times, and its times at the far end of x of each line.

    Where events say when they were sent, how long they were under way comes first. Service times follow where they
    differ, then when streams began and how far their pieces lie apart, then the times of connecting where many
    connections were opened. There is a curve for each setting with enough responses; no panel if there is none. Chosen
    at first are the ends of each line: its lowest and highest x; of many lines only the latter.
    """
    words = arrangement.words
    trials = [trial for setting in arrangement.settings for trial in setting.measured]
    # Requests of a scenario are due when they are sent, so their two times are one.
    is_open = "open" in models_of(trials) and not has_scenario(trials)
    # Reading is most of the work: in a closed model service times are the response times again.
    names = ("delay", "response", *(["service"] if is_open else []), *_OF_STREAMS, *_SETTING_UP)
    drawable: list[tuple[Setting, dict[str, Histogram]]] = []
    for setting in arrangement.settings:
        merged = {name: _merge(setting, name, read_rounds) for name in names}
        if merged["response"].count >= 2 * SAMPLES_BEYOND and known_below(setting) > _MEDIAN:
            drawable.append((setting, merged))
    if not drawable:
        return (), ()
    settings = [setting for setting, _ in drawable]

    def panel(name: str, title: str, counted: str = words.many, whole: bool = False) -> CurvePanel:
        def band_of(setting: Setting, points: Sequence[CurvePoint]) -> tuple[BandPoint, ...]:
            return _band(setting, points, lambda trial: read_rounds(trial, name))

        histograms = [merged[name] for _, merged in drawable]
        band = _no_band if name in _SETTING_UP else band_of
        return CurvePanel(title, _curves(arrangement, settings, histograms, band, whole), counted, name == "delay")

    def has(name: str) -> bool:
        return any(merged[name].count >= 2 * SAMPLES_BEYOND for _, merged in drawable)

    panels = [panel("delay", "Delivery delay", whole=True)] if has("delay") else []
    main = "delay" if panels else "response"
    panels.append(panel("response", words.time))
    if is_open:
        panels.append(panel("service", "Service time"))
    for name, title in {"first": f"Time to the {words.first}", "gap": f"Time between {words.pieces}"}.items():
        # Of events it is the time between them again.
        if has(name) and not (words.pushed and name == "gap"):
            panels.append(panel(name, title, "streams" if name == "first" else words.pieces, whole=True))
    panels += [panel(name, title, "connections", whole=True) for name, title in _SETTING_UP.items() if has(name)]
    # Names on x have no far end: each stands for itself.
    far = {
        (setting.line, None if arrangement.x_is_number else setting.x): Distribution(setting, merged[main])
        for setting, merged in drawable
    }
    return tuple(panels), tuple(far.values())


def known_below(setting: Setting) -> float:
    """Return the lowest percentile of response times that is known to be too low in any of its trials."""
    too_low = [float(name.removeprefix("p")) for trial in setting.measured for name in trial.response_ns.too_low]
    return min(too_low, default=100.0)


def _merge(setting: Setting, name: str, read_rounds: ReadRounds) -> Histogram:
    """Return one kind of time of all repeats that are drawn."""
    histograms = [histogram for trial in setting.measured for histogram in read_rounds(trial.id, name)]
    if len(histograms) == 1:
        return histograms[0]
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged


def _no_band(_setting: Setting, _points: Sequence[CurvePoint]) -> tuple[BandPoint, ...]:
    return ()


def _curves(
    arrangement: Arrangement,
    settings: Sequence[Setting],
    histograms: Iterable[Histogram],
    band_of: BandOf = _no_band,
    whole: bool = False,
) -> tuple[Curve, ...]:
    """Return the curve of each setting; with `whole` it does not end where the response times are too low."""
    of_line: dict[int, list[Setting]] = {}
    for setting in settings:
        of_line.setdefault(setting.line, []).append(setting)
    first = 0 if len(of_line) <= _MOST_LINES_WITH_BOTH_ENDS else -1
    ends = [end for on_line in of_line.values() for end in (on_line[first], on_line[-1])]
    curves = []
    for number, (setting, histogram) in enumerate(zip(settings, histograms, strict=True)):
        points = tuple(_points(histogram, 100.0 if whole else known_below(setting)))
        chosen = any(setting is end for end in ends)
        curves.append(
            Curve(
                number=number,
                line=setting.line,
                x=setting.x,
                name=arrangement.name_of(setting),
                weight=_weight(arrangement, setting.x),
                points=points,
                chosen=chosen,
                band=band_of(setting, points) if chosen or len(settings) <= _MOST_BANDS else (),
            )
        )
    return tuple(curves)


def _weight(arrangement: Arrangement, x: Scalar) -> Weight:
    """The same at each x, in all lines."""
    if x == arrangement.x_values[-1]:
        return "bold"
    return "thin" if x == arrangement.x_values[0] else "medium"


def _band(
    setting: Setting, points: Sequence[CurvePoint], read: Callable[[str], Sequence[Histogram]]
) -> tuple[BandPoint, ...]:
    """The intervals at some of the points, by the rounds of all repeats; empty where there are none."""
    if not points or not all(trial.rounds for trial in setting.measured):
        return ()
    rounds = [histogram for trial in setting.measured for histogram in read(trial.id)]
    some = [point.percentile for point in (*points[:-1:_POINTS_PER_BAND_POINT], points[-1])]
    found = percentiles_over(rounds, some)
    return tuple(BandPoint(percentile, each.low, each.high) for percentile, each in found.items())


def _points(histogram: Histogram, known_below: float) -> Iterable[CurvePoint]:
    for point in histogram.percentile_curve():
        if histogram.count * (1 - point.percentile / 100) < SAMPLES_BEYOND or point.percentile >= known_below:
            return
        yield CurvePoint(point.percentile, point.value_ns)
