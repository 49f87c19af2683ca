"""What a user can do apart from requests: draws, pauses, steps, checks."""

import pytest

from loadlab.kernel import Loop, run
from loadlab.scenario.user import Shared

from .state import AUTHORITY, state_of, taken, transport_of, user_of


def test_what_it_is_given() -> None:
    async def main(loop: Loop) -> None:
        data = {"name": "alice"}
        user = user_of(state_of(loop, shared={"token": "t"}), 17, data)
        assert (user.number, user.data, user.shared) == (17, {"name": "alice"}, {"token": "t"})
        assert str(user.http.base_url) == f"http://{AUTHORITY}"
        assert user.http.timeout.read == 1.0
        user.data["name"] = "its own"
        assert data == {"name": "alice"}
        user.anything = [1]  # type: ignore[attr-defined]

    run(main)


def test_draws_are_fixed_by_seed_and_number() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)

        def draws(number: int, seed: int) -> list[float]:
            return [user_of(state, number, seed=seed).random.random() for _ in range(1)]

        assert draws(3, 1) == draws(3, 1)
        assert len({tuple(draws(number, seed)) for number in range(5) for seed in range(5)}) == 25

    run(main)


def test_setup_has_all_rows() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop, shared=[1])
        shared = Shared(state, transport_of(state), [{"a": "1"}, {"a": "2"}], 7)
        again = Shared(state, transport_of(state), [], 7)
        assert [row["a"] for row in shared.data] == ["1", "2"]
        assert shared.shared == [1]
        assert shared.random.random() == again.random.random()

    run(main)


@pytest.mark.parametrize(("seconds", "most"), [(0, None), (-1, None), (0, 0), (0.000_001, 0.000_002)])
def test_a_pause_may_be_none(seconds: float, most: float | None) -> None:
    async def main(loop: Loop) -> None:
        await user_of(state_of(loop)).sleep(seconds, most)

    run(main)


def test_pauses_are_drawn_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[int] = []

    async def main(loop: Loop) -> None:
        user = user_of(state_of(loop))
        user._transport.recorded = False

        async def sleep(self: Loop, duration_ns: int) -> None:
            slept.append(duration_ns)

        monkeypatch.setattr(Loop, "sleep", sleep)
        for _ in range(100):
            await user.sleep(0.2, 0.5)
        await user.sleep(3)

    run(main)
    assert slept.pop() == 3_000_000_000
    assert all(200_000_000 <= each <= 500_000_000 for each in slept)
    assert len(set(slept)) == 100


def test_steps_have_their_outcomes() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        user = user_of(state)
        async with user.step("outer"), user.step("inner"):
            pass
        with pytest.raises(KeyError):
            async with user.step("outer"), user.step("inner"):
                raise KeyError("k")
        user._transport.recorded = False
        async with user.step("not recorded"):
            pass
        found = {name: snapshot.outcomes for (level, name), snapshot in taken(state).items() if level == "step"}
        assert found == {"outer": {"ok": 1, "script_error": 1}, "inner": {"ok": 1, "script_error": 1}}

    run(main)


def test_checks_are_counted_and_returned() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        user = user_of(state)
        assert user.check([1], "full") is True
        assert user.check("", "full") is False
        user._transport.recorded = False
        assert user.check(False, "full") is False
        check = state.samples.checks["full"]
        assert (check.passed, check.failed) == (1, 1)

    run(main)


def test_a_group_runs_what_it_is_given() -> None:
    async def main(loop: Loop) -> list[int]:
        user = user_of(state_of(loop))

        async def one(number: int) -> int:
            await loop.yield_now()
            return number

        async with user.group() as group:
            started = [group.start(one(number)) for number in range(3)]
        return [each.result for each in started]

    assert run(main) == [0, 1, 2]
