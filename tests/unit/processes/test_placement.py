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


@pytest.mark.parametrize(
    ("quota", "target", "load"),
    [
        (None, (0, 1, 2, 3), (4, 5, 6, 7)),
        (64.0, (0, 1, 2, 3), (4, 5, 6, 7)),
        (3.9, (0,), (1, 2)),
        (2.0, (0,), (1,)),
        (0.4, (0,), (1,)),
    ],
)
def test_no_more_cores_are_used_than_a_quota_has_time_for(
    quota: float | None, target: tuple[int, ...], load: tuple[int, ...]
) -> None:
    assert choose_placement(range(8), quota) == Placement(target=target, load=load)


def test_a_quota_adds_no_core() -> None:
    assert choose_placement({0}, 4.0) == Placement(target=(0,), load=(0,))
