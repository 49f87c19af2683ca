"""PostgreSQL through libpq, of which psycopg hands on every function: blocking ones and the asynchronous ones alike.

The asynchronous interface is what lets an event loop wait for the database as for any client: send the query, watch the
connection's descriptor, feed what came to libpq until it is no longer busy (PostgreSQL's manual, "Asynchronous Command
Processing").
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import pq
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from disk_threads import DiskThreads
from waits import ENVIRONMENT, Failure, LoopSteps, Query, Readable, WakeUp, Watching

# PostgreSQL allows 100 in all by default, so three processes can have so many each.
_MAX_CONNECTIONS = 32


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what psycopg raises on a broken connection into the failure of one request."""
    try:
        yield
    except psycopg.Error as error:
        raise Failure(f"PostgreSQL: {str(error).strip()}") from error


@dataclass(frozen=True, slots=True)
class _Connection:
    """One connection of libpq, and a copy of its descriptor.

    The loop watches the copy: libpq closes its own as soon as the connection breaks, and the next file that is opened
    gets that number.
    """

    libpq: PGconn
    fd: int


class DatabaseClient:
    """Asks the PostgreSQL server of the environment, for a loop: queries never block, over a few connections.

    A PostgreSQL connection serves one query at a time and costs the server a process. So however many requests wait for
    the database, there are only so many connections, and the others wait for their turn: in order, each a small object.
    """

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
        # libpq can connect without blocking too, except that it looks up names with a call that blocks. A connection is
        # made a few times in the life of a server, so a thread may just as well do all of it.
        libpq = cast(PGconn, (yield from self._threads.call(connect)))
        connection = _Connection(libpq, os.dup(libpq.socket))
        self._watching.register(connection.fd)
        return connection

    def _exchange(self, connection: _Connection, query: Query) -> LoopSteps[str]:
        """Send a query and receive its answer; keep the connection if it can take another query."""
        try:
            send(connection.libpq, query)
            while (answer := receive(connection.libpq)) is None:
                yield Readable(connection.fd)
            return answer
        finally:
            if connection.libpq.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                self._watching.unregister(connection.fd)
                os.close(connection.fd)
                connection.libpq.finish()


@_failing()
def connect() -> PGconn:
    """Return a new connection to the database of the environment, blocking until it stands. Raises Failure."""
    assert ENVIRONMENT.database is not None
    connection = pq.PGconn.connect(ENVIRONMENT.database.encode())
    if connection.status != pq.ConnStatus.OK:
        raise Failure(_reason(connection))
    connection.nonblocking = 1
    return connection


@_failing()
def ask(connection: PGconn, query: Query) -> str:
    """Send a query and block until its answer is there; return the first value. Raises Failure."""
    connection.nonblocking = 0
    return value_of(connection.exec_params(query.statement.encode(), [text.encode() for text in query.parameters]))


@_failing()
def send(connection: PGconn, query: Query) -> None:
    """Send a query without waiting for anything. Raises Failure."""
    connection.send_query_params(query.statement.encode(), [text.encode() for text in query.parameters])
    if connection.flush():
        raise Failure(_reason(connection))  # a query of a few bytes always fits into the socket's buffer


@_failing()
def receive(connection: PGconn) -> str | None:
    """Take what came on the connection's descriptor; return the first value once it is there. Raises Failure."""
    connection.consume_input()
    if connection.is_busy():
        return None
    result = connection.get_result()
    while connection.get_result() is not None:
        pass  # libpq says that a query is over with a null result
    if result is None:
        raise Failure(_reason(connection))
    return value_of(result)


def value_of(result: PGresult) -> str:
    """Return the first value of a result. Raises Failure where it is an error."""
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise Failure(f"PostgreSQL: {result.error_message.decode(errors='replace').strip()}")
    return (result.get_value(0, 0) or b"").decode()


def _reason(connection: PGconn) -> str:
    return f"PostgreSQL: {connection.error_message.decode(errors='replace').strip()}"
