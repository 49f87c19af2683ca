"""Axes: where a value stands, how far the axis reaches, and which ticks it carries."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.measures import Quantity
from loadlab.results.trial import Scalar
from loadlab.units import format_count

# From here on the small numbers on a linear x axis are too close together.
_LOG_X_FROM_RATIO = 40
_MOST_LABELS = 7
_FEW_LABELS = 4
# A bar of a thousandth of the width cannot be seen.
_LOG_BARS_FROM_RATIO = 1000
_ROOM_FOR_LABELS = 0.3
_LONGEST_NAME = 28


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis, and where."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis in the units of its positions; `low` and `high` are its ends.

    `zero_at` is set on a logarithmic axis that also has to show 0: the place, left of all others, that stands for it.
    """

    kind: Literal["linear", "log"]
    low: float
    high: float
    ticks: tuple[Tick, ...]
    zero_at: float | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The x axis of a figure: its scale, and the position of each x value of the run on it."""

    scale: Scale
    positions: Mapping[Scalar, float]


def value_scale(values: Iterable[float], quantity: Quantity) -> Scale:
    """Return the y axis for measured values: linear from zero, or logarithmic where they span so much."""
    present = [value for value in values if value > 0]
    if not present:
        return Scale("linear", 0.0, 1.0, ())
    low, high = min(present), max(present)
    if high / low >= quantity.log_from_ratio:
        return _log_scale(low / 1.3, high * 1.3, quantity.format_tick, quantity.base)
    return _linear_scale(0.0, high * 1.08, quantity.format_tick, quantity.base)


def stack_scale(heights: Iterable[float], quantity: Quantity) -> Scale:
    """Return the y axis for stacked bars: from zero however far they spread, as parts are compared with the whole."""
    high = max(heights, default=0.0)
    if high <= 0:
        return Scale("linear", 0.0, 1.0, ())
    return _linear_scale(0.0, high * 1.08, quantity.format_tick, quantity.base)


def bar_scale(values: Iterable[float], quantity: Quantity) -> Scale:
    """Return the axis of bars with a label at their ends: from zero, unless most of them could not be seen there."""
    present = [value for value in values if value > 0]
    low, high = min(present, default=1.0), max(present, default=1.0)
    if high / low >= _LOG_BARS_FROM_RATIO:
        room = (high / low) ** _ROOM_FOR_LABELS
        return _log_scale(low / 2, high * room, quantity.format_tick, quantity.base, _FEW_LABELS)
    return _linear_scale(0.0, high * (1 + _ROOM_FOR_LABELS), quantity.format_tick, quantity.base, _FEW_LABELS + 1)


def place_x(arrangement: Arrangement) -> Places:
    """Return the x axis that all charts of a run share."""
    numbers = [value for value in arrangement.x_values if isinstance(value, int | float)]
    return place_numbers(numbers) if arrangement.x_is_number else place_names(arrangement.x_values)


def place_numbers(values: Sequence[int | float]) -> Places:
    """Return the x axis for numbers: logarithmic where the positive ones span much, with 0 set apart at its left."""
    positive = [value for value in values if value > 0]
    if not positive or min(values) < 0 or max(positive) / min(positive) < _LOG_X_FROM_RATIO:
        low, high = min(0, *values), max(*values, 0) or 1
        margin = 0.03 * (high - low)
        scale = _linear_scale(low - margin, high + margin, format_count)
        return Places(scale, {value: float(value) for value in values})
    zero_at = min(positive) / 4 if 0 in values else None
    scale = _log_scale((zero_at or min(positive)) / 1.3, max(positive) * 1.3, format_count)
    if zero_at:
        ticks = (Tick(zero_at, "0"), *(tick for tick in scale.ticks if tick.position >= min(positive)))
        scale = Scale("log", scale.low, scale.high, ticks, zero_at)
    return Places(scale, {value: float(value or zero_at or 0) for value in values})


def place_names(values: Sequence[Scalar]) -> Places:
    """Return the x axis for values without distances, side by side in their order."""
    ticks = tuple(Tick(float(index), "" if value is None else _short(value)) for index, value in enumerate(values))
    scale = Scale("linear", -0.5, len(values) - 0.5, ticks)
    return Places(scale, {value: float(index) for index, value in enumerate(values)})


def span_scale(low: float, high: float, quantity: Quantity) -> Scale:
    """Return a logarithmic axis from one positive end to the other, for a small panel: few of its ticks have labels."""
    return _log_scale(low, high, quantity.format_tick, quantity.base, _FEW_LABELS)


def events_scale(low: float, high: float) -> Scale:
    """Return such an axis for numbers of events in bins that double; the bin below 1 holds none."""
    numbers = [2.0**bits for bits in range(math.ceil(math.log2(high))) if 2.0**bits >= low]
    step = math.ceil(len(numbers) / _MOST_LABELS) or 1
    none = [Tick(math.sqrt(0.5), "0")] if low < 1 else []
    return Scale("log", low, high, (*none, *(Tick(number, format_count(number)) for number in numbers[::step])))


def percentile_scale(highest: float) -> Scale:
    """Return the x axis of an HDR plot, 1 / (1 - p), up to `highest`: 99 % to 99.9 % is as wide as 90 % to 99 %."""
    labelled = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999]
    ticks = tuple(Tick(percentile_position(level), f"{level:g} %") for level in labelled if level <= highest)
    return Scale("log", 1.0, percentile_position(highest), ticks)


def percentile_position(percentile: float) -> float:
    """Where a percentile below 100 stands on `percentile_scale`."""
    return 1 / (1 - percentile / 100)


def _short(value: Scalar) -> str:
    """As on a tick: `19k`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_count(value)
    name = format_scalar(value)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _linear_scale(
    low: float, high: float, format_tick: Callable[[float], str], base: int = 10, most_labels: int = _MOST_LABELS
) -> Scale:
    step = _round_step((high - low) / (most_labels - 1), base)
    first, last = math.ceil(low / step), math.floor(high / step)
    places = [number * step for number in range(first, last + 1)]
    return Scale("linear", low, high, tuple(Tick(place, format_tick(place) if place else "0") for place in places))


def _log_scale(
    low: float, high: float, format_tick: Callable[[float], str], base: int = 10, most_labels: int = _MOST_LABELS
) -> Scale:
    # As many ticks as leave the labels room.
    for places in _powers_of_2(low, high) if base == 2 else _powers_of_10(low, high):
        ticks = [place for place in places if low <= place <= high]
        if len(ticks) <= most_labels:
            break
    return Scale("log", low, high, tuple(Tick(tick, format_tick(tick)) for tick in ticks))


def _powers_of_10(low: float, high: float) -> Iterator[list[float]]:
    """Yield the places for 1, 2 and 5 in each decade, then for fewer of them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        yield [digit * 10.0**decade for decade in decades for digit in digits]


def _powers_of_2(low: float, high: float) -> Iterator[list[float]]:
    """Yield the powers of 2, then each second one, third one, and so on."""
    first, last = math.floor(math.log2(low)), math.ceil(math.log2(high))
    for step in (1, 2, 3, 5, 10):
        yield [2.0**power for power in range(first - first % step, last + 1, step)]


def _round_step(at_least: float, base: int) -> float:
    """The smallest round number that is not below `at_least`: a power of 2, or 1, 2, 5, 10, 20, ... and fractions."""
    if base == 2:
        return 2.0 ** math.ceil(math.log2(at_least))
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(digit * power for digit in (1, 2, 5, 10, 20) if digit * power >= at_least)
