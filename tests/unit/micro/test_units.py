"""Units in user space: how many are alive when they are weighed, and none afterwards."""

import gc
import sys
from collections.abc import Callable, Sequence
from types import CoroutineType, GeneratorType

import pytest

from loadlab.micro.units import Calls, Coroutines, UnitKind, bare_coroutines, generators


def count_frames() -> int:
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


def count_alive(kind: type[object]) -> int:
    return sum(isinstance(thing, kind) for thing in gc.get_objects())


@pytest.mark.parametrize(
    ("kind", "count_units"),
    [
        (Calls(), count_frames),
        (generators(), lambda: count_alive(GeneratorType)),
        (bare_coroutines(), lambda: count_alive(CoroutineType)),
        (Coroutines(), lambda: count_alive(CoroutineType)),
    ],
    ids=["call", "generator", "bare-coroutine", "coroutine"],
)
def test_so_many_are_alive_while_weighed_and_none_afterwards(kind: UnitKind, count_units: Callable[[], int]) -> None:
    def weigh(pids: Sequence[int]) -> int:
        assert not pids
        return count_units()

    gc.collect()  # what earlier tests left behind
    before = count_units()
    few = 10  # frames or coroutines that belong to the weighing
    assert 2_000 <= kind.weigh_alive(2_000, weigh) - before <= 2_000 + few
    gc.collect()
    assert count_units() == before


def test_nested_calls_leave_the_recursion_limit_as_it_was() -> None:
    limit = sys.getrecursionlimit()
    Calls().weigh_alive(3 * limit, lambda pids: 0)
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize("kind", [Calls(), generators(), bare_coroutines(), Coroutines()])
def test_switches_take_time(kind: UnitKind) -> None:
    assert kind.pass_turns(100) > 0
