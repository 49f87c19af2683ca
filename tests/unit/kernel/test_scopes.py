"""Cancel scopes: where the cancelling arrives, what it passes through, and what it leaves alone."""

import socket

import pytest

from loadlab.kernel import CancelScope, Loop, run, suspend

pytestmark = pytest.mark.timeout(20)

FAR_NS = 3_600_000_000_000


async def forever() -> None:
    while True:
        await suspend()


def test_a_scope_that_nobody_cancels_changes_nothing() -> None:
    async def main(loop: Loop) -> bool:
        with CancelScope(loop) as scope:
            await loop.yield_now()
        return scope.cancelled

    assert run(main) is False


def test_cancelling_raises_at_the_yield_and_the_scope_catches_it() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            loop.timers.add(0, scope.cancel)
            try:
                await forever()
            finally:
                log.append("cleaned up")
            log.append("resumed")
        assert scope.cancelled

    run(main)
    assert log == ["cleaned up"]


def test_a_task_that_cancels_its_own_scope_goes_on_to_its_next_yield() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            scope.cancel()
            log.append("before the yield")
            await loop.yield_now()
            log.append("after it")

    run(main)
    assert log == ["before the yield"]


def test_a_cancelling_that_comes_too_late_raises_nothing() -> None:
    async def main(loop: Loop) -> str:
        with CancelScope(loop) as scope:
            scope.cancel()
        for _ in range(3):
            await loop.yield_now()
        return "undisturbed"

    assert run(main) == "undisturbed"


def test_a_scope_is_cancelled_once() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            scope.cancel()
            scope.cancel()
            try:
                await forever()
            finally:
                for _ in range(3):
                    await loop.yield_now()
                log.append("cleaned up")

    run(main)
    assert log == ["cleaned up"]


def test_a_scope_that_was_left_cannot_be_cancelled() -> None:
    async def main(loop: Loop) -> bool:
        with CancelScope(loop) as scope:
            pass
        scope.cancel()
        await loop.yield_now()
        return scope.cancelled

    assert run(main) is False


def test_the_outer_scope_ends_the_inner_one_too() -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as outer:
            with CancelScope(loop) as inner:
                loop.timers.add(0, outer.cancel)
                await forever()
            log.append("between")
        assert outer.cancelled
        assert not inner.cancelled

    run(main)
    assert log == []


def test_the_inner_scope_leaves_the_outer_one_alone() -> None:
    async def main(loop: Loop) -> str:
        with CancelScope(loop) as outer:
            with CancelScope(loop) as inner:
                loop.timers.add(0, inner.cancel)
                await forever()
            await loop.yield_now()
            assert inner.cancelled
            assert not outer.cancelled
            return "still in outer"
        return "cancelled"

    assert run(main) == "still in outer"


@pytest.mark.parametrize("inner_first", [True, False])
def test_both_scopes_cancelled_in_the_same_turn_both_take_effect(inner_first: bool) -> None:
    log: list[str] = []

    async def main(loop: Loop) -> None:
        with CancelScope(loop) as outer:
            with CancelScope(loop) as inner:
                for scope in (inner, outer) if inner_first else (outer, inner):
                    loop.timers.add(0, scope.cancel)
                await forever()
            await loop.yield_now()
            log.append("inside outer")
        log.append("after outer")

    run(main)
    assert log == ["after outer"]


def test_of_two_time_scopes_the_one_that_is_due_ends() -> None:
    async def main(loop: Loop) -> tuple[bool, bool]:
        with loop.time_scope(0) as outer, loop.time_scope(FAR_NS) as inner:
            await forever()
        return outer.cancelled, inner.cancelled

    assert run(main) == (True, False)


def test_an_error_passes_through_a_cancelled_scope() -> None:
    async def main(loop: Loop) -> None:
        with CancelScope(loop) as scope:
            scope.cancel()
            raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        run(main)


def test_a_time_scope_that_ends_in_time_leaves_no_deadline() -> None:
    async def main(loop: Loop) -> int | None:
        with loop.time_scope(FAR_NS):
            await loop.yield_now()
        return loop.timers.next_deadline_ns()

    assert run(main) is None


def test_a_wait_that_was_cancelled_leaves_the_descriptor_free_for_the_next() -> None:
    async def main(loop: Loop) -> bytes:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            loop.register(near.fileno())
            await loop.wait_event(near.fileno())  # the one that says that it can be written to
            with CancelScope(loop) as scope:
                loop.timers.add(0, scope.cancel)
                await loop.wait_event(near.fileno())
            assert scope.cancelled
            far.send(b"x")
            await loop.wait_event(near.fileno())
            return near.recv(10)

    assert run(main) == b"x"
