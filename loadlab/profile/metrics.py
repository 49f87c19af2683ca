"""Names of metrics, as `expect` and `plot.y` take them, and the dimension that each stands for.

A name may say whose figure it is: `kinds.nap.requests` is that of the request `nap`, `steps.browse.requests` that
of a scenario's step, `iterations.requests_per_second` that of its iterations, `checks.order accepted.failed` that of a
check. Names of requests, steps and checks may contain anything, dots too: what the name ends with is the figure.
"""

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

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

KIND_SECTION: Final = "kinds"
STEP_SECTION: Final = "steps"
ITERATION_SECTION: Final = "iterations"
CHECK_SECTION: Final = "checks"

REQUEST_METRICS: Final = f"{KIND_SECTION}.NAME."
"""The prefix of metrics of a single request; NAME stands for the request's name."""

STEP_METRICS: Final = f"{STEP_SECTION}.NAME."
CHECK_METRICS: Final = f"{CHECK_SECTION}.NAME."
ITERATION_METRICS: Final = f"{ITERATION_SECTION}."

FAILED_REQUESTS: Final = "failures"
"""The metric that counts all requests that failed; where two servers are compared, its share of all requests."""

FAILED_CHECKS: Final = "failed_checks"
"""The metric that counts the checks of a scenario that failed, all of them together."""

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


_TIMES: Final = r"(?:\w+_ns\.)?(?:p\d+(?:\.\d+)?|max|mean|count)"
_FIGURE: Final = rf"{_TIMES}|requests|requests_per_second|throughput|errors|failures|outcomes\.\w+"
_OF_KIND: Final = rf"({KIND_SECTION}|{STEP_SECTION})\.(\S.*?)\.({_FIGURE})"
_OF_CHECK: Final = rf"({CHECK_SECTION})\.(\S.*?)\.(passed|failed)"
_OF_NAME: Final = re.compile(rf"{_OF_KIND}|{_OF_CHECK}")

NAMED_METRIC_PATTERN: Final = re.sub(r"\((?!\?)", "(?:", _OF_NAME.pattern)
"""The metric of a single request, step or check, whose name may contain anything; a pattern without groups."""


class MetricName(NamedTuple):
    """A metric in its parts: the section that says whose figure it is, its name in there, and the figure.

    The section is KIND_SECTION, STEP_SECTION, ITERATION_SECTION or CHECK_SECTION, and empty for the whole trial.
    """

    section: str
    name: str
    figure: str

    @property
    def full(self) -> str:
        """The metric's name."""
        return ".".join(part for part in self if part)

    def of_any(self) -> "MetricName":
        """Return the same metric of no name in particular, as in REQUEST_METRICS."""
        return self._replace(name="NAME") if self.name else self


def split_metric(metric: str) -> MetricName:
    """Return the parts of a metric's name, the longest figure that it ends with.

    "kinds.hello.response_ns.p99" is ("kinds", "hello", "response_ns.p99"), "iterations.requests" is ("iterations", "",
    "requests"), and "response_ns.p99" is that of the whole trial. Where the end is no figure, a name ends at its first
    dot.
    """
    if found := _OF_NAME.fullmatch(metric):
        section, name, figure = filter(None, found.groups())
        return MetricName(section, name, figure)
    section, _, rest = metric.partition(".")
    match section:
        case "kinds" | "steps" | "checks":
            name, _, figure = rest.partition(".")
            return MetricName(section, name, figure)
        case "iterations" if rest:
            return MetricName(section, "", rest)
    return MetricName("", "", metric)


def full_name(metric: str) -> str:
    """Return the name of a metric in run.json, from that or a short name; raise ValueError for an unknown percentile.

    "kinds.hello.p99" is "kinds.hello.response_ns.p99".
    """
    parts = split_metric(metric)
    if re.fullmatch(r"p[0-9.]+", parts.figure) and parts.figure not in ALIASES:
        raise ValueError(f"{parts.figure} is not recorded; the percentiles are p50, p90, p99 and p99.9")
    return parts._replace(figure=ALIASES[parts.figure]).full if parts.figure in ALIASES else metric


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
        figure = split_metric(metric).figure
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
_MORE_IS_BETTER: Final = re.compile(
    r"requests|requests_per_second|.*\.(requests|requests_per_second|count|ok|alive|passed)"
)
