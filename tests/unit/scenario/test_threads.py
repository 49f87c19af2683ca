"""Blocking calls in threads: the loop goes on meanwhile, and what they return or raise arrives where it is awaited."""

import threading
from functools import partial

import pytest

from loadlab.kernel import Loop, run
from loadlab.scenario.threads import Threads

pytestmark = pytest.mark.timeout(20)


def test_what_a_call_returns_is_returned_and_what_it_raises_is_raised() -> None:
    def divide(number: int, *, by: int) -> int:
        return number // by

    async def main(loop: Loop) -> None:
        threads = Threads(loop)
        assert await threads.call(divide, 6, by=3) == 2
        with pytest.raises(ZeroDivisionError):
            await threads.call(divide, 6, by=0)
        with pytest.raises(RuntimeError) as caught:
            await threads.call(next, iter(()))
        assert isinstance(caught.value.__cause__, StopIteration)
        with pytest.raises(SystemExit):
            await threads.call(partial(exit, 3))
        threads.close()

    run(main)


def test_the_loop_goes_on_while_a_call_blocks() -> None:
    async def main(loop: Loop) -> list[str]:
        threads, may_end, log = Threads(loop), threading.Event(), list[str]()

        async def wait() -> None:
            await threads.call(may_end.wait)
            log.append("call ended")

        async with loop.task_group() as group:
            group.start(wait(), "call")
            for _ in range(5):
                await loop.yield_now()
            log.append("loop went on")
            may_end.set()
        threads.close()
        return log

    assert run(main) == ["loop went on", "call ended"]


def test_no_more_threads_than_allowed_and_no_more_than_needed() -> None:
    async def main(loop: Loop) -> None:
        threads = Threads(loop, most=3)
        assert len({await threads.call(threading.get_ident) for _ in range(5)}) == 1
        together, inside = threading.Barrier(3), list[int]()

        def meet() -> None:
            inside.append(threading.get_ident())
            together.wait()

        async with loop.task_group() as group:
            for _ in range(9):
                group.start(threads.call(meet), "call")
        assert len(inside) == 9
        assert len(set(inside)) == 3
        threads.close()

    run(main)


def test_a_cancelled_call_goes_on_by_itself_and_others_do_not_wait_for_it() -> None:
    async def main(loop: Loop) -> None:
        threads, begun, may_end = Threads(loop, most=2), threading.Event(), threading.Event()

        def block() -> None:
            begun.set()
            may_end.wait()

        async with loop.task_group() as group:
            group.start(threads.call(block), "call")
            while not begun.is_set():
                await loop.yield_now()
            group.cancel()
        assert await threads.call(int) == 0  # by the second thread
        may_end.set()
        assert await threads.call(int) == 0
        threads.close()

    run(main)


def test_a_call_that_is_cancelled_before_its_turn_is_not_made() -> None:
    async def main(loop: Loop) -> list[str]:
        threads, may_end, log = Threads(loop, most=1), threading.Event(), list[str]()
        async with loop.task_group() as outer:
            outer.start(threads.call(may_end.wait), "first")
            await loop.yield_now()
            async with loop.task_group() as group:
                group.start(threads.call(log.append, "cancelled"), "second")
                await loop.yield_now()
                await loop.yield_now()
                group.cancel()
            may_end.set()
            await threads.call(log.append, "third")
        threads.close()
        return log

    assert run(main) == ["third"]


def test_closing_does_not_wait_for_a_call_that_never_ends() -> None:
    never, ended = threading.Event(), threading.Event()

    def block() -> None:
        never.wait()
        ended.set()

    async def main(loop: Loop) -> None:
        threads = Threads(loop)
        async with loop.task_group() as group:
            group.start(threads.call(block), "call")
            await loop.yield_now()
            await loop.yield_now()
            group.cancel()
        threads.close()
        threads.close()

    run(main)
    assert not ended.is_set()
    never.set()  # and what it puts aside then goes nowhere, as the descriptor may be another file's
    assert ended.wait(10)


def test_a_pool_that_was_never_used_has_nothing_to_close() -> None:
    async def main(loop: Loop) -> None:
        Threads(loop).close()

    run(main)
