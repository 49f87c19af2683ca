"""PostgreSQL through libpq, of which psycopg hands on every function: blocking ones and the asynchronous ones alike.

The asynchronous interface is what lets an event loop wait for the database as for any client: send the query, watch the
connection's descriptor, feed what came to libpq until it is no longer busy (PostgreSQL's manual, "Asynchronous Command
Processing").
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from environment import ENVIRONMENT
from waits import Failure, Query


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what psycopg raises on a broken connection into the failure of one request."""
    try:
        yield
    except psycopg.Error as error:
        raise Failure(f"PostgreSQL: {str(error).strip()}") from error


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
