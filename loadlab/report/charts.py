"""What each chart of the page shows, as plain data: a point for every setting, with nothing drawn yet.

A setting without a trial that can be shown has a point without a value: a gap, never a zero.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadlab.analysis.repeats import RepeatedMeasure, over_repeats
from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.report.arrangement import Arrangement, Setting
from loadlab.results.model import Scalar, TrialResult
from loadlab.units import format_count, format_duration_ns


@dataclass(frozen=True, slots=True)
class Quantity:
    """How the values of a chart are written, in full and on a tick, and from which spread on the axis is logarithmic.

    A rate that falls shows best from zero, until the low ones lie on the axis; times are compared as multiples.
    """

    format: Callable[[float], str]
    format_tick: Callable[[float], str]
    log_from_ratio: float
    unit: str = ""

    def format_with_unit(self, value: float) -> str:
        """A value that stands alone."""
        return f"{self.format(value)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a trial: what it is called, how it is read, and whether it rests on enough samples."""

    title: str
    quantity: Quantity
    read: Callable[[TrialResult], float | None]
    is_firm: Callable[[TrialResult], bool] = lambda trial: True


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one x; `measured` is None where nothing was, `firm` says whether samples were enough."""

    x: Scalar
    measured: RepeatedMeasure | None = None
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel, with a point for each x value of the run; `index` is its colour in every chart."""

    index: int
    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[tuple[Scalar, RepeatedMeasure], ...]:
        """The points that have a value: x and what was measured there."""
        return tuple((point.x, point.measured) for point in self.points if point.measured)


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure, drawn for all lines."""

    measure: Measure
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels that are looked at together, on one y scale."""

    key: str
    title: str
    panels: tuple[Panel, ...]

    @property
    def values(self) -> Iterable[float]:
        """Every value that the y scale must reach, ends of spreads included."""
        for panel in self.panels:
            for line in panel.lines:
                for _, measured in line.measured:
                    yield from (measured.low, measured.high)


def format_rate(value: float) -> str:
    """A rate as exact as it is worth: `21,050`, `9.3`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


RATE = Quantity(format_rate, format_count, log_from_ratio=100, unit="requests/s")
TIME = Quantity(format_duration_ns, format_duration_ns, log_from_ratio=20)


def cpu_per_request_ns(trial: TrialResult) -> float | None:
    """The target's CPU time for one request, user and system together."""
    user, system = _cpu_user_ns(trial), _cpu_system_ns(trial)
    return None if user is None or system is None else user + system


def _cpu_user_ns(trial: TrialResult) -> float | None:
    return trial.target.cpu_user_ns_per_request if trial.target else None


def _cpu_system_ns(trial: TrialResult) -> float | None:
    return trial.target.cpu_system_ns_per_request if trial.target else None


def _firm_percentile(name: str) -> Callable[[TrialResult], bool]:
    def is_firm(trial: TrialResult) -> bool:
        return name in trustworthy_percentiles(trial.response_ns.count)

    return is_firm


THROUGHPUT = Measure("Requests per second", RATE, lambda trial: trial.requests_per_second)
RESPONSE_P50 = Measure("Median (p50)", TIME, lambda trial: trial.response_ns.p50, _firm_percentile("p50"))
RESPONSE_P99 = Measure("99th percentile (p99)", TIME, lambda trial: trial.response_ns.p99, _firm_percentile("p99"))
CPU_USER = Measure("User", TIME, _cpu_user_ns)
CPU_SYSTEM = Measure("System (kernel)", TIME, _cpu_system_ns)
CPU_TOTAL = Measure("User and system", TIME, cpu_per_request_ns)


def lines_of(arrangement: Arrangement, measure: Measure) -> tuple[Line, ...]:
    """Return a line for each line of the arrangement, with a point for each of its x values."""
    by_place = {(setting.line, setting.x): setting for setting in arrangement.settings}
    return tuple(
        Line(index, name, tuple(_point(x, by_place.get((index, x)), measure) for x in arrangement.x_values))
        for index, name in enumerate(arrangement.line_names)
    )


def _point(x: Scalar, setting: Setting | None, measure: Measure) -> Point:
    trials = setting.measured if setting else ()
    found = over_repeats(trials, measure.read)
    return Point(x, found[0] if found else None, firm=all(measure.is_firm(trial) for trial in trials))
