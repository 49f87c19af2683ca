"""HTTP/1.1 as the shop speaks it, without a socket: bytes in, requests with their bodies out; an answer in, bytes out.

`http_protocol.py` is for servers that are compared by their cost, and drops bodies. An application reads them, with
Content-Length or chunked, so this one is built on httptools.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

import httptools

from http_protocol import Request

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class ShopRequest:
    """One request with its body; or why it cannot be one (then `problem` is set). Names of headers are lower case."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = False
    problem: HTTPStatus | None = None

    def without_body(self) -> Request:
        """Return it as `websocket.answer_upgrade` reads one."""
        head = "".join(f"\r\n{name}: {value}" for name, value in self.headers.items())
        return Request(self.method, self.path, self.query, head=head.encode("latin-1"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: the body and its type, headers of its own as lines, after how long, and whether it is paid."""

    status: int
    body: bytes
    headers: tuple[str, ...] = ()
    content_type: str = "application/json"
    delay_ms: int = 0
    is_paid: bool = False


class ShopReader:
    """Turns what one client sends, in pieces of any size, into requests.

    `finished` is set by the first request after which the connection must close, or which asks for another protocol;
    what came behind the latter is `rest`.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._requests: list[ShopRequest] = []
        self._problem: HTTPStatus | None = None
        self._head_bytes = 0
        self.finished = False
        self.rest = b""
        self.on_message_begin()

    def feed(self, data: bytes) -> list[ShopRequest]:
        """Take the next bytes; return the requests they complete, in order."""
        if self.finished:
            return []
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.finished, self.rest = True, data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._problem = self._problem or HTTPStatus.BAD_REQUEST
        if not self._in_body and self._head_bytes > MAX_HEAD_BYTES:
            self._problem = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        requests, self._requests = self._requests, []
        if self._problem is not None and not self.finished:
            self.finished = True
            requests.append(ShopRequest(problem=self._problem))
        return requests

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._in_body = False

    def on_url(self, part: bytes) -> None:
        """A part of the request's target has come."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come; one that comes twice is a list (RFC 9110, 5.3)."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """The head is complete, a body may follow."""
        self._in_body = True
        self._head_bytes = 0

    def on_body(self, part: bytes) -> None:
        """A part of the body has come. Too long a body is dropped as it comes."""
        if len(self._body) + len(part) > MAX_BODY_BYTES:
            self._problem = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._body.clear()
        elif self._problem is None:
            self._body += part

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._in_body = False
        self._head_bytes = 0
        if self._problem is not None or self.finished:
            return
        path, _, query = self._target.decode("latin-1").partition("?")
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        method = self._parser.get_method().decode("ascii")
        self._requests.append(ShopRequest(method, path, query, self._headers, bytes(self._body), keep_alive))
        self.finished = not keep_alive


def format_answer(request: ShopRequest, answer: Answer) -> bytes:
    """Return the whole response: without the body for HEAD, and saying whether the connection stays."""
    lines = [
        f"HTTP/1.1 {answer.status} {_PHRASES[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *answer.headers,
    ]
    if not request.keep_alive:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return head if request.method == "HEAD" else head + answer.body
