"""The section `expect`: figures of each trial, or laws of the whole run, each against a bound."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from loadlab.profile.values import COMPARISON_PATTERN, Comparison, Section, describe
from loadlab.profile.where import Condition, Wanted, read_wanted
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


def _check_text(text: str) -> str:
    parse_expectation(text)
    return text


def _check_where(where: object) -> object:
    if not isinstance(where, dict):
        raise ValueError(f"must be a mapping of paths to values, such as {{load.idle: 1000}}, not {describe(where)}")
    return where


class ConditionalExpectation(Section):
    """An expectation on some of the trials, or some of the laws."""

    expect: Annotated[str, AfterValidator(_check_text)] = Field(
        description='What must be met, such as "p99 <= 50ms" or "slope of cpu_per_request over load.idle < 1ns".'
    )
    where: Annotated[
        dict[str, Annotated[Wanted, BeforeValidator(read_wanted)]], Field(min_length=1), BeforeValidator(_check_where)
    ] = Field(
        description='Paths of the profile, each with a value, a list of values, or a comparison such as "> 1000".'
    )


def _read_entry(entry: object) -> object:
    if isinstance(entry, dict):
        return ConditionalExpectation.model_validate(entry)
    if isinstance(entry, str):
        return _check_text(entry)
    if not isinstance(entry, ConditionalExpectation):
        raise ValueError(f"must be text, not {describe(entry)}; put it in quotes if it is meant as text")
    return entry


ExpectEntry: TypeAlias = Annotated[str | ConditionalExpectation, BeforeValidator(_read_entry)]


@dataclass(frozen=True, slots=True)
class ExpectRule:
    """What an entry demands, `text` in one line. A path that is not swept stands in no trial's factors.

    What `where` asks of such a path was held against the profile when it was loaded, and is not asked again.
    """

    text: str
    expectation: FigureExpectation | LawExpectation
    where: Mapping[str, Condition]

    def applies_to(self, factors: Mapping[str, object]) -> bool:
        """Tell whether a trial, or a law, with these swept values is meant."""
        return all(condition.holds(factors[path]) for path, condition in self.where.items() if path in factors)


def rule_of(entry: str | ConditionalExpectation) -> ExpectRule:
    """Return the rule of an entry; raise ValueError with a sentence for one that cannot be read."""
    if isinstance(entry, str):
        return ExpectRule(entry, parse_expectation(entry), {})
    where = {path: Condition(wanted) for path, wanted in entry.where.items()}
    told = " and ".join(f"{path} {condition}" for path, condition in where.items())
    return ExpectRule(f"{entry.expect} where {told}", parse_expectation(entry.expect), where)
