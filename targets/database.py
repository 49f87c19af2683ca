"""The database of the handler of that name: a SQLite file by default, or a PostgreSQL server.

SQLite is a library: its calls block, and all that a server can do about it is to make them in a thread. PostgreSQL is
another process behind a socket, which can be waited for like any client.
"""

import sqlite3
import threading
import time
from functools import cache

from environment import ENVIRONMENT
from waits import Call, Failure, Query, Wait

# Both take their time inside the database: PostgreSQL sleeps, SQLite counts.
_POSTGRESQL = "SELECT count(*) FROM pg_catalog.pg_class, pg_sleep($1::float8 / 1000)"
_SQLITE = "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?) SELECT max(n) FROM count"
_TRIAL_ROWS = 20_000

_of_thread = threading.local()  # a SQLite connection serves the thread that made it


def slow_query(milliseconds: int) -> Wait:
    """Return the wait for a query that takes the database about so long; its result is a number."""
    if ENVIRONMENT.database is not None:
        return Query(_POSTGRESQL, (str(milliseconds),))
    return Call(lambda: _ask_sqlite(milliseconds * _rows_per_millisecond()))


def prepare() -> None:
    """Make the SQLite file and find out how fast it counts here; called before the server is ready."""
    if ENVIRONMENT.database is None:
        _rows_per_millisecond()


@cache
def _rows_per_millisecond() -> int:
    started_ns = time.perf_counter_ns()
    _ask_sqlite(_TRIAL_ROWS)
    return max(1, _TRIAL_ROWS * 1_000_000 // (time.perf_counter_ns() - started_ns))


def _ask_sqlite(rows: int) -> int:
    try:
        if not hasattr(_of_thread, "connection"):
            _of_thread.connection = sqlite3.connect(ENVIRONMENT.folder / "database.sqlite")
        (counted,) = _of_thread.connection.execute(_SQLITE, (max(rows, 1),)).fetchone()
    except sqlite3.Error as error:
        raise Failure(f"SQLite: {error}") from error
    return int(counted)
