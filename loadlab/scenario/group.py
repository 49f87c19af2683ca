"""`user.group()`: requests, and whatever else is awaited, at the same time."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

from loadlab.kernel import Cancelled, Loop, TaskGroup

T = TypeVar("T")

Drive: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
"""Makes of a coroutine of the user's one that the loop can run."""


class Started(Generic[T]):
    """What a group has started. `result` is there once the group's block has ended; `done` is whether it is there."""

    __slots__ = ("_result", "done")

    def __init__(self) -> None:
        self.done = False
        self._result: T

    @property
    def result(self) -> T:
        """What the coroutine returned. Raises RuntimeError while it has not."""
        if not self.done:
            raise RuntimeError("no result yet: it is there behind the block `async with user.group()`")
        return self._result


class Group:
    """`async with user.group() as group: pages = group.start(user.http.get("/pages"))`, and behind it `pages.result`.

    The block ends when all that it started has. The first error, of any of them or of the block, cancels all others and
    is raised.
    """

    def __init__(self, loop: Loop, drive: Drive) -> None:
        self._drive = drive
        self._tasks = TaskGroup(loop)
        self._first: BaseException | None = None
        self._is_open = False

    def start(self, awaitable: Awaitable[T]) -> Started[T]:
        """Await something, such as a request, beside what else was started.

        Raises TypeError if it cannot be awaited, and RuntimeError outside of the block, where nobody waits for its end.
        """
        if not inspect.isawaitable(awaitable):
            raise TypeError(
                f'group.start takes a coroutine, as in group.start(user.http.get("/")), and not {_kind(awaitable)}'
            )
        if not self._is_open:
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            raise RuntimeError("group.start belongs into the block of `async with user.group() as group`")
        started = Started[T]()
        self._tasks.start(self._drive(self._keep_result(awaitable, started)), "group of a user")
        return started

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._note(error)
        first: BaseException | None = None
        try:
            return await self._tasks.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            if errors is self._first:
                raise
            first = self._first
        finally:
            self._is_open = False
            self._first = None  # its traceback refers to the owner of this group
        if first is error or first is None:
            return False
        try:
            raise first
        finally:
            del first  # it would hold itself by its traceback, and nothing collects cycles while measuring

    async def _keep_result(self, awaitable: Awaitable[T], started: Started[T]) -> None:
        try:
            started._result = await awaitable
            started.done = True
        except BaseException as error:
            self._note(error)
            raise

    def _note(self, error: BaseException | None) -> None:
        if self._first is None and not isinstance(error, Cancelled):
            self._first = error


def _kind(value: object) -> str:
    return f"the function {value.__name__}" if inspect.isfunction(value) else type(value).__name__
