"""Which cores target and load run on."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """Which cores the target runs on, and which everything that makes load."""

    target: tuple[int, ...]
    load: tuple[int, ...]


def choose_placement(available: Collection[int]) -> Placement:
    """Split the available cores in two halves, the odd one to the load; a single core serves both."""
    cores = tuple(sorted(available))
    if len(cores) < 2:
        return Placement(target=cores, load=cores)
    half = len(cores) // 2
    return Placement(target=cores[:half], load=cores[half:])
