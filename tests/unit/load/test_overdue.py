"""Who is asked to give up, and when they are looked at again."""

import time

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.overdue import expire_overdue

pytestmark = pytest.mark.timeout(20)

SECOND_NS = 1_000_000_000
TIMEOUT_NS = 10 * SECOND_NS


class User:
    def __init__(self) -> None:
        self.asked = 0

    def expire(self, now_ns: int) -> None:
        self.asked += 1


def look(ages_ns: list[int | None]) -> tuple[list[int], int]:
    """Return how many times each was asked to give up, and in how many ns to look again. None: it does not wait."""
    users = [User() for _ in ages_ns]

    async def main(loop: Loop) -> int:
        begun_ns = time.monotonic_ns()
        since_ns = [0 if age_ns is None else begun_ns - age_ns for age_ns in ages_ns]
        return await expire_overdue(loop, users, since_ns, TIMEOUT_NS) - begun_ns

    again_ns = run(main)
    return [user.asked for user in users], again_ns


def test_nobody_is_asked_to_give_up_in_time() -> None:
    asked, _ = look([None, 0, 9 * SECOND_NS])
    assert asked == [0, 0, 0]


def test_all_near_one_who_is_overdue_look_themselves() -> None:
    asked, _ = look([None] * 300 + [11 * SECOND_NS] + [0] * 300)
    assert asked[300] == 1
    assert set(asked[:250]) == {0}
    assert set(asked[500:]) == {0}


def test_the_next_look_is_when_the_oldest_will_be_overdue() -> None:
    _, again_ns = look([None, 0, 4 * SECOND_NS])
    assert again_ns == 6 * SECOND_NS


@pytest.mark.parametrize("ages_ns", [[11 * SECOND_NS], [TIMEOUT_NS - 1], [None, 20 * SECOND_NS]])
def test_looks_are_a_pause_apart(ages_ns: list[int | None]) -> None:
    _, again_ns = look(ages_ns)
    assert SECOND_NS // 10 <= again_ns < 5 * SECOND_NS


@pytest.mark.parametrize("ages_ns", [[], [None, None]])
def test_without_anyone_who_waits_the_next_look_is_a_timeout_later(ages_ns: list[int | None]) -> None:
    _, again_ns = look(ages_ns)
    assert again_ns >= TIMEOUT_NS
