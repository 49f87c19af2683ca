"""One line of `expect`: a metric, a comparison, a bound. How it is checked against a trial: `analysis.expect`.

The metrics are the names in a trial of run.json. Which exist is known there, not here; but a name alone tells in which
unit its bound is written, by the house rule for names (`_ns`, `_bytes`).
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from loadlab.units import (
    format_count,
    format_duration_ns,
    format_size_bytes,
    parse_count,
    parse_duration_ns,
    parse_size_bytes,
)

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {
        "<=": operator.le,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        ">": operator.gt,
    }
)
_LINE: Final = re.compile(rf"\s*([A-Za-z_][\w.-]*)\s*({'|'.join(_COMPARISONS)})\s*(\S.*?)\s*")

REQUEST_METRICS: Final = "kinds.NAME."
"""How names of metrics begin that are about one request of a mix alone; NAME stands for what it is called."""


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
class ParsedExpectation:
    """`metric comparison bound`, with the bound in the unit of the metric."""

    text: str
    metric: str
    comparison: str
    bound: float

    def met_by(self, value: float) -> bool:
        """Tell whether a measured value keeps to the bound."""
        return _COMPARISONS[self.comparison](value, self.bound)


def parse_expectation(text: str) -> ParsedExpectation:
    """Read a line such as "response_ns.p99 <= 50ms"; raise ValueError with a sentence if it cannot be read."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an expectation; write it like: response_ns.p99 <= 50ms")
    metric, comparison, bound = found.groups()
    return ParsedExpectation(text, metric, comparison, Kind.of(metric).parse(bound))
