"""What `where` asks of a path: a value, one of several, or a comparison, held against the trials' own values.

Both sides are read by what is written, so "1k" is 1000 and "1m30s" is "90s", as in the sweep and in run.json.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from loadlab.profile.values import COMPARISON_PATTERN, Comparison, Scalar, describe
from loadlab.units import parse_count, parse_duration_ns

Wanted: TypeAlias = Scalar | tuple[Scalar, ...]

_COMPARISON: Final = re.compile(rf"\s*({COMPARISON_PATTERN})\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """`<path> is <value>`, or one of several values, or a comparison with a number. As text, it follows its path."""

    wanted: Wanted

    def holds(self, value: object) -> bool:
        """Tell whether a trial with this value at the path is meant."""
        wanted = self.wanted if isinstance(self.wanted, tuple) else (self.wanted,)
        return any(_matches(each, _plain(value)) for each in wanted)

    def __str__(self) -> str:
        if isinstance(self.wanted, str) and _COMPARISON.fullmatch(self.wanted):
            return self.wanted.strip()
        wanted = self.wanted if isinstance(self.wanted, tuple) else (self.wanted,)
        return f"is {' or '.join(_spell(each) for each in wanted)}"


def read_wanted(value: object) -> Wanted:
    """Return what a condition is written as; raise ValueError with a sentence if it is none."""
    if not isinstance(value, list | tuple):
        return _read_one(value)
    if not value:
        raise ValueError("has no values; list at least one")
    return tuple(_read_one(each) for each in value)


def _read_one(value: object) -> Scalar:
    if not isinstance(value, Scalar):
        raise ValueError(f'must be a value, a list of values or a comparison such as "> 1000", not {describe(value)}')
    compared = _COMPARISON.fullmatch(value) if isinstance(value, str) else None
    orders = compared is not None and compared[1] not in (Comparison.EQUAL, Comparison.NOT_EQUAL)
    if compared is not None and orders and not isinstance(_plain(compared[2]), float):
        raise ValueError(f"{describe(value)} compares with no number")
    return value


def _matches(wanted: Scalar, value: object) -> bool:
    compared = _COMPARISON.fullmatch(wanted) if isinstance(wanted, str) else None
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
    """Return a number, whatever its unit, as a float; text and truth stay what they are."""
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
