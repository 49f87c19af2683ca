"""Which percentiles rest on enough samples to be shown."""

from typing import Final, Literal

from loadlab.results.model import LatencySummary

SAMPLES_BEYOND: Final = 10
"""A percentile with fewer values beyond it moves with single requests."""

Percentile = Literal["p50", "p90", "p99", "p99.9"]

# Per mille, so that the test is exact: 100,000 values have exactly 100 beyond p99.9.
BEYOND_PER_MILLE: Final[dict[Percentile, int]] = {"p50": 500, "p90": 100, "p99": 10, "p99.9": 1}


def trustworthy_percentiles(count: int) -> frozenset[str]:
    """Return the names of the percentiles that have at least ten of `count` values beyond them."""
    return frozenset(name for name, per_mille in BEYOND_PER_MILLE.items() if count * per_mille >= SAMPLES_BEYOND * 1000)


def trusted_ns(summary: LatencySummary, percentile: Percentile) -> int | None:
    """Return a percentile, or None if it has too few values beyond it to be shown."""
    if percentile not in trustworthy_percentiles(summary.count):
        return None
    value_ns: int | None = getattr(summary, percentile.replace(".", "_"))
    return value_ns
