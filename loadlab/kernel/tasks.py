"""Tasks, and the scopes that bound them: structured concurrency for everything that is not the hot path.

A task is a coroutine that the loop resumes. There is one way to suspend, `suspend`, and every wait is built on it by
the same rule: arrange to be woken, suspend, and check again, because a wake-up may be spurious. Cancelling raises
`Cancelled` in the coroutine at its yield; the scope that caused it swallows it.
"""

import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from loadlab.kernel.loop import Loop
    from loadlab.kernel.timers import Timer


@types.coroutine
def suspend() -> Generator[None, None, None]:
    """Return control to the loop until this task is resumed. The only yield of the kernel."""
    yield


class Cancelled(BaseException):
    """Raised at a task's yield when `scope` was cancelled. Do not catch it: the scope does."""

    def __init__(self, scope: "CancelScope") -> None:
        super().__init__()
        self.scope = scope

    def if_active(self) -> Self | None:
        """Return itself, or None if its scope has been left meanwhile: then there is nothing to cancel."""
        return self if self.scope.active else None


class Task:
    """One coroutine under way. `send` is its `coroutine.send`, bound once: the loop calls it for every event."""

    __slots__ = ("coroutine", "done", "name", "on_done", "send")

    def __init__(
        self,
        coroutine: Coroutine[None, None, object],
        name: str,
        on_done: Callable[["Task", object, BaseException | None], None],
    ) -> None:
        self.coroutine = coroutine
        self.send: Callable[[None], object] = coroutine.send
        self.name = name
        self.on_done = on_done
        self.done = False


class CancelScope(AbstractContextManager["CancelScope"]):
    """A block of one task that can be cancelled, by `cancel()` or by its deadline.

    After the `with` block, `cancelled` is whether it was.
    """

    def __init__(self, loop: "Loop", deadline_ns: int | None = None) -> None:
        self._loop = loop
        self._task = loop.current
        self.active = False
        self._requested = False
        self._deadline_ns = deadline_ns
        self._timer: Timer | None = None
        self.cancelled = False

    def __enter__(self) -> Self:
        self.active = True
        if self._deadline_ns is not None:
            self._timer = self._loop.timers.add(self._deadline_ns, self.cancel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.active = False
        if self._timer is not None:
            self._timer.cancel()
        self.cancelled = isinstance(error, Cancelled) and error.scope is self
        return self.cancelled

    def cancel(self) -> None:
        """Raise `Cancelled` in the scope's task at its next yield, once."""
        if self.active and not self._requested:
            self._requested = True
            self._loop.throw_soon(self._task, Cancelled(self).if_active)


class TaskGroup:
    """Tasks that end before the block does. The first error of any of them, or of the block, cancels all others.

    `async with TaskGroup(loop) as group: group.start(work(), "name")`

    A single error is raised as it is. Several are raised together, in an ExceptionGroup (a BaseExceptionGroup if one of
    them is no Exception): what goes wrong while the others are cancelled may be the cause, and must not be lost.
    """

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        self._parent = loop.current
        self._scope = CancelScope(loop)
        self._children: dict[Task, None] = {}  # a set in the order of starting
        self._cancelled = False
        self._errors: list[BaseException] = []

    def start(self, coroutine: Coroutine[None, None, object], name: str) -> Task:
        """Start a task in this group; it runs from the loop's next turn on."""
        task = self._loop.start_task(coroutine, name, self._on_done)
        self._children[task] = None
        if self._cancelled:
            self._cancel_child(task)
        return task

    def cancel(self) -> None:
        """Raise `Cancelled` once in every task of the group. The block then ends without an error."""
        if not self._cancelled:
            self._cancelled = True
            for task in self._children:
                self._cancel_child(task)

    async def __aenter__(self) -> Self:
        self._scope.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.cancel()
            if not isinstance(error, Cancelled):
                self._errors.append(error)
        from_outside: list[Cancelled] = []
        while self._children:
            try:
                await suspend()
            except Cancelled as cancelled:
                if cancelled.scope is not self._scope:
                    from_outside.append(cancelled)
                self.cancel()
        swallowed = self._scope.__exit__(kind, error, trace)
        leaving = self._leaving(error)
        self._errors.clear()  # an error's traceback refers to the owner of this group
        if leaving is None and error is None and from_outside:
            leaving = from_outside.pop(0)
        # Only one error can be raised here; other scopes further out are still cancelled, at the next yield.
        for unheeded in from_outside:
            self._loop.throw_soon(self._parent, unheeded.if_active)
        if leaving is None:
            return swallowed
        try:
            raise leaving
        finally:
            del leaving  # with its traceback it would refer to this frame

    def _leaving(self, error: BaseException | None) -> BaseException | None:
        """Return what is to be raised; None if that is nothing, or `error`, with which the block ended."""
        if len(self._errors) > 1:
            return BaseExceptionGroup("several tasks failed", self._errors)
        return self._errors[0] if self._errors and self._errors[0] is not error else None

    def _cancel_child(self, task: Task) -> None:
        self._loop.throw_soon(task, Cancelled(self._scope).if_active)

    def _on_done(self, task: Task, result: object, error: BaseException | None) -> None:
        self._children.pop(task, None)
        if error is not None and not isinstance(error, Cancelled):
            self._errors.append(error)
            self.cancel()
            self._scope.cancel()
        if not self._children:
            self._loop.resume_soon(self._parent)
