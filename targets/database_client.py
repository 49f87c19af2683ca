"""The PostgreSQL client behind the handler `database`, for a loop: queries never block, over a few connections.

A PostgreSQL connection serves one query at a time and costs the server a process. So however many requests wait for
the database, there are only so many connections, and the others wait for their turn: in order, each a small object.
"""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn

import postgresql
from disk_threads import DiskThreads
from loop_waits import LoopSteps, Readable, WakeUp, Watching
from waits import Query

# PostgreSQL allows 100 in all unless told otherwise, so three processes can have so many each.
_MAX_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class _Connection:
    """One connection of libpq, and a copy of its descriptor.

    The loop watches the copy: libpq closes its own as soon as the connection breaks, and whoever opens a file next gets
    that number.
    """

    libpq: PGconn
    fd: int


class DatabaseClient:
    """Asks the PostgreSQL server of the environment."""

    def __init__(self, watching: Watching, threads: DiskThreads) -> None:
        self._watching = watching
        self._threads = threads
        self._idle: list[_Connection] = []
        self._free_turns = _MAX_CONNECTIONS
        self._waiting: deque[Callable[[], None]] = deque()

    def ask(self, query: Query) -> LoopSteps[str]:
        """Return the first value of a query's result. Raises Failure."""
        if self._free_turns:
            self._free_turns -= 1
        else:
            yield WakeUp(self._waiting.append)
        try:
            connection = self._idle.pop() if self._idle else (yield from self._connect())
            return (yield from self._exchange(connection, query))
        finally:
            if self._waiting:
                self._waiting.popleft()()  # who is woken has this turn
            else:
                self._free_turns += 1

    def _connect(self) -> LoopSteps[_Connection]:
        # libpq can connect without blocking too, save that it looks up names with a call that blocks. A connection is
        # made a few times in the life of a server, so a thread may just as well do all of it.
        libpq = cast(PGconn, (yield from self._threads.call(postgresql.connect)))
        connection = _Connection(libpq, os.dup(libpq.socket))
        self._watching.register(connection.fd)
        return connection

    def _exchange(self, connection: _Connection, query: Query) -> LoopSteps[str]:
        """Send a query and receive its answer; keep the connection if it can take another query."""
        try:
            postgresql.send(connection.libpq, query)
            while (answer := postgresql.receive(connection.libpq)) is None:
                yield Readable(connection.fd)
            return answer
        finally:
            if connection.libpq.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                self._watching.unregister(connection.fd)
                os.close(connection.fd)
                connection.libpq.finish()
