"""Task groups: who runs when, and how an error spreads."""

import traceback

import pytest

from loadlab.kernel import Loop, run, suspend

pytestmark = pytest.mark.timeout(20)


async def forever() -> None:
    while True:
        await suspend()


def test_tasks_begin_in_the_order_they_were_started_and_not_before_the_next_turn() -> None:
    begun: list[int] = []

    async def note(number: int) -> None:
        begun.append(number)

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for number in range(10):
                group.start(note(number), "note")
            assert begun == []

    run(main)
    assert begun == list(range(10))


def test_tasks_that_yield_take_turns() -> None:
    log: list[str] = []

    async def step(loop: Loop, name: str) -> None:
        for _ in range(3):
            log.append(name)
            await loop.yield_now()

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for name in "abc":
                group.start(step(loop, name), name)

    run(main)
    assert "".join(log) == "abcabcabc"


def test_the_block_ends_after_its_last_task() -> None:
    log: list[str] = []

    async def long(loop: Loop) -> None:
        for _ in range(5):
            await loop.yield_now()
        log.append("task")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(long(loop), "long")
            log.append("body")
        log.append("after")

    run(main)
    assert log == ["body", "task", "after"]


def test_two_thousand_tasks() -> None:
    done = 0

    async def work(loop: Loop) -> None:
        nonlocal done
        for _ in range(3):
            await loop.yield_now()
        done += 1

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for _ in range(2_000):
                group.start(work(loop), "work")

    run(main)
    assert done == 2_000


def test_a_task_may_start_another_one_in_its_own_group() -> None:
    log: list[int] = []

    async def main(loop: Loop) -> None:
        async def descend(depth: int) -> None:
            log.append(depth)
            if depth:
                group.start(descend(depth - 1), "descend")

        async with loop.task_group() as group:
            group.start(descend(3), "descend")

    run(main)
    assert log == [3, 2, 1, 0]


def test_an_error_of_a_task_cancels_its_siblings_and_the_body_and_is_raised_with_its_traceback() -> None:
    ended: list[str] = []
    error = ValueError("from the task")

    async def wait(name: str) -> None:
        try:
            await forever()
        finally:
            ended.append(name)

    async def fail_in_here() -> None:
        raise error

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(wait("sibling"), "wait")
            group.start(fail_in_here(), "fail")
            await wait("body")

    with pytest.raises(ValueError, match="from the task") as caught:
        run(main)
    assert caught.value is error
    assert "fail_in_here" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert sorted(ended) == ["body", "sibling"]


def test_several_errors_are_raised_together_in_the_order_in_which_they_came() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def fail_when_cancelled() -> None:
        try:
            await forever()
        finally:
            raise OSError("while it cleaned up")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(fail_when_cancelled(), "clean up")
            group.start(fail(KeyError("first")), "fail")
            group.start(fail(ValueError("second")), "fail")

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError, OSError]
    assert all(error.__traceback__ is not None for error in caught.value.exceptions)


def test_an_error_of_the_body_does_not_hide_that_of_a_task() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await forever()
        finally:
            raise OSError("while it cleaned up")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(fail_when_cancelled(), "clean up")
            await loop.yield_now()
            raise ValueError("from the body")

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert [type(error) for error in caught.value.exceptions] == [ValueError, OSError]


def test_an_error_of_the_body_cancels_the_tasks_and_is_raised() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await forever()
        finally:
            ended.append("task")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(wait(), "wait")
            await loop.yield_now()
            raise ValueError("from the body")

    with pytest.raises(ValueError, match="from the body"):
        run(main)
    assert ended == ["task"]


def test_an_error_passes_through_nested_groups() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await forever()
        finally:
            ended.append(name)

    async def fail(loop: Loop) -> None:
        await loop.yield_now()
        raise ValueError("from the depth")

    async def inner(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(wait("cousin"), "wait")
            group.start(fail(loop), "fail")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(wait("uncle"), "wait")
            group.start(inner(loop), "inner")

    with pytest.raises(ValueError, match="from the depth"):
        run(main)
    assert ended == ["cousin", "uncle"]


def test_what_ends_the_program_is_found_among_several_errors() -> None:
    async def fail(error: BaseException) -> None:
        raise error

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(fail(ValueError()), "fail")
            group.start(fail(SystemExit(3)), "exit")

    with pytest.raises(BaseExceptionGroup) as caught:
        run(main)
    assert caught.value.subgroup(SystemExit) is not None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_ends_the_run(kind: type[BaseException]) -> None:
    async def fail() -> None:
        raise kind

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(forever(), "forever")
            group.start(fail(), "fail")

    with pytest.raises(kind):
        run(main)


def test_the_end_of_the_last_task_does_not_disturb_what_the_body_waits_for() -> None:
    async def nothing() -> None:
        pass

    async def main(loop: Loop) -> bool:
        rung = False

        def ring() -> None:
            nonlocal rung
            rung = True

        deadline_ns = loop.batch_ns + 3_000_000
        loop.timers.add(deadline_ns, ring)
        async with loop.task_group() as group:
            group.start(nothing(), "nothing")
            await loop.sleep_until(deadline_ns)
        return rung

    assert run(main)
