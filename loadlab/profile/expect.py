"""The section `expect`: bounds on the figures of each trial, or on the fitted laws of the run.

An entry is one line of text, "p99 <= 50ms", or that line with a `where` that selects some of the trials. The values
of `where` and those of the trials are compared as numbers whatever their notation, so "1k" is 1000 and "1m30s" is
"90s", as in the sweep and in run.json.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from loadlab.profile.metrics import NAMED_METRIC_PATTERN, Dimension, full_name
from loadlab.profile.values import Scalar, Section, describe
from loadlab.units import parse_count, parse_duration_ns


class Comparison(StrEnum):
    """How a value is compared with a bound. The longer signs come first, so that a pattern does not cut them short."""

    AT_MOST = "<="
    AT_LEAST = ">="
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    MORE = ">"

    def holds(self, value: float, bound: float) -> bool:
        """Return whether the value keeps to the bound."""
        return _OPERATORS[self](value, bound)


_OPERATORS: Final[Mapping[Comparison, Callable[[float, float], bool]]] = MappingProxyType(
    {
        Comparison.AT_MOST: operator.le,
        Comparison.AT_LEAST: operator.ge,
        Comparison.EQUAL: operator.eq,
        Comparison.NOT_EQUAL: operator.ne,
        Comparison.LESS: operator.lt,
        Comparison.MORE: operator.gt,
    }
)
_SIGN: Final = "|".join(Comparison)
_METRIC: Final = r"[A-Za-z_][\w.-]*"
# A name that contains anything comes first: "checks.status == 200.failed == 0" has two signs. What ends with no figure
# is read up to the first sign, so that it is a mistake in the metric and not in the line.
_FIGURE_LINES: Final = tuple(
    re.compile(rf"\s*({metric})\s*({_SIGN})\s*(\S.*?)\s*")
    for metric in (NAMED_METRIC_PATTERN, _METRIC, r"(?:kinds|steps|checks)\.\S.*?")
)
_LAW_LINE: Final = re.compile(rf"\s*(slope|exponent)\s+of\s+({_METRIC})\s+over\s+({_METRIC})\s*({_SIGN})\s*(\S.*?)\s*")
_COMPARED: Final = re.compile(rf"\s*({_SIGN})\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class FigureExpectation:
    """`metric comparison bound`, with the bound in the unit of the metric; checked for each trial."""

    metric: str
    comparison: Comparison
    bound: float

    def met_by(self, value: float) -> bool:
        """Return whether a measured value keeps to the bound."""
        return self.comparison.holds(value, self.bound)


@dataclass(frozen=True, slots=True)
class LawExpectation:
    """`slope of metric over path comparison bound`, or the exponent; checked for each law of the run."""

    term: Literal["slope", "exponent"]
    metric: str
    over: str
    comparison: Comparison
    bound: float

    def met_by(self, interval: tuple[float, float]) -> bool:
        """Return whether the whole interval keeps to the bound: what is uncertain does not count as met."""
        return all(self.comparison.holds(end, self.bound) for end in interval)

    def format(self, value: float) -> str:
        """Return a value of the term as text, with its unit."""
        return f"{value:.2f}" if self.term == "exponent" else Dimension.of(self.metric).format(value)


def parse_expectation(text: str) -> FigureExpectation | LawExpectation:
    """Read "response_ns.p99 <= 50ms", or "slope of cpu_per_request over load.idle < 1ns".

    Short names of metrics are replaced by those of run.json. Raises ValueError with a sentence for what cannot be read.
    """
    if found := _LAW_LINE.fullmatch(text):
        term, metric, over, sign, bound = found.groups()
        return _law_expectation("slope" if term == "slope" else "exponent", full_name(metric), over, sign, bound)
    if found := _match_figure(text):
        metric, sign, bound = found.groups()
        metric = full_name(metric)
        return FigureExpectation(metric, Comparison(sign), Dimension.of(metric).parse(bound))
    is_law = re.match(r"\s*(slope|exponent)\s", text)
    example = "slope of cpu_per_request over load.idle < 1ns" if is_law else "p99 <= 50ms"
    raise ValueError(f"{describe(text)} is not an expectation; write it like: {example}")


def metric_of(text: str) -> str | None:
    """Return the metric of a figure's expectation, whether or not its bound can be read; None for anything else."""
    found = None if _LAW_LINE.fullmatch(text) else _match_figure(text)
    try:
        return full_name(found[1]) if found else None
    except ValueError:
        return None


def _match_figure(text: str) -> re.Match[str] | None:
    return next((found for line in _FIGURE_LINES if (found := line.fullmatch(text))), None)


def _law_expectation(
    term: Literal["slope", "exponent"], metric: str, over: str, sign: str, bound: str
) -> LawExpectation:
    comparison = Comparison(sign)
    if comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL):
        raise ValueError(f"a fitted {term} is only known as an interval, so {sign} cannot be checked; use < or >")
    dimension = Dimension.NUMBER if term == "exponent" else Dimension.of(metric)
    return LawExpectation(term, metric, over, comparison, dimension.parse_slope(bound))


Wanted: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Selector:
    """What `where` demands at a path: a value, one of several values, or a comparison with a number."""

    wanted: Wanted

    def matches(self, value: object) -> bool:
        """Return whether a trial with this value at the path is selected."""
        return any(_matches(each, _plain(value)) for each in self._alternatives)

    def __str__(self) -> str:
        """Return the selector as it reads after its path: "is epoll or poll", "> 1000"."""
        if isinstance(self.wanted, str) and _COMPARED.fullmatch(self.wanted):
            return self.wanted.strip()
        return f"is {' or '.join(_spell(each) for each in self._alternatives)}"

    @property
    def _alternatives(self) -> tuple[Scalar, ...]:
        return self.wanted if isinstance(self.wanted, tuple) else (self.wanted,)


def read_wanted(value: object) -> Wanted:
    """Return what a selector demands, as written; raise ValueError with a sentence if it is none of the three."""
    if not isinstance(value, list | tuple):
        return _read_one(value)
    if not value:
        raise ValueError("has no values; list at least one")
    return tuple(_read_one(each) for each in value)


def _read_one(value: object) -> Scalar:
    if not isinstance(value, Scalar):
        raise ValueError(f'must be a value, a list of values or a comparison such as "> 1000", not {describe(value)}')
    compared = _COMPARED.fullmatch(value) if isinstance(value, str) else None
    orders = compared is not None and compared[1] not in (Comparison.EQUAL, Comparison.NOT_EQUAL)
    if compared is not None and orders and not isinstance(_plain(compared[2]), float):
        raise ValueError(f"{describe(value)} does not compare with a number")
    return value


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
        raise ValueError(f'must be an expectation such as "p99 <= 50ms", not {describe(entry)}')
    return entry


ExpectEntry: TypeAlias = Annotated[str | ConditionalExpectation, BeforeValidator(_read_entry)]


@dataclass(frozen=True, slots=True)
class ExpectRule:
    """An entry of `expect`, ready to be checked; `text` is the whole entry in one line.

    A path that is not swept is not among a trial's factors. What `where` demands of such a path was checked when the
    profile was loaded, and is not checked again.
    """

    text: str
    expectation: FigureExpectation | LawExpectation
    where: Mapping[str, Selector]

    def applies_to(self, factors: Mapping[str, object]) -> bool:
        """Return whether a trial, or a law, with these swept values is selected."""
        return all(selector.matches(factors[path]) for path, selector in self.where.items() if path in factors)


def rule_of(entry: str | ConditionalExpectation) -> ExpectRule:
    """Return the rule of an entry; raise ValueError with a sentence for one that cannot be read."""
    if isinstance(entry, str):
        return ExpectRule(entry, parse_expectation(entry), {})
    where = {path: Selector(wanted) for path, wanted in entry.where.items()}
    selected = " and ".join(f"{path} {selector}" for path, selector in where.items())
    return ExpectRule(f"{entry.expect} where {selected}", parse_expectation(entry.expect), where)


def _matches(wanted: Scalar, value: object) -> bool:
    compared = _COMPARED.fullmatch(wanted) if isinstance(wanted, str) else None
    if compared is None:
        return _plain(wanted) == value
    comparison, bound = Comparison(compared[1]), _plain(compared[2])
    match comparison:
        case Comparison.EQUAL:
            return value == bound
        case Comparison.NOT_EQUAL:
            return value != bound
        case _:
            return isinstance(value, float) and isinstance(bound, float) and comparison.holds(value, bound)


def _plain(value: object) -> object:
    """Return a number, whatever its unit, as a float; text, true and false stay what they are."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if not isinstance(value, str):
        return float(value)
    readers: tuple[Callable[[str], int], ...] = (parse_count, parse_duration_ns)
    for read in readers:
        try:
            return float(read(value))
        except ValueError:
            continue
    return {"true": True, "false": False}.get(value, value)


def _spell(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
