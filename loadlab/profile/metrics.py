"""Names of metrics, as `expect` and `plot.y` take them, and the dimension that each stands for."""

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from loadlab.units import (
    FRACTION_PATTERN,
    WHOLE_PATTERN,
    format_count,
    format_duration_ns,
    format_size_bytes,
    parse_duration_ns,
    parse_number,
    parse_size_bytes,
    quote,
)

REQUEST_METRICS: Final = "kinds.NAME."
"""The prefix of metrics of a single request of a mix; NAME stands for the request's name."""

FAILED_REQUESTS: Final = "failures"
"""The metric that counts all requests that failed; where two servers are compared, its share of all requests."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "p50": "response_ns.p50",
        "p90": "response_ns.p90",
        "p99": "response_ns.p99",
        "p99.9": "response_ns.p99.9",
        "errors": FAILED_REQUESTS,
        "throughput": "requests_per_second",
        "cpu_per_request": "target.cpu_ns_per_request",
    }
)
"""Short names of the metrics that are used most."""


def split_metric(metric: str) -> tuple[str | None, str]:
    """Return the name of the request that a metric is about, None for all requests together, and the figure.

    "kinds.hello.response_ns.p99" is ("hello", "response_ns.p99").
    """
    section, _, rest = metric.partition(".")
    name, _, figure = rest.partition(".")
    return (name, figure) if section == "kinds" else (None, metric)


def full_name(metric: str) -> str:
    """Return the name of a metric in run.json, from that or a short name; raise ValueError for an unknown percentile.

    "kinds.hello.p99" is "kinds.hello.response_ns.p99".
    """
    request, figure = split_metric(metric)
    if re.fullmatch(r"p[0-9.]+", figure) and figure not in ALIASES:
        raise ValueError(f"{figure} is not recorded; the percentiles are p50, p90, p99 and p99.9")
    full = ALIASES.get(figure, figure)
    return full if request is None else f"kinds.{request}.{full}"


def more_is_better(metric: str) -> bool:
    """Return whether a higher figure is the better one: of throughput and counts of what went well."""
    return _MORE_IS_BETTER.fullmatch(metric) is not None


class Dimension(Enum):
    """What a metric measures, and therefore the unit of its bound."""

    DURATION = "duration"
    SIZE = "size"
    NUMBER = "number"

    @classmethod
    def of(cls, metric: str) -> "Dimension":
        """Return a metric's dimension by its name: `response_ns.p99` is a duration, `response_ns.count` a number."""
        _request_name, figure = split_metric(metric)
        if figure.endswith(".count"):
            return cls.NUMBER
        if re.search(r"_ns(\b|_)", figure):
            return cls.DURATION
        if re.search(r"(\b|_)bytes(\b|_)", figure):
            return cls.SIZE
        return cls.NUMBER

    def parse(self, text: str) -> float:
        """Return a bound in ns, bytes, or as a plain number; raise ValueError with a sentence."""
        match self:
            case Dimension.DURATION:
                return parse_duration_ns(text)
            case Dimension.SIZE:
                return parse_size_bytes(text)
            case Dimension.NUMBER:
                return parse_number(text)

    def parse_slope(self, text: str) -> float:
        """Return a bound on a slope, which may be negative or a fraction of a nanosecond."""
        found = _SLOPE_BOUND.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{quote(text)} is not a bound on a slope; write it like {self.format(1)} or {self.format(-0.5)}"
            )
        number, unit = found.groups()
        if float(number) == 0:
            return 0.0
        if not unit and self is not Dimension.NUMBER:
            raise ValueError(f"{quote(text)} has no unit; write {text}{'ns' if self is Dimension.DURATION else 'B'}")
        return float(number) * self.parse(f"1{unit}")

    def format(self, value: float) -> str:
        """Return a measured value with its unit, to three digits."""
        match self:
            case Dimension.DURATION:
                return format_duration_ns(value)
            case Dimension.SIZE:
                return format_size_bytes(value)
            case Dimension.NUMBER:
                return format_count(value)


_SLOPE_BOUND: Final = re.compile(rf"(-?{WHOLE_PATTERN}(?:{FRACTION_PATTERN})?) ?([A-Za-zµμ]*)")
_MORE_IS_BETTER: Final = re.compile(r"requests|requests_per_second|.*\.(requests|requests_per_second|count|ok|alive)")
