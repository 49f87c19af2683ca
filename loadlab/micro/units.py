"""Units that switch in user space: how each kind passes control on, and how many are kept alive to be weighed."""

import sys
from collections.abc import Callable, Coroutine, Generator, Sequence
from itertools import repeat
from time import perf_counter_ns
from typing import Final, Protocol

from loadlab.kernel import Loop, run, suspend

Weigh = Callable[[Sequence[int]], int]
"""Returns the bytes in use by this process and by those with the given pids."""

_MOST: Final = 100_000
_SWITCHES: Final = 50_000
_TASKS: Final = 64
"""Tasks that take turns. The loop polls once a turn, and with two tasks that poll would be most of what is measured
(1.0 us a switch, 0.29 us with 64). A server under load has many that are ready at once; with thousands of them, what
they touch no longer stays in the processor's cache (1.1 us with 4,096)."""


class UnitKind(Protocol):
    """One kind of unit."""

    plural: str
    """Its name in messages."""

    most: int
    """How many may be alive at once."""

    switches: int
    """How many make a batch: enough to last some milliseconds, few enough that some batches stay undisturbed."""

    def pass_turns(self, switches: int) -> int:
        """Make that many switches; return how long they took, in nanoseconds."""

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        """Return what `weigh` finds while `count` units are alive. Raises LoadlabError if there cannot be so many."""


class Calls:
    """A function that returns at once. One that is alive has not returned yet: they are nested."""

    plural = "nested calls"
    most = _MOST
    switches = _SWITCHES

    def pass_turns(self, switches: int) -> int:
        def unit() -> None:
            pass

        start_ns = perf_counter_ns()
        for _ in repeat(None, switches):
            unit()
        return perf_counter_ns() - start_ns

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        def unit(depth: int) -> int:
            return unit(depth - 1) if depth else weigh(())

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + count)
        try:
            return unit(count)
        finally:
            sys.setrecursionlimit(limit)


class Resumed:
    """What is resumed by its `send`, with no loop between: generators, or coroutines."""

    most = _MOST
    switches = _SWITCHES

    def __init__(self, plural: str, make: Callable[[], "Suspendable"]) -> None:
        self.plural = plural
        self._make = make

    def pass_turns(self, switches: int) -> int:
        return _time_sends(_started(self._make()), switches)

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        alive = [_started(self._make()) for _ in range(count)]
        found = weigh(())
        alive.clear()
        return found


def generators() -> Resumed:
    """Return generators as units."""
    return Resumed("generators", _yield_for_ever)


def bare_coroutines() -> Resumed:
    """Return coroutines without a loop as units."""
    return Resumed("coroutines", _suspend_for_ever)


class Coroutines:
    """A task on loadlab.kernel: a coroutine that the loop resumes in its turn."""

    plural = "coroutines"
    most = _MOST
    switches = 200 * _TASKS

    def pass_turns(self, switches: int) -> int:
        turns, more = divmod(switches, _TASKS)

        async def take_turns(loop: Loop, turns: int) -> None:
            for _ in repeat(None, turns):
                await loop.yield_now()

        async def main(loop: Loop) -> int:
            start_ns = perf_counter_ns()
            async with loop.task_group() as group:
                for number in range(_TASKS):
                    group.start(take_turns(loop, turns + (number < more)), "take turns")
            return perf_counter_ns() - start_ns

        return run(main)

    def weigh_alive(self, count: int, weigh: Weigh) -> int:
        async def main(loop: Loop) -> int:
            async with loop.task_group() as group:
                for _ in range(count):
                    group.start(_suspend_for_ever(), "suspended")
                await loop.yield_now()  # all of them are resumed for the first time before this returns
                found = weigh(())
                group.cancel()
            return found

        return run(main)


def _yield_for_ever() -> Generator[None, None, None]:
    while True:
        yield


async def _suspend_for_ever() -> None:
    while True:
        await suspend()


Suspendable = Generator[None, None, None] | Coroutine[None, None, None]


def _started(unit: Suspendable) -> Suspendable:
    """Run it to its first suspension."""
    unit.send(None)
    return unit


def _time_sends(unit: Suspendable, switches: int) -> int:
    send = unit.send
    start_ns = perf_counter_ns()
    for _ in repeat(None, switches):
        send(None)
    return perf_counter_ns() - start_ns
