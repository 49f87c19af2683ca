"""The database of the handler of that name: a SQLite file by default, or a PostgreSQL server.

SQLite is a library: its calls block, and all that a server can do about it is to make them in a thread. PostgreSQL is
another process behind a socket, which can be waited for like any client.
"""

import sqlite3
import threading
import time
from contextlib import closing
from functools import cache

from waits import ENVIRONMENT, Call, Failure, Query, Wait

# Both take their time inside the database: PostgreSQL sleeps, SQLite adds up the same table again and again.
_POSTGRESQL = "SELECT count(*) FROM pg_catalog.pg_class, pg_sleep($1::float8 / 1000)"
_SQLITE_TABLE = """
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS item (price INTEGER);
    DELETE FROM item;
    WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 500)
        INSERT INTO item SELECT n FROM count;
    COMMIT;
"""
_SQLITE = """
    WITH RECURSIVE round(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM round WHERE n < ?)
        SELECT sum(item.price) FROM round CROSS JOIN item
"""
_TRIAL_ROUNDS = 30
_TRIALS = 5

_of_thread = threading.local()  # a SQLite connection serves the thread that made it


def slow_query(milliseconds: int) -> Wait:
    """Return the wait for a query that takes the database about so long; its result is a number."""
    if ENVIRONMENT.database is not None:
        return Query(_POSTGRESQL, (str(milliseconds),))
    return Call(lambda: _ask_sqlite(milliseconds))


def prepare() -> None:
    """See that the database answers; make the SQLite file, and find out how fast SQLite is here. Raises Failure.

    Call it before the first request. It leaves no connection open: none may be taken into a forked process.
    """
    if ENVIRONMENT.database is None:
        _prepare_sqlite()
    else:
        _try_postgresql()


def _try_postgresql() -> None:
    try:
        import postgresql
    except ImportError as error:
        raise Failure("a PostgreSQL database needs the Python module psycopg, of loadlab's extra 'servers'") from error
    connection = postgresql.connect()
    try:
        postgresql.ask(connection, Query("SELECT 1"))
    finally:
        connection.finish()


def _prepare_sqlite() -> None:
    try:
        with closing(_connect_sqlite()) as connection:
            connection.executescript(_SQLITE_TABLE)
        _rounds_per_millisecond()
    except sqlite3.Error as error:
        raise Failure(f"SQLite in {ENVIRONMENT.folder}: {error}") from error


@cache
def _rounds_per_millisecond() -> float:
    """Measure it in CPU time, and take the best of a few: what else runs on this machine does not count."""
    with closing(_connect_sqlite()) as connection:
        fastest_ns = min(_time_rounds(connection) for _ in range(_TRIALS))
    return _TRIAL_ROUNDS * 1e6 / fastest_ns


def _time_rounds(connection: sqlite3.Connection) -> int:
    started_ns = time.thread_time_ns()
    connection.execute(_SQLITE, (_TRIAL_ROUNDS,)).fetchone()
    return time.thread_time_ns() - started_ns


def _ask_sqlite(milliseconds: int) -> int:
    rounds = max(1, round(milliseconds * _rounds_per_millisecond()))
    try:
        if not hasattr(_of_thread, "connection"):
            _of_thread.connection = _connect_sqlite()
        (total,) = _of_thread.connection.execute(_SQLITE, (rounds,)).fetchone()
    except sqlite3.Error as error:
        raise Failure(f"SQLite: {error}") from error
    return int(total)


def _connect_sqlite() -> sqlite3.Connection:
    return sqlite3.connect(ENVIRONMENT.folder / "database.sqlite")
