"""Task groups called off, from inside, from outside, and by several scopes at once."""

import pytest

from loadlab.kernel import Cancelled, CancelScope, Loop, run, suspend

pytestmark = pytest.mark.timeout(20)


async def forever() -> None:
    while True:
        await suspend()


def test_cancelling_a_group_ends_its_tasks_and_no_error_is_raised() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await forever()
        finally:
            ended.append(name)

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for name in ("a", "b", "c"):
                group.start(wait(name), name)
            await loop.yield_now()
            group.cancel()
            ended.append("body")
        ended.append("after")

    run(main)
    assert ended[0] == "body"
    assert sorted(ended[1:4]) == ["a", "b", "c"]
    assert ended[4] == "after"


def test_a_task_may_cancel_the_group_that_it_is_in() -> None:
    async def main(loop: Loop) -> str:
        async def call_off() -> None:
            group.cancel()
            await forever()

        async with loop.task_group() as group:
            group.start(forever(), "forever")
            group.start(call_off(), "call off")
        return "after"

    assert run(main) == "after"


def test_a_task_cancelled_before_its_first_turn_comes_as_far_as_its_first_yield() -> None:
    log: list[str] = []

    async def task() -> None:
        log.append("begun")
        await suspend()
        log.append("resumed")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(task(), "task")
            group.cancel()

    run(main)
    assert log == ["begun"]


def test_a_task_that_ends_in_the_turn_in_which_it_is_cancelled_has_simply_ended() -> None:
    log: list[str] = []

    async def end_soon(loop: Loop) -> None:
        await loop.yield_now()
        log.append("ended")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(end_soon(loop), "end soon")
            await loop.yield_now()  # now it is ready for its last turn
            group.cancel()

    run(main)
    assert log == ["ended"]


def test_a_task_started_in_a_cancelled_group_is_cancelled_as_well() -> None:
    log: list[str] = []

    async def count(loop: Loop) -> None:
        for _ in range(10):
            await loop.yield_now()
        log.append("never cancelled")

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.cancel()
            group.start(count(loop), "latecomer")

    run(main)
    assert log == []


def test_a_task_is_cancelled_once_so_that_it_can_wait_while_it_cleans_up() -> None:
    log: list[str] = []

    async def clean_up_slowly(loop: Loop) -> None:
        try:
            await forever()
        finally:
            for _ in range(5):
                await loop.yield_now()
            log.append("clean")

    async def fail() -> None:
        raise ValueError

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            group.start(clean_up_slowly(loop), "clean up")
            group.start(fail(), "fail")
            group.start(fail(), "fail as well")

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert [type(error) for error in caught.value.exceptions] == [ValueError, ValueError]
    assert log == ["clean"]


def test_a_group_that_waits_for_its_tasks_can_be_cancelled_from_outside() -> None:
    log: list[str] = []

    async def wait() -> None:
        try:
            await forever()
        finally:
            log.append("task ended")

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            loop.timers.add(0, scope.cancel)
            async with loop.task_group() as group:
                group.start(wait(), "wait")
            log.append("behind the group")
        assert scope.cancelled
        log.append("behind the scope")

    run(main)
    assert log == ["task ended", "behind the scope"]


def test_an_error_while_cancelled_from_outside_is_not_lost() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await forever()
        except Cancelled:
            raise ValueError("while cleaning up") from None

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            loop.timers.add(0, scope.cancel)
            async with loop.task_group() as group:
                group.start(fail_when_cancelled(), "fail")

    with pytest.raises(ValueError, match="while cleaning up"):
        run(main)


@pytest.mark.parametrize("inner_first", [True, False])
def test_two_scopes_around_a_group_cancelled_in_the_same_turn_both_take_effect(inner_first: bool) -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as outer:
            with CancelScope(loop) as inner:
                for scope in (inner, outer) if inner_first else (outer, inner):
                    loop.timers.add(0, scope.cancel)
                async with loop.task_group() as group:
                    group.start(forever(), "forever")
                    await forever()
            for _ in range(5):
                await loop.yield_now()
            log.append("inside outer")
        log.append("after outer")

    run(main)
    assert log == ["after outer"]


@pytest.mark.parametrize("inner_first", [True, False])
def test_two_scopes_cancelled_while_a_group_waits_for_its_tasks_both_take_effect(inner_first: bool) -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as outer:
            with CancelScope(loop) as inner:
                for scope in (inner, outer) if inner_first else (outer, inner):
                    loop.timers.add(0, scope.cancel)
                async with loop.task_group() as group:
                    group.start(forever(), "forever")
            for _ in range(5):
                await loop.yield_now()
            log.append("inside outer")
        log.append("after outer")

    run(main)
    assert log == ["after outer"]


def test_a_scope_cancelled_while_a_group_fails_takes_effect_behind_the_error() -> None:
    log: list[str] = []

    async def fail_when_cancelled() -> None:
        try:
            await forever()
        except Cancelled:
            raise ValueError from None

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            loop.timers.add(0, scope.cancel)
            try:
                async with loop.task_group() as group:
                    group.start(fail_when_cancelled(), "fail")
            except ValueError:
                log.append("handled")
            for _ in range(5):
                await loop.yield_now()
            log.append("inside")
        log.append("after")

    run(main)
    assert log == ["handled", "after"]
