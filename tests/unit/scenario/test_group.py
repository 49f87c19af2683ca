"""Groups of a user: several coroutines at the same time, and their results behind the block."""

from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from loadlab.kernel import Loop, run, suspend
from loadlab.scenario.group import Group

pytestmark = pytest.mark.timeout(20)


async def drive(coroutine: Coroutine[Any, Any, Any]) -> None:
    await coroutine


async def after(loop: Loop, turns: int, value: object) -> object:
    for _ in range(turns):
        await loop.yield_now()
    if isinstance(value, Exception):
        raise value
    return value


async def forever(log: list[str]) -> None:
    try:
        while True:
            await suspend()
    finally:
        log.append("cancelled")


def test_results_are_there_behind_the_block() -> None:
    async def main(loop: Loop) -> list[object]:
        async with Group(loop, drive) as group:
            started = [group.start(after(loop, 5 - number, number)) for number in range(5)]
            assert not any(each.done for each in started)
        return [each.result for each in started]

    assert run(main) == [0, 1, 2, 3, 4]


def test_a_result_before_the_end_of_the_block_is_an_error_that_says_where_it_is() -> None:
    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            with pytest.raises(RuntimeError, match="behind the block"):
                _ = group.start(after(loop, 1, 1)).result

    run(main)


def test_the_first_error_cancels_the_others_and_is_raised() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(forever(log))
            group.start(after(loop, 2, KeyError("first")))
        log.append("not reached")

    with pytest.raises(KeyError, match="first"):
        run(main)
    assert log == ["cancelled"]


def test_of_several_errors_the_first_is_raised() -> None:
    async def fail_when_cancelled() -> None:
        try:
            while True:
                await suspend()
        finally:
            raise ValueError("second")

    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(fail_when_cancelled())
            group.start(after(loop, 1, KeyError("first")))

    with pytest.raises(KeyError, match="first") as caught:
        run(main)
    assert caught.value.__context__ is None


def test_an_error_of_the_block_comes_before_those_it_causes() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await suspend()
        finally:
            raise ValueError("second")

    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(fail_when_cancelled())
            await loop.yield_now()
            raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        run(main)


def test_a_group_of_exceptions_of_the_users_own_is_raised_as_it_is() -> None:
    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(after(loop, 1, ExceptionGroup("mine", [KeyError()])))

    with pytest.raises(ExceptionGroup, match="mine"):
        run(main)


def test_groups_within_groups() -> None:
    async def inner(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(after(loop, 3, 1))
            group.start(after(loop, 1, KeyError("inner")))

    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(inner(loop))
            group.start(after(loop, 9, KeyError("outer")))

    with pytest.raises(KeyError, match="inner"):
        run(main)


def test_a_time_limit_around_a_group_ends_it() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> bool:
        with loop.time_scope(1) as scope:
            async with Group(loop, drive) as group:
                group.start(forever(log))
        return scope.cancelled

    assert run(main)
    assert log == ["cancelled"]


def test_whatever_can_be_awaited_is_started() -> None:
    class Answer:
        def __init__(self, loop: Loop) -> None:
            self._loop = loop

        def __await__(self) -> Generator[None, None, object]:
            return (yield from after(self._loop, 2, 7).__await__())

    async def main(loop: Loop) -> object:
        async with Group(loop, drive) as group:
            started = group.start(Answer(loop))
        return started.result

    assert run(main) == 7


def test_nothing_is_started_where_nobody_would_wait_for_it() -> None:
    async def main(loop: Loop) -> None:
        group = Group(loop, drive)
        with pytest.raises(RuntimeError, match="belongs into the block"):
            group.start(after(loop, 1, 1))
        async with group:
            group.start(after(loop, 1, 1))
        with pytest.raises(RuntimeError, match="belongs into the block"):
            group.start(after(loop, 1, 1))

    run(main)


@pytest.mark.parametrize(("value", "name"), [(forever, "the function forever"), (7, "int"), (None, "NoneType")])
def test_only_coroutines_are_started(value: Coroutine[Any, Any, Any], name: str) -> None:
    async def main(loop: Loop) -> None:
        async with Group(loop, drive) as group:
            group.start(value)

    with pytest.raises(TypeError, match=f"takes a coroutine.* and not {name}"):
        run(main)
