"""By what factor one value differs from another, how sure that is, and how both are written.

Rounds of trials in one batch are compared pair by pair: what the machine did meanwhile, it did to both. Where values
only have intervals, so has their ratio: relative errors of independent figures add up as squares. Where they have none
the interval is a guess: as far as figures of single windows differ by chance.
"""

import math
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.pairs import compare_pairs
from loadlab.report.layout import Arrangement
from loadlab.report.measures import ITERATIONS, RATE, TIME, Quantity
from loadlab.report.panels import Value
from loadlab.units import format_multiple

_MINUS: Final = "\N{MINUS SIGN}"
_NBSP: Final = "\N{NO-BREAK SPACE}"
# A difference that is known to be smaller than this is none that anybody asks about.
_IMMATERIAL: Final = 0.05
# An interval that leaves open more than this says too little to be called "no change".
_TOO_WIDE: Final = 0.25
# What disturbs a window may cost it half of a core, or more: suspect ones have to differ by a factor of three.
_OF_SUSPECT: Final = 0.66
# Memory, calls and switches do not depend on how fast the machine is.
_OF_COUNTS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times one value another one is, with the ends of its interval; a guess where none was measured."""

    value: float
    low: float
    high: float
    is_guess: bool

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes that both are the same, and that they differ by next to nothing."""
        return (self.low > 1 or self.high < 1) and not self.is_immaterial

    @property
    def is_immaterial(self) -> bool:
        """Whether the whole interval is next to 1."""
        return not self.is_guess and self.low > 1 - _IMMATERIAL and self.high < 1 + _IMMATERIAL

    @property
    def is_undecided(self) -> bool:
        """Whether the interval holds that both are the same, and much else."""
        return not self.is_guess and not self.is_clear and self.most > _TOO_WIDE

    @property
    def most(self) -> float:
        """The largest change that the interval holds, as a share."""
        return max(1 - self.low, self.high - 1)

    @property
    def amount(self) -> str:
        """As in a sentence, with the interval where one was measured: `by 96 % (95 to 97 %)`, `29-fold (27 to 31)`."""
        if math.isinf(self.value):
            return "from nothing"
        if self.value >= 2:
            amount = f"{format_multiple(self.value)}-fold"
            within = f"{format_multiple(self.low)} to {format_multiple(self.high)}"
        else:
            amount = f"by {format_whole_percent(self.value - 1)}"
            within = _range_of_shares(*sorted(abs(end - 1) for end in (self.low, self.high)))
        return amount if self.is_guess else f"{amount} ({within})"

    @property
    def signed(self) -> str:
        """As in a list: `+50 %`, `2.5 times`, `no clear change`, each with the interval where one was measured."""
        within = self.signed_interval
        if not self.is_clear:
            change = "no clear change"
        elif self.value >= 2:
            change = f"{format_multiple(self.value)} times"
            within = f"{format_multiple(self.low)} to {format_multiple(self.high)}"
        else:
            change = f"{_sign(self.value - 1)}{format_whole_percent(self.value - 1)}"
        return change if self.is_guess else f"{change}, 95{_NBSP}%: {within}"

    @property
    def signed_interval(self) -> str:
        """Both ends as changes: `+20 to +35 %`."""
        return _signed_range(self.low, self.high)


def chance_of(arrangement: Arrangement, quantity: Quantity) -> float:
    """Return by which share figures of single windows differ by chance: rates and times do as the machine's speed."""
    return arrangement.chance if quantity in (RATE, ITERATIONS, TIME) else _OF_COUNTS


def are_apart(one: Value, other: Value) -> bool:
    """Return whether two values are known to come from different batches, so from different times."""
    return bool(one.batches and other.batches) and one.batches != other.batches


def ratio_of(before: Value, after: Value, chance: float) -> Ratio:
    """Return how many times `before` `after` is; single windows differ by the share `chance` without a reason."""
    if before.median <= 0:
        value = 1.0 if after.median <= 0 else math.inf
        return Ratio(value, value, value, is_guess=True)
    value = after.median / before.median
    if before.doubts or after.doubts:
        chance = max(chance, _OF_SUSPECT)
    if (paired := _paired(before, after)) is not None:
        return paired
    if before.interval and after.interval and min(*before.interval, *after.interval) > 0:
        below = math.hypot(_log(after.median, after.interval[0]), _log(before.interval[1], before.median))
        above = math.hypot(_log(after.interval[1], after.median), _log(before.median, before.interval[0]))
        return Ratio(value, value * math.exp(-below), value * math.exp(above), is_guess=False)
    # Where repeats lie further apart than single windows do by chance, they say more.
    lowest = min(value * (1 - chance), after.low / before.high)
    highest = max(value / (1 - chance), after.high / before.low if before.low > 0 else math.inf)
    return Ratio(value, lowest, highest, is_guess=True)


def _paired(before: Value, after: Value) -> Ratio | None:
    """The ratio of values whose rounds were measured in the same seconds: what the machine did then, it did to both."""
    if before.batches != after.batches or len(before.rounds) != len(after.rounds):
        return None
    change = compare_pairs(before.rounds, after.rounds, of_whole=False)
    return Ratio(1 + change.change, 1 + change.low, 1 + change.high, is_guess=False) if change else None


def format_whole_percent(share: float) -> str:
    """A share without its sign, without decimals but for what is near to nothing or to all: 0.4 %, 99.6 %."""
    return f"{_digits(share)}{_NBSP}%"


def _digits(share: float) -> str:
    percent = 100 * abs(share)
    decimals = 1 if 0.05 <= percent < 0.95 or 99 < percent < 99.95 else 0
    return f"{percent:.{decimals}f}"


def _range_of_shares(low: float, high: float) -> str:
    return (
        f"{_digits(low)} to {format_whole_percent(high)}"
        if _digits(low) != _digits(high)
        else format_whole_percent(high)
    )


def _signed_range(low: float, high: float) -> str:
    if high >= 2:
        return f"{format_multiple(low)} to {format_multiple(high)} times"
    return f"{_sign(low - 1)}{_digits(low - 1)} to {_sign(high - 1)}{format_whole_percent(high - 1)}"


def _sign(share: float) -> str:
    return _MINUS if share < 0 else "+"


def _log(high: float, low: float) -> float:
    return max(math.log(high / low), 0.0) if low > 0 else math.inf
