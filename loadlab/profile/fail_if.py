"""Conditions on a comparison that end a program with code 1: `--fail-if 'p99 worse by 10%'`.

A condition is about the difference between two servers, or two runs, and a difference is known as an interval only. So
there are three answers: it is shown (the whole interval lies beyond the bound), it is excluded (none of it does), or
the measurement cannot decide. Only the first one fails, so that noise never does.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, get_args

from loadlab.profile.metrics import ALIASES, NAMED_METRIC_PATTERN, full_name, more_is_better
from loadlab.profile.suggestions import did_you_mean
from loadlab.units import format_percent, parse_percent, quote

Direction = Literal["worse", "better", "differs"]
_DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)

EXAMPLE: Final = "p99 worse by 10%"
_LINE: Final = re.compile(
    rf"\s*(?P<metric>{NAMED_METRIC_PATTERN}|[A-Za-z_][\w.-]*)\s+(?P<direction>[a-z]+)(?:\s+by\s+(?P<bound>\S.*?))?\s*"
)


class Answer(Enum):
    """Whether a condition holds, as far as the interval of a difference shows."""

    HOLDS = "holds"
    EXCLUDED = "excluded"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class FailIf:
    """A condition: `metric`, by its name in run.json, is worse or better by more than a part, or differs either way.

    Changes are relative, 0.1 for 10 % more; those of `failures` are differences of their shares of all requests.
    """

    text: str
    metric: str
    direction: Direction
    by: float

    def judge(self, interval: tuple[float, float] | None) -> Answer:
        """Return whether the condition holds, from the 95 % interval of the change; None for what is not known."""
        if interval is None:
            return Answer.UNSURE
        low, high = self._harm(interval)
        if self.direction == "differs":
            if low > self.by or high < -self.by:
                return Answer.HOLDS
            return Answer.EXCLUDED if -self.by <= low and high <= self.by else Answer.UNSURE
        if low > self.by:
            return Answer.HOLDS
        return Answer.EXCLUDED if high <= self.by else Answer.UNSURE

    def describe(self, interval: tuple[float, float] | None) -> str:
        """Return what was measured in words: "worse by 4 % to 14 %", "between 2 % better and 5 % worse"."""
        if interval is None:
            return "was not measured with an interval"
        low, high = self._harm(interval)
        lesser, greater = ("smaller", "larger") if self.direction == "differs" else (self._opposite, self.direction)
        if low == high == 0:
            return "the same"
        if low >= 0:
            return f"{greater} by {_range(low, high)}"
        if high <= 0:
            return f"{lesser} by {_range(-high, -low)}"
        return f"between {format_percent(-low)} {lesser} and {format_percent(high)} {greater}"

    @property
    def _opposite(self) -> Direction:
        return "better" if self.direction == "worse" else "worse"

    def _harm(self, interval: tuple[float, float]) -> tuple[float, float]:
        """Return the interval with its sign such that more is further in the condition's direction."""
        low, high = interval
        rises = self.direction == "differs" or more_is_better(self.metric) == (self.direction == "better")
        return (low, high) if rises else (-high, -low)


def parse_fail_if(text: str, metrics: Collection[str] | None = None) -> FailIf:
    """Read "p99 worse by 10%", "throughput differs by 5%", or "errors worse", which is by anything at all.

    `metrics` are those that are compared, by their names in run.json; None accepts any. Raises ValueError with a
    sentence for what cannot be read, and for a metric that is not compared.
    """
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{quote(text)} is not a condition; write it like: {EXAMPLE}")
    metric = full_name(found["metric"])
    if metrics is not None and metric not in metrics:
        raise ValueError(f"{quote(found['metric'])} is not compared{_suggested(found['metric'], metrics)}")
    direction = next((each for each in _DIRECTIONS if each == found["direction"]), None)
    if direction is None:
        wrong = quote(found["direction"])
        raise ValueError(f"{quote(text)}: {wrong} must be worse, better or differs, as in: {EXAMPLE}")
    by = parse_percent(found["bound"]) if found["bound"] is not None else 0.0
    condition = FailIf(" ".join(text.split()), metric, direction, by)
    falls = direction != "differs" and more_is_better(metric) == (direction == "worse")
    if by >= 1 and falls:
        raise ValueError(f"{quote(text)}: nothing falls by 100 % or more, so this would never hold")
    return condition


def _suggested(name: str, metrics: Collection[str]) -> str:
    known = [next((short for short, full in ALIASES.items() if full == metric), metric) for metric in metrics]
    return did_you_mean(name, known) or f"; write one of {', '.join(known)}"


def _range(low: float, high: float) -> str:
    return f"{format_percent(low)} to {format_percent(high)}"
