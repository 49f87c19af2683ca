"""One user's iterations: when they begin, how they end, and when all is given up."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.pacing import Agenda, Pacing
from loadlab.scenario.iterations import HOPELESS, Iterations
from loadlab.scenario.script import Script, ScriptError
from loadlab.scenario.user import User
from loadlab.scenario.worker_state import WorkerState

from .state import state_of, taken, transport_of

Function = Callable[[User], Any]


def iterations_of(state: WorkerState, function: Function, pacing: Pacing | None = None) -> Iterations:
    transport = transport_of(state)
    user = User(state, transport, 0, {}, 1)
    return Iterations(state, Script(function, None, None, None, None), user, transport, pacing, 0)


async def for_turns(loop: Loop, iterations: Iterations, turns: int, then: Awaitable[None] | None = None) -> None:
    """Run iterations for so many turns of the loop."""
    async with loop.task_group() as group:
        group.start(iterations.run(), "user")
        for _ in range(turns):
            await loop.yield_now()
        if then is not None:
            await then
        group.cancel()


def outcomes(state: WorkerState) -> dict[str, int]:
    return {key: count for key, count in taken(state)["iteration", "checkout"].outcomes.items() if count}


def test_one_follows_the_other_and_others_have_their_turn() -> None:
    async def main(loop: Loop) -> None:
        state, count = state_of(loop), 0

        async def function(user: User) -> None:
            nonlocal count
            count += 1  # and never waits

        await for_turns(loop, iterations_of(state, function), 10)
        assert 3 <= count <= 12  # one in a turn
        assert outcomes(state) == {"ok": count}
        assert state.iterations == count

    run(main)


def test_none_begins_while_the_gate_is_closed() -> None:
    async def main(loop: Loop) -> list[int]:
        state, begun = state_of(loop, is_open=False), []

        async def function(user: User) -> None:
            begun.append(len(counts))
            await loop.yield_now()

        counts: list[int] = []

        async def open_gate() -> None:
            counts.append(len(begun))
            state.gate.open()
            for _ in range(4):
                await loop.yield_now()
            state.gate.close()
            for _ in range(3):
                await loop.yield_now()
            counts.append(len(begun))
            for _ in range(5):
                await loop.yield_now()
            counts.append(len(begun))

        await for_turns(loop, iterations_of(state, function), 5, open_gate())
        return counts

    before, after, later = run(main)
    assert before == 0
    assert after == later > 0


def test_in_the_open_model_they_begin_when_they_are_due() -> None:
    async def main(loop: Loop) -> None:
        state, count = state_of(loop), 0

        async def function(user: User) -> None:
            nonlocal count
            count += 1

        agenda = Agenda(loop, 1, 0)
        agenda.begin(iter([loop.batch_ns - 5_000_000, loop.batch_ns - 1_000_000]))  # both are late
        iterations = iterations_of(state, function, agenda)
        await for_turns(loop, iterations, 10)
        assert count == 2
        assert not iterations.under_way
        recorder = state.samples.iteration
        assert recorder.waiting == 2
        lateness_ns = recorder.late[0::3]
        assert lateness_ns[0] >= 5_000_000
        assert lateness_ns[1] >= 1_000_000

    run(main)


def test_how_they_end() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        errors = iter([None, KeyError("k"), SystemExit(2), None])

        async def function(user: User) -> None:
            error = next(errors, None)
            if error is not None:
                raise error

        await for_turns(loop, iterations_of(state, function), 5)
        found = outcomes(state)
        assert found["script_error"] == state.script_errors == 2
        assert found["ok"] >= 2

    run(main)


def test_a_hundred_errors_in_the_beginning_are_hopeless() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)

        async def function(user: User) -> None:
            raise KeyError("price")

        with pytest.raises(ScriptError, match=r"(?s)all of the first 100 .* KeyError: 'price'|KeyError: 'price'"):
            await iterations_of(state, function).run()
        assert state.iterations == HOPELESS

    run(main)


def test_one_that_ended_well_gives_hope() -> None:
    async def main(loop: Loop) -> None:
        state, count = state_of(loop), 0

        async def function(user: User) -> None:
            nonlocal count
            count += 1
            if count != 7:
                raise KeyError("price")

        await for_turns(loop, iterations_of(state, function), 2 * HOPELESS)
        assert state.iterations > HOPELESS

    run(main)
