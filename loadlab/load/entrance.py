"""How many connections are begun at once, so that they fit into a server's backlog."""

from collections import deque
from types import TracebackType
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.tasks import Task, suspend

CONNECTING_AT_ONCE: Final = 100
"""Within the smallest listen backlog in common use (Python's and Go's default is 128)."""


class Entrance:
    """`async with entrance:` a few are inside at a time, in the order of their coming; the others wait."""

    def __init__(self, loop: Loop, places: int = CONNECTING_AT_ONCE) -> None:
        self._loop = loop
        self._places = places
        self._waiting: deque[Task] = deque()

    async def __aenter__(self) -> None:
        task = self._loop.current
        if self._places and not self._waiting:
            self._places -= 1
            return
        self._waiting.append(task)
        try:
            while not (self._places and self._waiting[0] is task):
                await suspend()
        finally:
            self._waiting.remove(task)
            self._admit()
        self._places -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places += 1
        self._admit()

    def _admit(self) -> None:
        if self._places and self._waiting:
            self._loop.resume_soon(self._waiting[0])
