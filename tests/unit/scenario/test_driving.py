"""Coroutines of the user's own on the loop."""

import types
from collections.abc import Generator

import pytest

from loadlab.kernel import Loop, run
from loadlab.scenario.blocking import BLOCKING_NS, BlockingWatch
from loadlab.scenario.driving import drive
from loadlab.scenario.other_loops import ForeignAwait


class Watch(BlockingWatch):
    """Notes what it is told of steps."""

    def __init__(self) -> None:
        super().__init__(waited=lambda: 0)
        self.ended: list[int] = []

    def step_ended(self, now_ns: int) -> None:
        self.ended.append(now_ns - self.step_began_ns)


@types.coroutine
def of_another_loop(awaited: object) -> Generator[object, None, None]:
    yield awaited


def test_a_result_and_an_error_come_through() -> None:
    async def returns(loop: Loop) -> int:
        for _ in range(3):
            await loop.yield_now()
        return 7

    async def fails(loop: Loop) -> None:
        await loop.yield_now()
        raise KeyError("k")

    async def main(loop: Loop) -> None:
        watch = Watch()
        assert await drive(returns(loop), watch) == 7
        with pytest.raises(KeyError):
            await drive(fails(loop), watch)
        assert watch.step_began_ns == 0
        assert watch.ended == []

    run(main)


def test_a_step_is_watched_from_its_begin_to_its_wait() -> None:
    async def main(loop: Loop) -> None:
        watch, seen = Watch(), []

        async def steps() -> None:
            seen.append(watch.step_began_ns)
            await loop.yield_now()
            seen.append(watch.step_began_ns)

        async def beside() -> None:
            await loop.yield_now()
            seen.append(watch.step_began_ns)

        async with loop.task_group() as group:
            group.start(drive(steps(), watch), "steps")
            group.start(beside(), "beside")
        assert seen[1] == 0 or seen[2] == 0  # nobody's, while another task runs
        assert max(seen) > seen[0] > 0

    run(main)


def test_a_long_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1_000, 1_000 + BLOCKING_NS, 5_000, 5_000 + BLOCKING_NS - 1])

    async def main(loop: Loop) -> list[int]:
        watch = Watch()

        async def steps() -> None:
            await loop.yield_now()

        coroutine = drive(steps(), watch)
        with monkeypatch.context() as patched:
            patched.setattr("time.monotonic_ns", lambda: next(times))
            coroutine.send(None)
            with pytest.raises(StopIteration):
                coroutine.send(None)
        return watch.ended

    assert run(main) == [BLOCKING_NS]


def test_what_is_awaited_of_another_loop_is_raised_where_it_is_awaited() -> None:
    caught: list[BaseException] = []

    async def waits() -> str:
        try:
            await of_another_loop(object())
        except ForeignAwait as error:
            caught.append(error)
        return "goes on"

    async def main(loop: Loop) -> str:
        return await drive(waits(), Watch())

    assert run(main) == "goes on"
    assert len(caught) == 1


def test_cancelling_reaches_the_coroutine() -> None:
    log: list[str] = []

    async def waits(loop: Loop) -> None:
        try:
            await loop.sleep(10**12)
        finally:
            log.append("left")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(drive(waits(loop), Watch()), "waits")
            await loop.yield_now()
            group.cancel()

    run(main)
    assert log == ["left"]
