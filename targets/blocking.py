"""The simplest way to wait: block. The thread that runs a handler like this does nothing else meanwhile.

For a process or thread that serves one connection that is right; for a loop that serves thousands it is the mistake
that a blocking handler in an event loop stands for.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterable

from handlers import Steps, answer
from http_protocol import Request, RequestReader
from waits import ENVIRONMENT, Call, Failure, Fetch, Query, Sleep, Wait

_RECEIVE_BYTES = 64 * 1024
_UPSTREAM_TIMEOUT_SECONDS = 120  # longer than any wait that a handler can be asked for

_of_thread = threading.local()  # connections to database and upstream, kept open between requests


def serve_client(client: socket.socket) -> None:
    """Answer a client until it closes, and close; block wherever there is something to wait for.

    After the last response to a client that asked to close, the connection is closed for writing only, and read until
    the client closes too: closing it with bytes unread would send a reset, which may overtake the response.
    """
    reader = RequestReader()
    with client:
        try:
            client.setblocking(True)
            while data := client.recv(_RECEIVE_BYTES):
                if reader.finished:
                    continue
                responses = answer_all(reader.feed(data))
                if responses:
                    client.sendall(responses)
                if reader.finished:
                    client.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the client is gone


def answer_all(requests: Iterable[Request]) -> bytes:
    """Run the handlers of requests one after the other; return the responses, one behind the other."""
    return b"".join([run(answer(request)) for request in requests])


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
        raise Failure("there is no upstream server: name one with --upstream HOST:PORT")
    if not hasattr(_of_thread, "upstream"):
        _of_thread.upstream = http.client.HTTPConnection(*ENVIRONMENT.upstream, timeout=_UPSTREAM_TIMEOUT_SECONDS)
    connection: http.client.HTTPConnection = _of_thread.upstream
    was_kept = connection.sock is not None
    try:
        try:
            return _exchange(connection, path)
        except ConnectionError:
            if not was_kept:
                raise
            # The server may close an idle connection whenever it likes, even as we send. That says nothing of the
            # request, and a GET may be repeated: once, on a fresh connection.
            connection.close()
            return _exchange(connection, path)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        host, port = ENVIRONMENT.upstream
        raise Failure(f"the upstream server at {host}:{port} did not answer: {error}") from error


def _exchange(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)  # connects where that is needed
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise Failure(f"the upstream server answered {response.status} {response.reason}")
    return body


def _query(query: Query) -> str:
    import postgresql  # needs psycopg, which only a server with such a database has to have

    if not hasattr(_of_thread, "database"):
        _of_thread.database = postgresql.connect()
    try:
        return postgresql.ask(_of_thread.database, query)
    except Failure:
        del _of_thread.database  # it may be broken; the next query gets a fresh one
        raise
