"""Who may send when: arrivals given to free users in turn, queued while none is free, dropped at the end."""

import itertools
import time
import types
from collections.abc import Generator
from typing import Any

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.pacing import Agenda, Allowance, Gate, Pacing, ThinkTime

pytestmark = pytest.mark.timeout(20)


def agenda_of(loop: Loop, times_ns: list[int], users: int = 3, spin_ns: int = 0) -> Agenda:
    agenda = Agenda(loop, users, spin_ns)
    agenda.begin(iter(times_ns))
    return agenda


def test_nothing_is_due_before_its_time() -> None:
    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [100, 200])
        assert agenda.take_due(99) == 0
        assert agenda.take_due(100) == 100
        assert agenda.take_due(150) == 0
        assert agenda.take_due(1_000) == 200
        assert agenda.take_due(10**18) == 0

    run(main)


def test_before_it_begins_nothing_arrives() -> None:
    async def main(loop: Loop) -> None:
        assert Agenda(loop, 1, 0).take_due(10**18) == 0

    run(main)


def test_free_users_get_arrivals_in_the_order_in_which_they_became_free() -> None:
    got: list[tuple[int, int]] = []

    async def use(agenda: Agenda, number: int) -> None:
        got.append((number, await wait(agenda, number)))

    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [100, 200, 300])
        async with loop.task_group() as group:
            for number in (2, 0, 1):
                group.start(use(agenda, number), "user")
            await loop.yield_now()
            await loop.yield_now()
            agenda.release(99)
            agenda.release(250)
            await loop.yield_now()
            assert got == [(2, 100), (0, 200)]
            agenda.release(300)

    run(main)
    assert got == [(2, 100), (0, 200), (1, 300)]


def test_a_wake_up_that_gives_nothing_is_slept_over() -> None:
    async def main(loop: Loop) -> int:
        agenda = agenda_of(loop, [100])
        got: list[int] = []

        async def use() -> None:
            got.append(await wait(agenda, 0))

        async with loop.task_group() as group:
            task = group.start(use(), "user")
            await loop.yield_now()
            loop.resume_soon(task)
            await loop.yield_now()
            await loop.yield_now()
            assert got == []
            agenda.release(100)
        return got[0]

    assert run(main) == 100


def test_the_loop_watches_the_clock_before_an_arrival_for_somebody_who_is_free() -> None:
    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [1_000, 2_000], users=1, spin_ns=50)
        assert agenda.watch_ns(500) is None
        async with loop.task_group() as group:
            group.start(wait_and_end(agenda), "user")
            await loop.yield_now()
            await loop.yield_now()
            assert agenda.watch_ns(500) == 950
            agenda.release(1_000)

    run(main)


def test_the_loop_watches_for_an_answer_as_long_as_it_spins_and_then_sleeps() -> None:
    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [1_000, 2_000], users=1, spin_ns=50)
        assert agenda.take_due(1_000) == 1_000
        assert agenda.watch_ns(1_049) == 1_049
        assert agenda.watch_ns(1_050) is None

    run(main)


def test_what_is_due_and_not_sent_at_the_end_is_dropped_and_forgotten() -> None:
    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, list(range(100, 1_100, 100)))
        assert agenda.take_due(100) == 100
        assert agenda.drop_overdue(750) == ([], 6)
        assert agenda.take_due(10**18) == 0
        agenda.begin(iter([1_100]))
        assert agenda.take_due(10**18) == 1_100

    run(main)


def test_what_was_about_to_be_sent_at_the_end_of_a_window_is_not_sent_in_the_next() -> None:
    got: list[int] = []

    async def use(agenda: Agenda) -> None:
        got.append(await wait(agenda, 0))

    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [100], users=1)
        async with loop.task_group() as group:
            group.start(use(agenda), "user")
            await loop.yield_now()
            await loop.yield_now()
            agenda.release(100)
            assert agenda.drop_overdue(100) == ([0], 0)
            agenda.begin(iter([300]))
            await loop.yield_now()
            await loop.yield_now()
            assert got == []
            agenda.release(300)

    run(main)
    assert got == [300]


def test_what_is_due_for_a_user_who_is_free_was_about_to_be_sent() -> None:
    async def main(loop: Loop) -> None:
        agenda = agenda_of(loop, [100, 200, 300, 400, 10**18])
        async with loop.task_group() as group:
            for number in range(3):
                group.start(wait_and_end(agenda, number), "user")
            await loop.yield_now()
            await loop.yield_now()
            agenda.release(100)
            assert agenda.drop_overdue(500) == ([0, 1, 2], 1)
            group.cancel()

    run(main)


@pytest.mark.parametrize("times", ["constant", "exponential"])
def test_a_user_thinks_before_each_request(times: Any) -> None:  # noqa: ANN401 - one of the two literals
    async def main(loop: Loop) -> list[int]:
        gate = Gate(loop)
        gate.open()
        thinking = ThinkTime(loop, gate, mean_ns=1_000, times=times, seed=0)
        assert thinking.take_due(10**18) == 0
        return [await wait(thinking, 0, now_ns=0) for _ in range(2_000)]

    pauses = run(main)
    assert sum(pauses) / len(pauses) == pytest.approx(1_000, rel=0.1)
    assert (len(set(pauses)) == 1) == (times == "constant")


def test_arrivals_may_be_given_without_end() -> None:
    async def main(loop: Loop) -> None:
        agenda = Agenda(loop, 1, 0)
        agenda.begin(itertools.count(10, 10))
        assert agenda.drop_overdue(1_000) == ([], 100)

    run(main)


def test_who_waits_at_the_gate_goes_on_when_it_opens_in_the_order_of_coming() -> None:
    passed: list[int] = []

    async def use(gate: Gate, number: int) -> None:
        await gate.wait()
        passed.append(number)

    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        assert gate.closed
        async with loop.task_group() as group:
            tasks = [group.start(use(gate, number), "user") for number in (2, 0, 1)]
            await loop.yield_now()
            loop.resume_soon(tasks[1])  # a spurious wake-up
            await loop.yield_now()
            await loop.yield_now()
            assert passed == []
            gate.open()
        assert not gate.closed
        await gate.wait()

    run(main)
    assert passed == [2, 0, 1]


def test_a_gate_that_closes_at_once_lets_nobody_through() -> None:
    async def use(gate: Gate) -> None:
        await gate.wait()

    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        async with loop.task_group() as group:
            task = group.start(use(gate), "user")
            await loop.yield_now()
            gate.open()
            gate.close()
            await loop.yield_now()
            await loop.yield_now()
            assert not task.done
            gate.open()

    run(main)


def test_waiting_at_the_gate_can_be_cancelled() -> None:
    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        with loop.time_scope(0) as scope:
            await gate.wait()
        assert scope.cancelled
        gate.open()

    run(main)


def test_who_waits_for_the_gate_to_close_goes_on_when_it_does() -> None:
    ended: list[str] = []

    async def watch(gate: Gate, name: str) -> None:
        await gate.wait_closed()
        ended.append(name)

    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        await gate.wait_closed()  # it is
        gate.open()
        with loop.time_scope(0) as scope:
            await gate.wait_closed()
        assert scope.cancelled
        async with loop.task_group() as group:
            tasks = [group.start(watch(gate, name), name) for name in ("first", "second")]
            await loop.yield_now()
            loop.resume_soon(tasks[0])  # a spurious wake-up
            await loop.yield_now()
            await loop.yield_now()
            assert ended == []
            gate.close()
        assert ended == ["first", "second"]

    run(main)


def test_a_user_thinks_only_while_the_gate_is_open() -> None:
    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        thinking = ThinkTime(loop, gate, mean_ns=1_000, times="constant", seed=0)
        pauses: list[int] = []

        async def think() -> None:
            now_ns = time.monotonic_ns()
            pauses.append(await wait(thinking, 0, now_ns) - now_ns)

        async with loop.task_group() as group:
            group.start(think(), "user")
            for _ in range(3):
                await loop.yield_now()
            assert pauses == []
            thinking_ns = time.monotonic_ns()
            silent_ns = time.monotonic_ns() - thinking_ns
            gate.open()
        assert pauses[0] >= 1_000 + silent_ns

    run(main)


def test_an_allowance_gives_as_many_requests_as_it_has_to_those_who_come_first() -> None:
    async def main(loop: Loop) -> None:
        allowance = Allowance(loop, users=2)
        assert allowance.take_due(1) == 0
        allowance.begin(3)
        assert [allowance.take_due(now_ns) for now_ns in (10, 11)] == [10, 11]
        assert await wait(allowance, 0, now_ns=12) == 12
        assert allowance.take_due(13) == 0
        assert not allowance.used_up

    run(main)


def test_an_allowance_is_used_up_when_each_user_has_come_for_another() -> None:
    served: list[int] = []
    used_up: list[int] = []

    async def use(loop: Loop, allowance: Allowance, number: int) -> None:
        while True:
            await wait(allowance, number, now_ns=1)
            served.append(number)
            await loop.yield_now()

    async def watch(allowance: Allowance) -> None:
        await allowance.wait_used_up()
        used_up.append(len(served))

    async def main(loop: Loop) -> None:
        allowance = Allowance(loop, users=3)
        async with loop.task_group() as group:
            for number in range(3):
                group.start(use(loop, allowance, number), "user")
            await loop.yield_now()
            await loop.yield_now()
            for requests in (5, 0, 2):  # a window has nothing left over from the one before
                allowance.begin(requests)
                watcher = group.start(watch(allowance), "watch")
                while not watcher.done:
                    await loop.yield_now()
                served.clear()
            group.cancel()

    run(main)
    assert used_up == [5, 0, 2]


def test_an_allowance_without_a_number_is_endless_until_it_ends() -> None:
    async def main(loop: Loop) -> None:
        allowance = Allowance(loop, users=1)
        allowance.begin(None)
        assert all(allowance.take_due(now_ns) for now_ns in range(1, 1000))
        allowance.end()
        assert allowance.take_due(1) == 0
        assert not allowance.used_up

    run(main)


def test_users_of_an_allowance_think_before_each_request() -> None:
    async def main(loop: Loop) -> None:
        gate = Gate(loop)
        gate.open()
        allowance = Allowance(loop, 1, ThinkTime(loop, gate, mean_ns=1_000, times="constant", seed=0))
        allowance.begin(1)
        assert allowance.take_due(5) == 0
        now_ns = time.monotonic_ns()
        assert await wait(allowance, 0, now_ns) >= now_ns + 1_000

    run(main)


@types.coroutine
def wait(pacing: Pacing, number: int, now_ns: int = 0) -> Generator[None, None, int]:
    return (yield from pacing.wait_turn(number, now_ns))


async def wait_and_end(agenda: Agenda, number: int = 0) -> None:
    await wait(agenda, number)
