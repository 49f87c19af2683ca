"""Trials that something else has spoiled: which of a series do not belong to the law that all others follow.

One bad trial of five makes a flat curve one that "follows no law". But a few trials with noise of their own always have
one that lies furthest off, and a curve that bends is no outlier. So a trial is left out only if all of this holds: it
differs from those at its x, or is above or below both its neighbours; all others follow a law; and it lies further from
that than noise does. How large noise is the others say, and as they are few, what is usual: a moderated t (Smyth,
Statistical Applications in Genetics and Molecular Biology 3, 2004, article 3).
"""

import math
import statistics
from collections.abc import Sequence
from typing import Final

from loadlab.analysis.scaling.selection import Candidates, Observation, select_law

# At most one trial in so many.
_OF_TRIALS: Final = 5
# Trials scatter by 2 to 10 %: that is worth as much as the scatter of eight trials of the series.
_USUAL_NOISE: Final = 0.06
_WORTH: Final = 8
# Of 1,000 flat series of five trials it leaves out one in 17 where noise is 10 %, in none where it is 5 %.
_LIMIT: Final = 5.0
# What lies closer to its neighbours is never left out; no fit is tried for it.
_FAR: Final = 1.2


def split_outliers(observations: Sequence[Observation]) -> tuple[list[Observation], list[Observation]]:
    """Return the observations that a law may be fitted to, and those that are left out."""
    kept: list[Observation] = list(observations)
    left_out: list[Observation] = []
    while len(left_out) < len(observations) // _OF_TRIALS:
        oddness = {index: _oddness(kept, index) for index in range(len(kept)) if _sticks_out(kept, index)}
        oddest = max(oddness, key=lambda index: oddness[index], default=None)
        if oddest is None or oddness[oddest] < _LIMIT:
            break
        left_out.append(kept.pop(oddest))
    return kept, left_out


def _sticks_out(observations: Sequence[Observation], index: int) -> bool:
    """Return whether a cost lies far from those at its x, or else far above or below those on both sides."""
    odd = observations[index]
    others = [each for place, each in enumerate(observations) if place != index]
    places = {odd.x} & {each.x for each in others} or {
        max((each.x for each in others if each.x < odd.x), default=math.inf),
        min((each.x for each in others if each.x > odd.x), default=math.inf),
    }
    if math.inf in places:
        return False  # at an end: it may as well be a bend
    medians = [statistics.median(each.cost for each in others if each.x == x) for x in places]
    return odd.cost > _FAR * max(medians) or odd.cost < min(medians) / _FAR


def _oddness(observations: Sequence[Observation], index: int) -> float:
    """Return how far one lies from the law of all others, in standard deviations; 0 if these follow none."""
    odd, others = observations[index], [each for place, each in enumerate(observations) if place != index]
    candidates = Candidates.of(others)
    law = select_law(others, candidates) if candidates else None
    if candidates is None or law is None or law.shape == "unclear":
        return 0.0
    expected = [law.cost_of(each, candidates) for each in (odd, *others)]
    if min(expected) <= 0:
        return 0.0
    first, *rest = (
        each.weight * math.log(each.cost / cost) for each, cost in zip((odd, *others), expected, strict=True)
    )
    freedom = len(rest) - 2
    noise = sum(each**2 for each in rest) + _WORTH * _USUAL_NOISE**2
    return abs(first) / math.sqrt(noise / (freedom + _WORTH) * (1 + 1 / len(rest)))
