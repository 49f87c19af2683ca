"""One line of `expect`: a figure of each trial, or a law of the whole run, a comparison, a bound.

The figures are the names in a trial of run.json, the laws are fitted by `analysis.scaling`; both are known there, not
here. But a name alone tells in which unit its bound is written, by the house rule for names (`_ns`, `_bytes`). How an
expectation is checked: `analysis.expect`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

from loadlab.profile.comparison import COMPARISON_PATTERN, Comparison
from loadlab.units import (
    format_count,
    format_duration_ns,
    format_size_bytes,
    parse_count,
    parse_duration_ns,
    parse_size_bytes,
)

REQUEST_METRICS: Final = "kinds.NAME."
"""How names of metrics begin that are about one request of a mix alone; NAME stands for what it is called."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "p50": "response_ns.p50",
        "p90": "response_ns.p90",
        "p99": "response_ns.p99",
        "p99.9": "response_ns.p99.9",
        "errors": "failures",
        "throughput": "requests_per_second",
        "cpu_per_request": "target.cpu_ns_per_request",
    }
)
"""The short names that people use, of the metrics that they ask for most."""

_METRIC: Final = r"[A-Za-z_][\w.-]*"
_FIGURE_LINE: Final = re.compile(rf"\s*({_METRIC})\s*({COMPARISON_PATTERN})\s*(\S.*?)\s*")
_LAW_LINE: Final = re.compile(
    rf"\s*(slope|exponent)\s+of\s+({_METRIC})\s+over\s+({_METRIC})\s*({COMPARISON_PATTERN})\s*(\S.*?)\s*"
)
_SLOPE_BOUND: Final = re.compile(r"(-?\d+(?:\.\d+)?) ?([A-Za-zµμ]*)")


def split_metric(metric: str) -> tuple[str | None, str]:
    """Return the name of the request that a metric is about, None for that of all requests, and the figure.

    "kinds.hello.response_ns.p99" is ("hello", "response_ns.p99").
    """
    section, _, rest = metric.partition(".")
    name, _, figure = rest.partition(".")
    return (name, figure) if section == "kinds" else (None, metric)


class Kind(Enum):
    """What a metric counts, and so how its bound is written."""

    DURATION = "duration"
    SIZE = "size"
    NUMBER = "number"

    @classmethod
    def of(cls, metric: str) -> "Kind":
        """Return the kind of a metric by its name: `response_ns.p99` is a duration, `response_ns.count` a number."""
        _request_name, figure = split_metric(metric)
        if figure.endswith(".count"):
            return cls.NUMBER
        if re.search(r"_ns(\b|_)", figure):
            return cls.DURATION
        if re.search(r"(\b|_)bytes(\b|_)", figure):
            return cls.SIZE
        return cls.NUMBER

    def parse(self, text: str) -> float:
        """Return a bound of this kind as a number of ns, bytes, or things; raise ValueError with a sentence."""
        match self:
            case Kind.DURATION:
                return parse_duration_ns(text)
            case Kind.SIZE:
                return parse_size_bytes(text)
            case Kind.NUMBER:
                return float(text) if re.fullmatch(r"\d+\.\d+", text) else parse_count(text)

    def parse_slope(self, text: str) -> float:
        """Return a bound on a slope of this kind: it may be negative, and a fraction of a nanosecond."""
        found = _SLOPE_BOUND.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no bound on a slope; write it like {self.format(1)} or {self.format(-0.5)}")
        number, unit = found.groups()
        if float(number) == 0:
            return 0.0
        if not unit and self is not Kind.NUMBER:
            raise ValueError(f"{text!r} has no unit; write {text}{'ns' if self is Kind.DURATION else 'B'}")
        return float(number) * self.parse(f"1{unit}")

    def format(self, value: float) -> str:
        """Return a measured value of this kind for people."""
        match self:
            case Kind.DURATION:
                return format_duration_ns(value)
            case Kind.SIZE:
                return format_size_bytes(value)
            case Kind.NUMBER:
                return format_count(value)


@dataclass(frozen=True, slots=True)
class FigureExpectation:
    """`metric comparison bound`, with the bound in the unit of the metric; each trial is checked for it."""

    metric: str
    comparison: Comparison
    bound: float

    def met_by(self, value: float) -> bool:
        """Tell whether a measured value keeps to the bound."""
        return self.comparison.holds(value, self.bound)


@dataclass(frozen=True, slots=True)
class LawExpectation:
    """`slope of metric over path comparison bound`, or the exponent; each law of the run is checked for it."""

    term: Literal["slope", "exponent"]
    metric: str
    over: str
    comparison: Comparison
    bound: float

    def met_by(self, interval: tuple[float, float]) -> bool:
        """Tell whether all of an interval keeps to the bound: what is uncertain does not count as met."""
        return all(self.comparison.holds(end, self.bound) for end in interval)

    def format(self, value: float) -> str:
        """Return a value of the term for people."""
        return f"{value:.2f}" if self.term == "exponent" else Kind.of(self.metric).format(value)


def parse_expectation(text: str) -> FigureExpectation | LawExpectation:
    """Read "response_ns.p99 <= 50ms", or "slope of cpu_per_request over load.idle < 1ns".

    Short names of metrics are replaced by those of run.json. Raises ValueError with a sentence for what cannot be read.
    """
    if found := _LAW_LINE.fullmatch(text):
        term, metric, over, sign, bound = found.groups()
        return _law_expectation("slope" if term == "slope" else "exponent", _full_name(metric), over, sign, bound)
    if found := _FIGURE_LINE.fullmatch(text):
        metric, sign, bound = found.groups()
        metric = _full_name(metric)
        return FigureExpectation(metric, Comparison(sign), Kind.of(metric).parse(bound))
    is_law = re.match(r"\s*(slope|exponent)\s", text)
    example = "slope of cpu_per_request over load.idle < 1ns" if is_law else "p99 <= 50ms"
    raise ValueError(f"{text!r} is not an expectation; write it like: {example}")


def _law_expectation(
    term: Literal["slope", "exponent"], metric: str, over: str, sign: str, bound: str
) -> LawExpectation:
    comparison = Comparison(sign)
    if comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL):
        raise ValueError(f"a fitted {term} is known to within an interval, so {sign} tells nothing; write < or >")
    kind = Kind.NUMBER if term == "exponent" else Kind.of(metric)
    return LawExpectation(term, metric, over, comparison, kind.parse_slope(bound))


def _full_name(metric: str) -> str:
    request, figure = split_metric(metric)
    if re.fullmatch(r"p[\d.]+", figure) and figure not in ALIASES:
        raise ValueError(f"{figure} is not among the percentiles that are kept: p50, p90, p99 and p99.9")
    full = ALIASES.get(figure, figure)
    return full if request is None else f"kinds.{request}.{full}"
