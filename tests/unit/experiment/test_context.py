"""Which cores the load takes beside a target that runs already."""

import pytest

from loadlab.experiment.context import Resources, resources_beside
from loadlab.processes import Placement
from loadlab.profile import LoadProfile

GIVEN = Resources(Placement(target=(0, 1), load=(2, 3)), pinned=True, open_files=1024)


def profile(**changes: object) -> LoadProfile:
    data = {"name": "x", "target": {"address": "127.0.0.1:80"}, "load": {"connections": 1, "duration": "1s"}, **changes}
    return LoadProfile.model_validate(data)


@pytest.mark.parametrize(
    ("target", "load"),
    [
        ({3}, (0, 1, 2)),
        ({0, 1, 2}, (3,)),
        ({0, 1, 2, 3}, (2, 3)),
        ({0, 1, 2, 3, 4, 5}, (2, 3)),
        ({7}, (0, 1, 2, 3)),
    ],
)
def test_the_load_keeps_off_the_target_where_it_can(target: set[int], load: tuple[int, ...]) -> None:
    found = resources_beside(GIVEN, profile(), target, range(4))
    assert found.placement == Placement(target=tuple(sorted(target)), load=load)
    assert (found.pinned, found.open_files) == (True, 1024)


def test_cores_that_the_profile_names_stay() -> None:
    given = Resources(Placement(target=(1, 2, 3), load=(0,)), pinned=True, open_files=1024)
    found = resources_beside(given, profile(placement={"load": [0]}), {0, 1}, range(4))
    assert found.placement == Placement(target=(0, 1), load=(0,))


@pytest.mark.parametrize(
    ("target", "load", "pinned", "shared"),
    [
        ((0,), (1,), True, set()),
        ((0, 1), (1,), True, {1}),
        ((0,), (1,), False, {0, 1}),
        ((), (0, 1), True, set()),  # on another machine
        ((), (0, 1), False, set()),
    ],
)
def test_cores_are_shared_where_both_sides_may_run(
    target: tuple[int, ...], load: tuple[int, ...], pinned: bool, shared: set[int]
) -> None:
    assert Resources(Placement(target, load), pinned, open_files=1024).shared_cores == shared
