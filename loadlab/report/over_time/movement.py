"""Whether something stayed what it was over the window. Scatter is no movement, nor is a change of no consequence."""

import itertools
from collections.abc import Sequence

from loadlab.analysis.verdict.steadiness import Shift, find_change
from loadlab.results.model import Interval


def rate_moved(counts: Sequence[int], seconds: Sequence[float], least: float) -> bool:
    """Whether a rate changed by at least `least` counts per second.

    `counts` lie between each of `seconds` and the next. The rule is the verdict's for throughput: a stretch apart from
    the rest, or a trend, that stands out of the scatter and is a fifth of the whole.
    """
    if not sum(counts):
        return False
    stretches = zip(counts, itertools.pairwise(seconds), strict=True)
    found = find_change([Interval(start=start, end=end, requests=count) for count, (start, end) in stretches])
    if found is None:
        return False
    before, after = (found.outside, found.inside) if isinstance(found, Shift) else (found.at_start, found.at_end)
    return abs(after - before) >= least


def state_moved(values: Sequence[float | None], least: float, share: float) -> bool:
    """Whether the highest value is above the lowest by more than `least`, and by more than that share of itself."""
    known = [value for value in values if value is not None]
    return bool(known) and max(known) - min(known) > max(least, share * max(known))
