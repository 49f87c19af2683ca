"""How figures are written and drawn, by what they count: rates, times, sizes, shares, and plain numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.profile.expectation import Kind
from loadlab.units import format_count, format_duration_ns, format_rate, format_share, format_size_bytes


@dataclass(frozen=True, slots=True)
class Quantity:
    """How the values of a chart are written, in full and on a tick, and from which spread on the axis is logarithmic.

    A rate that falls shows best from zero, until the low ones lie on the axis; times are compared as multiples. `base`
    is what round numbers are made of: a size is round in powers of 2.
    """

    format: Callable[[float], str]
    format_tick: Callable[[float], str]
    log_from_ratio: float
    unit: str = ""
    base: Literal[2, 10] = 10

    def format_with_unit(self, value: float) -> str:
        """A value that stands alone."""
        return f"{self.format(value)} {self.unit}".rstrip()


RATE: Final = Quantity(format_rate, format_count, log_from_ratio=100, unit="requests/s")
TIME: Final = Quantity(format_duration_ns, format_duration_ns, log_from_ratio=20)
SIZE: Final = Quantity(format_size_bytes, format_size_bytes, log_from_ratio=20, base=2)
NUMBER: Final = Quantity(format_rate, format_count, log_from_ratio=100)
# Parts of a whole are compared with it, however small: so from zero, always.
SHARE: Final = Quantity(format_share, format_share, log_from_ratio=math.inf)


def quantity_of(metric: str) -> Quantity:
    """Return what a metric of run.json counts, by its name."""
    if metric.endswith("_per_second"):
        return RATE
    # `bytes_per_unit` begins with its unit; all others end with it, or have it in their midst.
    kind = Kind.SIZE if metric.startswith("bytes_") else Kind.of(metric)
    return {Kind.DURATION: TIME, Kind.SIZE: SIZE, Kind.NUMBER: NUMBER}[kind]
