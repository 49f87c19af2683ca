"""A law in words, with how sure it is."""

from typing import assert_never

from loadlab.analysis.scaling.fitting import Estimate
from loadlab.analysis.scaling.shape import Followed
from loadlab.units import format_duration_ns


def describe(law: Followed, each: str) -> str:
    """Say what one more `each`, such as "dead connection", adds to a cost in ns; intervals are of 95 %."""
    coefficient = law.coefficient
    match law.shape:
        case "linear":
            return f"{_difference(coefficient)} for each {each} {_interval(coefficient)}"
        case "per event":
            shared = "shared by the events that one wait returns"
            return f"{_difference(coefficient)} for each {each} {_interval(coefficient)}, {shared}"
        case "power":
            value, low, high = (f"{number:.2f}" for number in (coefficient.value, *coefficient.interval))
            return f"proportional to the number of {each}s to the power of {value} (95 %: {low} to {high})"
        case "unclear":
            return f"no straight line fits over the number of {each}s{_tell_rises(law.rises)}"
        case "constant":
            bound = max(abs(end) for end in coefficient.interval)
            return f"does not depend on the number of {each}s (95 %: under {format_duration_ns(bound)} for each)"
        case never:
            assert_never(never)


def _difference(slope: Estimate) -> str:
    return f"{format_duration_ns(abs(slope.value))} {'more' if slope.value > 0 else 'less'}"


def _tell_rises(rises: tuple[float, float] | None) -> str:
    """Say between what the cost of one more lies along the curve, if it goes one way only."""
    least, greatest = rises or (0.0, 0.0)
    if least > 0:
        return f": {format_duration_ns(least)} to {format_duration_ns(greatest)} more for each, from place to place"
    if greatest < 0:
        return f": {format_duration_ns(-greatest)} to {format_duration_ns(-least)} less for each, from place to place"
    return ""


def _interval(slope: Estimate) -> str:
    return f"(95 %: {format_duration_ns(slope.low)} to {format_duration_ns(slope.high)})"
