"""What an event loop can wait for without blocking: time, a descriptor, or being told.

Everything that a handler waits for comes down to these (`nonblocking`). They are plain data, like `waits`, so the same
code serves a loop of callbacks and a loop of coroutines.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from waits import Sleep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readable:
    """Until `fd` can be read. It may be over too soon: try to read, and wait again if there was nothing."""

    fd: int


@dataclass(frozen=True, slots=True)
class Writable:
    """Until `fd` can be written. It may be over too soon, like `Readable`."""

    fd: int


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Until somebody calls the function that `start` is called with: once, in the loop's thread, any time later.

    Whoever calls it is in the middle of something, so the loop only notes it, and goes on with the waiter in its turn.
    """

    start: Callable[[Callable[[], None]], None]


LoopWait = Sleep | Readable | Writable | WakeUp

LoopSteps = Generator[LoopWait, None, T]
"""Something under way that takes its turns with everything else in the loop; returns a T in the end."""


class Watching(Protocol):
    """The part of an event loop that learns which descriptors `Readable` and `Writable` will name."""

    def register(self, fd: int) -> None:
        """Be ready to wait for `fd`, a non-blocking one, until `unregister`."""

    def unregister(self, fd: int) -> None:
        """Forget `fd`, which is about to be closed."""
