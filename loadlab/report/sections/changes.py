"""By how much each line of a panel changes from its first point to its last, and whether that is more than chance."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.report.layout import CHANCE, Arrangement
from loadlab.report.measures import THROUGHPUT, Measure
from loadlab.report.panels import Line, LineLaw, Value
from loadlab.report.ratios import Ratio, chance_of, ratio_of
from loadlab.results.trial import Scalar

Direction = Literal["rises", "falls", "stays", "scatters", "undecided", "unknown"]

# The throughput of one window scatters by tens of percent on a virtual machine, CPU time per request less: where that
# is constant, a change of throughput without an interval has to be larger than this ratio.
_CHANGED_AT_CONSTANT_COST: Final = 1.5
# Kendall's tau: of five points one pair may be out of order, of six two. A step has no trend, but is far beyond chance.
_TREND: Final = 0.6
_BEYOND_CHANCE: Final = 5.0
_FEWEST_FOR_A_TREND: Final = 4


@dataclass(frozen=True, slots=True)
class Change:
    """A line from the first of `points` to the last.

    `chance` is by which share single windows differ without a reason. With `constant` the measure's own law says that
    it does not depend on x, with `constant_cost` that of the cost of a request does.
    """

    line: Line
    points: tuple[tuple[Scalar, Value], ...]
    chance: float
    constant: bool = False
    constant_cost: bool = False

    @property
    def last_x(self) -> Scalar:
        """Where it ends."""
        return self.points[-1][0]

    @property
    def before(self) -> Value:
        """Its first value."""
        return self.points[0][1]

    @property
    def after(self) -> Value:
        """Its last value."""
        return self.points[-1][1]

    @property
    def ratio(self) -> Ratio:
        """How many times its first value the last one is."""
        return ratio_of(self.before, self.after, self.chance)

    @property
    def spread(self) -> float:
        """How far all values lie apart, as a share of the highest."""
        medians = [value.median for _, value in self.points]
        return 1 - min(medians) / max(medians) if max(medians) > 0 else 0.0

    @property
    def is_suspect(self) -> bool:
        """Whether one of its ends is a suspect value, as there is no other."""
        return bool(self.before.doubts or self.after.doubts)

    @property
    def has_trend(self) -> bool:
        """Whether the values rise or fall all along, or end far from where they began; few points always do."""
        medians = [value.median for _, value in self.points]
        if not 1 / _BEYOND_CHANCE < self.ratio.value < _BEYOND_CHANCE:
            return True
        signs = [(after > before) - (after < before) for before, after in itertools.combinations(medians, 2)]
        return len(medians) < _FEWEST_FOR_A_TREND or abs(sum(signs)) > _TREND * len(signs)

    @property
    def direction(self) -> Direction:
        """Unknown where a lower bound leaves it open, undecided where the interval does."""
        before, after, ratio = self.before, self.after, self.ratio
        rose = after.median > before.median
        if before.at_least or after.at_least:
            is_certain = rose if after.at_least else not rose
            if not is_certain or not ratio.is_clear or (before.at_least and after.at_least):
                return "unknown"
        if self.constant:
            return "stays"
        if ratio.is_undecided:
            return "undecided"
        if ratio.is_guess and (not self._is_beyond_chance or not self.has_trend):
            return "scatters" if self.spread > max(self.chance, CHANCE) and not self.constant_cost else "stays"
        if not ratio.is_clear:
            return "stays"
        return "rises" if rose else "falls"

    @property
    def _is_beyond_chance(self) -> bool:
        least = _CHANGED_AT_CONSTANT_COST if self.constant_cost else 1.0
        return self.ratio.is_clear and not 1 / least < self.ratio.value < least

    @property
    def amount(self) -> str:
        """As in a sentence: `by 96 %`, `29-fold (27 to 31)`, `at least 2.5-fold`."""
        amount = self.ratio.amount
        if not (self.before.at_least or self.after.at_least):
            return amount
        return f"by at least {amount.removeprefix('by ')}" if amount.startswith("by ") else f"at least {amount}"

    @property
    def within(self) -> float:
        """What the change of a line that stays is at most: by its interval, else how far its values lie apart."""
        return self.spread if self.ratio.is_guess else self.ratio.most


def changes_of(
    arrangement: Arrangement, lines: Iterable[Line], measure: Measure, laws: Iterable[LineLaw]
) -> list[Change]:
    """Return the changes of the lines that have two points, those that change by the most first.

    A change is none where the measure's own law is constant.
    """
    constant = {law.line: law.metric for law in laws if law.shape == "constant"}
    chance = chance_of(arrangement, measure.quantity)
    changes = [
        Change(
            line,
            _comparable(line, chance),
            chance,
            constant=constant.get(line.index) == measure.metric,
            constant_cost=measure.metric == THROUGHPUT.metric and line.index in constant,
        )
        for line in lines
        if len(line.measured) > 1
    ]
    return sorted(changes, key=lambda change: -_distance(change) if change.direction in ("rises", "falls") else 0.0)


def _comparable(line: Line, chance: float) -> tuple[tuple[Scalar, Value], ...]:
    """The points of a line without the suspect ones, if two others remain; all where even these show the change."""
    credible = tuple((x, value) for x, value in line.measured if not value.doubts)
    (_, first), *_, (_, last) = line.measured
    is_beyond_doubt = ratio_of(first, last, chance).is_clear
    return line.measured if len(credible) < 2 or is_beyond_doubt else credible


def _distance(change: Change) -> float:
    return abs(change.ratio.value - 1)
