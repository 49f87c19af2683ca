"""The simplest way to wait: stand still until it is over. Whoever runs a handler like this does nothing else meanwhile.

For a process or thread that serves one connection that is right; for a loop that serves thousands it is the mistake
that claim C4 is about.
"""

import http.client
import threading
import time

from environment import ENVIRONMENT
from handlers import Steps
from waits import Call, Failure, Fetch, Query, Sleep, Wait

_of_thread = threading.local()  # connections to database and upstream, kept open between requests


def run(steps: Steps) -> bytes:
    """Run a handler to its end, blocking where it waits; return what it returns."""
    try:
        wait = next(steps)
        while True:
            try:
                result = _wait_for(wait)
            except Failure as failure:
                wait = steps.throw(failure)
            else:
                wait = steps.send(result)
    except StopIteration as end:
        response: bytes = end.value
        return response


def _wait_for(wait: Wait) -> object:
    match wait:
        case Sleep(seconds):
            time.sleep(seconds)
            return None
        case Call(function):
            return function()
        case Fetch(path):
            return _fetch(path)
        case Query():
            return _query(wait)


def _fetch(path: str) -> bytes:
    if ENVIRONMENT.upstream is None:
        raise Failure("there is no upstream server: name one with --upstream")
    try:
        if not hasattr(_of_thread, "upstream"):
            _of_thread.upstream = http.client.HTTPConnection(*ENVIRONMENT.upstream, timeout=60)
        _of_thread.upstream.request("GET", path)
        return bytes(_of_thread.upstream.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        _of_thread.upstream.close()
        raise Failure(f"upstream: {error}") from error


def _query(query: Query) -> str:
    import postgresql  # needs psycopg, which only a server with such a database has to have

    if not hasattr(_of_thread, "database"):
        _of_thread.database = postgresql.connect()
    return postgresql.ask(_of_thread.database, query)
