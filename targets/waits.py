"""What can be waited for, as plain data: by a handler, and by an event loop; and where that lies.

The architecture that runs a handler decides how its waits are made: `blocking.run` blocks, `nonblocking.NonBlocking`
reduces them to the few things that an event loop can wait for. So the same handlers serve every architecture, and the
same `NonBlocking` serves a loop of callbacks and a loop of coroutines.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class Failure(Exception):
    """Waiting came to nothing (a file, the database or the other server failed); its text says why."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Time that has to pass. No result."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """A function that always blocks its caller: files on disk, and libraries that offer no other way.

    Regular files are always "ready" for select, poll and epoll, and still read() waits for the disk. So an
    architecture that must not block has to give it to a thread. The result is the function's; it may raise Failure.
    """

    function: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A GET request for `path` to the upstream server. The result is the body of its answer."""

    path: str


@dataclass(frozen=True, slots=True)
class Query:
    """A statement for the PostgreSQL server, `parameters` for its $1, $2 ...; the result is its first value, a text."""

    statement: str
    parameters: tuple[str, ...] = ()


Wait = Sleep | Call | Fetch | Query
"""What a handler can wait for."""


@dataclass(slots=True)
class Environment:
    """`database` is a PostgreSQL connection string, None for a SQLite file in `folder`; `upstream` a host and port."""

    folder: Path = field(default_factory=Path)
    database: str | None = None
    upstream: tuple[str, int] | None = None


ENVIRONMENT = Environment()
"""What the handlers of this process reach; the command line fills it in before the first connection is accepted."""


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

    Its caller is in the middle of something, so the loop only notes it, and goes on with the waiter in its turn.
    """

    start: Callable[[Callable[[], None]], None]


LoopWait = Sleep | Readable | Writable | WakeUp
"""What an event loop can wait for."""

LoopSteps = Generator[LoopWait, None, T]
"""Something under way that takes its turns with everything else in the loop; returns a T in the end."""


class Watching(Protocol):
    """The part of an event loop that learns which descriptors `Readable` and `Writable` will name."""

    def register(self, fd: int) -> None:
        """Be ready to wait for `fd`, a non-blocking one, until `unregister`."""

    def unregister(self, fd: int) -> None:
        """Forget `fd`, which is about to be closed."""
