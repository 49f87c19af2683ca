"""What a handler can wait for. Each is plain data; the architecture that runs the handler decides how to wait."""

from collections.abc import Callable
from dataclasses import dataclass


class Failure(Exception):
    """Waiting came to nothing (a file, the database or the other server failed); its text says why."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Time that has to pass. No result."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """A function that blocks whoever calls it, whatever anyone does: files on disk, and libraries with no other way.

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
