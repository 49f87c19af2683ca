"""What every server here answers: the same handlers for each architecture, so that only the architecture differs.

A handler is written once, as a generator. Where it has to wait it yields what it waits for (one of `waits`) and is sent
the result; how the waiting is done is up to the architecture: one blocks, another goes on with other connections
meanwhile. `blocking.run` is the simplest way to do it.
"""

import time
from collections.abc import Callable, Generator, Mapping
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl

import database
import event_stream
import files
import websocket
from http_protocol import Request, format_response
from waits import ENVIRONMENT, Call, Failure, Fetch, Sleep, Wait

Steps = Generator[Wait, Any, bytes]
"""A handler under way: yields waits, is sent their results or thrown `Failure`, and returns the response's body."""

_ALLOWED_METHODS = ("GET", "HEAD", "POST")
_KIB = 1024


class _BadParameter(ValueError):
    """The request's query is not one that the handler takes."""


def hello(_request: Request) -> Steps:
    """A constant answer: what remains to be measured is the server's own cost."""
    return b"Hello, world!\n"
    yield  # a generator, like every handler


def cpu(request: Request) -> Steps:
    """Burn `us` microseconds of CPU time: work that occupies the core meanwhile."""
    deadline_ns = time.thread_time_ns() + _number(request, "us", default=100, highest=10_000_000) * 1_000
    while time.thread_time_ns() < deadline_ns:
        pass
    return b"burnt\n"
    yield


def sleep(request: Request) -> Steps:
    """Wait for `ms` milliseconds: no work at all, only the wait."""
    yield Sleep(_number(request, "ms", default=10, highest=60_000) / 1e3)
    return b"slept\n"


def disk_read(request: Request) -> Steps:
    """Read `kib` KiB from a file that the page cache has forgotten."""
    size_bytes = _number(request, "kib", default=64, highest=files.LARGEST_BYTES // _KIB) * _KIB
    read = yield Call(lambda: files.read(size_bytes))
    return b"read %d bytes\n" % read


def disk_write(request: Request) -> Steps:
    """Write `kib` KiB to a new file and wait until it is on the disk."""
    size_bytes = _number(request, "kib", default=64, highest=files.LARGEST_BYTES // _KIB) * _KIB
    yield Call(lambda: files.write(size_bytes))
    return b"written\n"


def query_database(request: Request) -> Steps:
    """Ask the database something that takes it `ms` milliseconds."""
    answer = yield database.slow_query(_number(request, "ms", default=5, highest=60_000))
    return b"the database says %s\n" % str(answer).encode()


def ask_upstream(request: Request) -> Steps:
    """Ask another server, which answers after `ms` milliseconds, and pass its answer on."""
    body: bytes = yield Fetch(f"/sleep?ms={_number(request, 'ms', default=10, highest=60_000)}")
    return body


HANDLERS: dict[str, Callable[[Request], Steps]] = {
    "hello": hello,
    "cpu": cpu,
    "sleep": sleep,
    "disk-read": disk_read,
    "disk-write": disk_write,
    "database": query_database,
    "upstream": ask_upstream,
}
"""Name -> handler of requests for the path of that name, such as "/disk-read"."""

LAST_PATHS = frozenset((websocket.PATH, event_stream.PATH))
"""Where a request makes the connection one that speaks no more HTTP, at servers that have `echo` and `events`."""

# "/" as well, for browsers, and for tools that are given an address alone.
_HANDLERS_BY_PATH = {"/": hello, **{f"/{name}": handler for name, handler in HANDLERS.items()}}


def prepare() -> None:
    """Make ready what the handlers reach, before the first request. Raises Failure where that is not possible here."""
    database.prepare()


def available(target: Mapping[str, Any], tcp_echo: bool) -> list[str]:
    """Return those of a target's handlers that have what they need here; only `tcp-echo` where that takes every byte.

    `upstream` is nothing without an upstream server, and others may need a Python module.
    """
    if tcp_echo:
        return ["tcp-echo"]
    needs = target.get("handler_needs", {})
    missing = {name for name, need in needs.items() if "module" in need and find_spec(need["module"]) is None}
    missing.add("tcp-echo")
    if ENVIRONMENT.upstream is None:
        missing.add("upstream")
    return [name for name in target["handlers"] if name not in missing]


def answer(request: Request) -> Steps:
    """Run the request's handler; return the whole response. What has no handler, or fails, gets its error response."""
    if request.problem is not None:
        return _error(request, request.problem)
    if request.method not in _ALLOWED_METHODS:
        return _error(request, HTTPStatus.METHOD_NOT_ALLOWED, f"Allow: {', '.join(_ALLOWED_METHODS)}")
    handler = _HANDLERS_BY_PATH.get(request.path)
    if handler is None:
        return _error(request, HTTPStatus.NOT_FOUND)
    try:
        body = yield from handler(request)
    except _BadParameter as mistake:
        return format_response(request, HTTPStatus.BAD_REQUEST, f"{mistake}\n".encode())
    except Failure as failure:
        return format_response(request, HTTPStatus.BAD_GATEWAY, f"{failure}\n".encode())
    return format_response(request, HTTPStatus.OK, body)


def _error(request: Request, status: HTTPStatus, *extra_headers: str) -> bytes:
    return format_response(request, status, f"{status.phrase}\n".encode("ascii"), *extra_headers)


def _number(request: Request, name: str, default: int, highest: int) -> int:
    text = dict(parse_qsl(request.query, keep_blank_values=True)).get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) <= highest):
        raise _BadParameter(f"{name} must be a number from 0 to {highest}")
    return int(text)
