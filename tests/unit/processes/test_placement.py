"""Placement: which cores serve and which make load."""

import pytest

from loadlab.processes import Placement, choose_placement


@pytest.mark.parametrize(
    ("available", "target", "load"),
    [
        ({0}, (0,), (0,)),
        ({1, 0}, (0,), (1,)),
        ({0, 1, 2}, (0,), (1, 2)),
        ({7, 2, 4, 5}, (2, 4), (5, 7)),
    ],
)
def test_cores_are_split_in_two_halves(available: set[int], target: tuple[int, ...], load: tuple[int, ...]) -> None:
    assert choose_placement(available) == Placement(target=target, load=load)
