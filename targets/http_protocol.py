"""HTTP/1.1 as these servers speak it, without a socket: bytes in, requests out; a request and a body in, bytes out.

It covers what load generators send: GET, HEAD and POST, keep-alive, pipelining, bodies with Content-Length, HTTP/1.0.
Chunked request bodies are refused with 501. A request that is not HTTP is a value too, a `Request` with a `problem`,
so no client can raise an exception in a server.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from http import HTTPStatus

MAX_HEAD_BYTES = 16 * 1024

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~\x80-\xff]+) HTTP/1\.([01])")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
# Bytes that no head may hold: control characters, and a CR or LF that is not half of a CRLF. Looking for them before
# the head is complete answers a client that speaks something else (TLS, say), instead of waiting for the end of a head
# that never comes. A CR at the very end may still get its LF.
_NOT_IN_A_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body already read and dropped; or why it cannot be one (then `problem` is set).

    `head` is its first line and its headers as they came, without the empty line.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    http_1_0: bool = False
    keep_alive: bool = False
    content_bytes: int = 0
    head: bytes = b""
    problem: HTTPStatus | None = None


class RequestReader:
    """Turns what one client sends, in pieces of any size, into requests.

    `finished` is set by the first request after which the connection must close, or speaks no HTTP any more: one for a
    path of `last_paths`. What comes behind it is ignored, but for `rest`: what came together with a request of the
    latter kind.
    """

    __slots__ = ("_awaiting_body", "_body_bytes_left", "_last_paths", "_pending", "finished", "rest")

    def __init__(self, last_paths: Collection[str] = ()) -> None:
        self._last_paths = last_paths
        self._pending = self.rest = b""
        self._awaiting_body: Request | None = None
        self._body_bytes_left = 0
        self.finished = False

    @property
    def midway(self) -> bool:
        """Whether a request has begun that is not yet complete."""
        return bool(self._pending) or self._awaiting_body is not None

    def feed(self, data: bytes) -> list[Request]:
        """Take the next bytes; return the requests they complete, in order."""
        if self.finished:
            return []
        self._pending += data
        requests: list[Request] = []
        while not self.finished and (request := self._next_request()) is not None:
            if request.path in self._last_paths:
                request, self.rest = replace(request, keep_alive=False), self._pending
            requests.append(request)
            self.finished = not request.keep_alive
        if self.finished:
            self._pending = b""
        return requests

    def _next_request(self) -> Request | None:
        """Cut one complete request off the pending bytes, None if there is none yet."""
        if self._awaiting_body is None:
            self._pending = self._pending.removeprefix(b"\r\n")  # old clients end a body with a line too many
            head, end_of_head, rest = self._pending.partition(b"\r\n\r\n")
            if len(head) > MAX_HEAD_BYTES:
                return Request(problem=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            if _NOT_IN_A_HEAD.search(head):
                return Request(problem=HTTPStatus.BAD_REQUEST)
            if not end_of_head:
                return None
            self._pending = rest
            request = _parse_head(head)
            if not request.content_bytes:
                return request
            self._awaiting_body, self._body_bytes_left = request, request.content_bytes
        dropped = min(self._body_bytes_left, len(self._pending))
        self._pending = self._pending[dropped:]
        self._body_bytes_left -= dropped
        if self._body_bytes_left:
            return None
        request, self._awaiting_body = self._awaiting_body, None
        return request


def _parse_head(head: bytes) -> Request:
    request_line, *header_lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(request_line)
    if found is None:
        return Request(problem=HTTPStatus.BAD_REQUEST)
    method, target, minor_version = (group.decode("latin-1") for group in found.groups())
    path, _, query = target.partition("?")

    connection: set[str] = set()
    content_lengths: set[str] = set()
    for line in header_lines:
        header = _HEADER_LINE.fullmatch(line)
        if header is None:
            return Request(problem=HTTPStatus.BAD_REQUEST)
        name, value = header[1].lower(), header[2].decode("latin-1")
        if name == b"connection":
            connection.update(option.strip().lower() for option in value.split(","))
        elif name == b"content-length":
            content_lengths.add(value)
        elif name == b"transfer-encoding":
            return Request(problem=HTTPStatus.NOT_IMPLEMENTED)

    content_bytes = _parse_content_length(content_lengths)
    if content_bytes is None:
        return Request(problem=HTTPStatus.BAD_REQUEST)
    http_1_0 = minor_version == "0"
    keep_alive = "keep-alive" in connection if http_1_0 else "close" not in connection
    return Request(method, path, query, http_1_0, keep_alive, content_bytes, head)


def _parse_content_length(values: set[str]) -> int | None:
    """Return the length that all values agree on, 0 without any, None if they make no sense."""
    if not values:
        return 0
    if len(values) > 1:
        return None
    (value,) = values
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None


def format_response(request: Request, status: HTTPStatus, body: bytes, *extra_headers: str) -> bytes:
    """Return the whole response to `request`: without the body for HEAD, and saying whether the connection stays."""
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        *extra_headers,
    ]
    if not request.keep_alive:
        lines.append("Connection: close")
    elif request.http_1_0:
        lines.append("Connection: keep-alive")
    head = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
    return head if request.method == "HEAD" else head + body
