"""How many are inside at once, and who comes next."""

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.entrance import Entrance

pytestmark = pytest.mark.timeout(20)


class Visitors:
    """Tasks that enter by their number, and stay until they are let out."""

    def __init__(self, loop: Loop, places: int) -> None:
        self.inside: list[int] = []
        self._loop = loop
        self._entrance = Entrance(loop, places)
        self._leaving: set[int] = set()

    async def visit(self, number: int) -> None:
        async with self._entrance:
            self.inside.append(number)
            while number not in self._leaving:
                await self._loop.yield_now()
            self.inside.remove(number)

    async def let_out(self, *numbers: int) -> None:
        self._leaving.update(numbers)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await self._loop.yield_now()


def test_a_few_are_inside_at_once_in_the_order_of_their_coming() -> None:
    async def main(loop: Loop) -> None:
        visitors = Visitors(loop, places=2)
        async with loop.task_group() as group:
            for number in range(5):
                group.start(visitors.visit(number), "visitor")
            await visitors.settle()
            assert visitors.inside == [0, 1]
            await visitors.let_out(1)
            assert visitors.inside == [0, 2]
            await visitors.let_out(0, 2)
            assert visitors.inside == [3, 4]
            await visitors.let_out(3, 4)
            assert visitors.inside == []

    run(main)


def test_one_who_gives_up_leaves_its_place_to_the_next() -> None:
    async def main(loop: Loop) -> None:
        visitors = Visitors(loop, places=1)
        given_up: list[bool] = []

        async def visit_briefly() -> None:
            with loop.time_scope(0) as scope:
                await visitors.visit(1)
            given_up.append(scope.cancelled)

        async with loop.task_group() as group:
            group.start(visitors.visit(0), "visitor")
            group.start(visit_briefly(), "impatient visitor")
            group.start(visitors.visit(2), "visitor")
            while not given_up:
                await loop.yield_now()
            assert given_up == [True]
            assert visitors.inside == [0]
            await visitors.let_out(0)
            assert visitors.inside == [2]
            await visitors.let_out(2)

    run(main)


def test_an_error_inside_frees_the_place() -> None:
    async def main(loop: Loop) -> None:
        entrance = Entrance(loop, 1)
        for _ in range(3):
            with pytest.raises(OSError, match="refused"):
                async with entrance:
                    raise OSError("refused")

    run(main)
