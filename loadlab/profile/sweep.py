"""From a profile to its trials: the product of the sweep, times the repeats, in running order."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadlab.profile.paths import put, split, value_at
from loadlab.profile.schema import Profile
from loadlab.profile.values import Scalar


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination of the sweep, to be measured once.

    `id` counts in running order; `repeat` counts from 1. `factors` are the swept settings: numbers plain, durations
    with their unit. `profile` has them applied, and no sweep of its own. `seed` fixes what the load draws at random.
    """

    id: str
    repeat: int
    factors: dict[str, Scalar]
    profile: Profile
    seed: int


def plan_trials(profile: Profile, seed: int) -> list[Trial]:
    """Return the trials of a profile in running order.

    Repeats are interleaved: all combinations once, then all again, each time in another order drawn from `seed`. So a
    drift of the machine over the run falls on all combinations alike, and not on the last one of the sweep.
    """
    draw = random.Random(seed)
    combinations = list(_combinations(profile))
    planned = [
        (repeat, factors, resolved)
        for repeat in range(1, profile.repeat + 1)
        for factors, resolved in draw.sample(combinations, k=len(combinations))
    ]
    return [
        Trial(f"{number:03d}", repeat, factors, resolved, draw.getrandbits(32))
        for number, (repeat, factors, resolved) in enumerate(planned, start=1)
    ]


def _combinations(profile: Profile) -> Iterator[tuple[dict[str, Scalar], Profile]]:
    for values in itertools.product(*profile.sweep.values()):
        data = profile.model_dump(mode="json", by_alias=True, exclude={"sweep"})
        for path, value in zip(profile.sweep, values, strict=True):
            put(data, split(path), value)
        resolved = type(profile).model_validate(data)
        spelt = resolved.model_dump(mode="json", by_alias=True)
        yield {path: value_at(spelt, split(path)) for path in profile.sweep}, resolved
