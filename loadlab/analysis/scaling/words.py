"""A law in words, with how sure it is."""

from typing import assert_never

from loadlab.analysis.scaling.fitting import Estimate
from loadlab.analysis.scaling.shape import Followed, Rises
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
            return _tell_curve(law.rises, each)
        case "constant":
            bound = max(abs(end) for end in coefficient.interval)
            return f"does not depend on the number of {each}s (95 %: under {format_duration_ns(bound)} for each)"
        case never:
            assert_never(never)


def _difference(slope: Estimate) -> str:
    return f"{format_duration_ns(abs(slope.value))} {'more' if slope.value > 0 else 'less'}"


def _tell_curve(rises: Rises | None, each: str) -> str:
    """Say what each one costs on average, and between what along the curve, if that goes one way only."""
    if rises is None or rises.least <= 0 <= rises.greatest:
        return f"no straight line fits over the number of {each}s"
    word = "more" if rises.least > 0 else "less"
    least, greatest = sorted((abs(rises.least), abs(rises.greatest)))
    return (
        f"{format_duration_ns(abs(rises.overall))} {word} for each {each} on average, but not on a straight line: "
        f"{format_duration_ns(least)} to {format_duration_ns(greatest)} from place to place"
    )


def _interval(slope: Estimate) -> str:
    return f"(95 %: {format_duration_ns(slope.low)} to {format_duration_ns(slope.high)})"
