"""What every server here answers: the same handlers for each architecture, so that only the architecture differs."""

from collections.abc import Callable
from http import HTTPStatus

from http_protocol import Request, format_response

_ALLOWED_METHODS = ("GET", "HEAD", "POST")


def hello(_request: Request) -> bytes:
    """A constant answer: what remains to be measured is the server's own cost."""
    return b"Hello, world!\n"


HANDLERS: dict[str, Callable[[Request], bytes]] = {"hello": hello}
"""Name -> handler; a handler takes a request for the path of its name ("/hello") and returns the body."""


def answer(request: Request) -> bytes:
    """Run the request's handler and return the whole response; what has none gets its error response."""
    if request.problem is not None:
        return _error(request, request.problem)
    if request.method not in _ALLOWED_METHODS:
        return _error(request, HTTPStatus.METHOD_NOT_ALLOWED, f"Allow: {', '.join(_ALLOWED_METHODS)}")
    handler = HANDLERS.get(request.path.removeprefix("/"))
    if handler is None:
        return _error(request, HTTPStatus.NOT_FOUND)
    return format_response(request, HTTPStatus.OK, handler(request))


def _error(request: Request, status: HTTPStatus, *extra_headers: str) -> bytes:
    return format_response(request, status, f"{status.phrase}\n".encode("ascii"), *extra_headers)
