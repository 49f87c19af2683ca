"""What an iteration does, reported as it happens: for `loadlab run --one`, which prints it.

A `Tracer` is called by the engine where something begins or ends; where nothing is traced there is None in its place.
"""

import zlib
from collections.abc import Callable
from typing import Final

import httpx

from loadlab.recording.outcomes import Outcome
from loadlab.recording.trace import (
    Blocked,
    Body,
    Checked,
    FunctionBegins,
    FunctionEnds,
    Headers,
    MessageReceived,
    MessageSent,
    Printed,
    RequestFailed,
    RequestSent,
    ResponseReceived,
    Sleeping,
    StepBegins,
    StepEnds,
    TraceEvent,
    WebSocketEnded,
)

BODY_BYTES: Final = 16 * 1024
"""How much of the beginning of a body is of use."""

_LONGEST_PRINTED: Final = 16 * 1024
_TEXTUAL: Final = ("json", "xml", "text/", "javascript", "yaml", "x-www-form-urlencoded", "graphql")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class Tracer:
    """Turns what the engine sees into events, and hands each to `send`."""

    def __init__(self, send: Callable[[TraceEvent], None]) -> None:
        self._send = send
        self._requests = 0

    def function_begins(self, name: str) -> None:
        """One of the scenario's functions is called."""
        self._send(FunctionBegins(name))

    def function_ends(self, name: str, after_ns: int, outcome: Outcome, traceback: str | None = None) -> None:
        """It has ended; `traceback` has the user's lines of an exception."""
        self._send(FunctionEnds(name, after_ns, outcome, traceback))

    def request(self, request: httpx.Request, name: str) -> int:
        """A request is about to be sent, under the name of its kind; return its number, for what becomes of it."""
        self._requests += 1
        headers = _headers_of(request.headers)
        event = RequestSent(self._requests, request.method, str(request.url), name, headers, _sent_body(request))
        self._send(event)
        return self._requests

    def answered(
        self, number: int, response: httpx.Response, body: bytes, body_bytes: int, after_ns: int, expected: bool
    ) -> None:
        """The response has been read, `body_bytes` as they came, of which `body` is the beginning (`BODY_BYTES`)."""
        read = _received_body(response.headers, body, body_bytes)
        reason, headers = response.reason_phrase, _headers_of(response.headers)
        self._send(ResponseReceived(number, response.status_code, reason, headers, read, after_ns, expected))

    def failed(self, number: int, reason: str, after_ns: int) -> None:
        """A request has no response, or not all of it."""
        self._send(RequestFailed(number, reason, after_ns))

    def step_begins(self, name: str) -> None:
        """A step begins."""
        self._send(StepBegins(name))

    def step_ends(self, name: str, after_ns: int, outcome: Outcome) -> None:
        """A step has ended."""
        self._send(StepEnds(name, after_ns, outcome))

    def checked(self, name: str, passed: bool) -> None:
        """A condition was checked."""
        self._send(Checked(name, passed))

    def sleeping(self, seconds: float) -> None:
        """The user begins to sleep."""
        self._send(Sleeping(seconds))

    def printed(self, text: str) -> None:
        """The scenario has printed a text, which need not be whole lines."""
        self._send(Printed(text[:_LONGEST_PRINTED]))

    def blocked(self, where: str, code: str, longest_ns: int) -> None:
        """A line of the scenario has held up everything else."""
        self._send(Blocked(where, code, longest_ns))

    def message_sent(self, path: str, content: str | bytes) -> None:
        """A message was sent on a WebSocket."""
        self._send(MessageSent(path, _message_body(content)))

    def message_received(self, path: str, content: str | bytes) -> None:
        """A message was received on a WebSocket."""
        self._send(MessageReceived(path, _message_body(content)))

    def websocket_ended(self, path: str, code: int | None, reason: str = "") -> None:
        """A WebSocket was closed, by either side."""
        self._send(WebSocketEnded(path, code, reason))


def _headers_of(headers: httpx.Headers) -> Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]


def _sent_body(request: httpx.Request) -> Body:
    try:
        content = request.content
    except httpx.RequestNotRead:  # it is a stream
        length = request.headers.get("content-length", "")
        return Body(int(length) if length.isdecimal() else None)
    return _text_body(request.headers, content, len(content))


def _received_body(headers: httpx.Headers, body: bytes, body_bytes: int) -> Body:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return _text_body(headers, body, body_bytes)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return Body(body_bytes)
    decompress = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        text = decompress.decompress(body, BODY_BYTES)
    except zlib.error:
        return Body(body_bytes)
    decoded = _text_body(headers, text, len(text))
    return Body(body_bytes, decoded.text, decoded.whole and decompress.eof)


def _text_body(headers: httpx.Headers, content: bytes, size_bytes: int) -> Body:
    kind = headers.get("content-type", "").lower()
    if content and kind and not any(each in kind for each in _TEXTUAL):
        return Body(size_bytes)
    text = _decoded(content[:BODY_BYTES])
    return Body(size_bytes, text, text is not None and len(content) == size_bytes <= BODY_BYTES)


def _message_body(content: str | bytes) -> Body:
    if isinstance(content, bytes):
        return Body(len(content))
    return Body(len(content.encode(errors="surrogatepass")), content[:BODY_BYTES], len(content) <= BODY_BYTES)


def _decoded(content: bytes) -> str | None:
    """Return UTF-8 text, whose last character may be cut; None if it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data" and error.end == len(content)
        return content[: error.start].decode() if is_cut else None
