"""Which cores target and load run on."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """Which cores the target runs on, and which everything that makes load."""

    target: tuple[int, ...]
    load: tuple[int, ...]


def choose_placement(available: Collection[int], quota: float | None = None) -> Placement:
    """Split the available cores in two halves, the odd one to the load; a single core serves both.

    With CPU time for `quota` cores only, so many are used: on more, all of them would stand still for a part of each
    period. Two are used in any case, where there are two: one for each side.
    """
    cores = tuple(sorted(available))
    if quota is not None:
        cores = cores[: max(2, int(quota))]
    if len(cores) < 2:
        return Placement(target=cores, load=cores)
    half = len(cores) // 2
    return Placement(target=cores[:half], load=cores[half:])
