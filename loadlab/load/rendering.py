"""Requests as they are sent: rendered to bytes before the load begins, with the values of each row of its data."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, Literal, TypeAlias
from urllib.parse import quote as percent_encode

from loadlab import __version__
from loadlab.errors import ProfileError
from loadlab.profile.files import MOST_BYTES, Table, read_content
from loadlab.profile.http_values import path_as_sent
from loadlab.profile.message import MixedMessage
from loadlab.profile.request import MixedRequest
from loadlab.profile.template import Column, Parts, parse_template
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.websocket_frames import encode_message

# RFC 9110, 8.6: a request of these methods says that it has no content.
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})
_MASK_BYTES: Final = 4
_NO_METHOD: Final = "MESSAGE"
_JSON: Final = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class RenderedKind:
    """One kind of request: what is sent, for each row of the data or always the same, and what must come back.

    The body of a response must contain `expected_body`, and the value of each header that `expected_headers` names (in
    any case) the text beside the name. `end` is how the end of an answer is known if it is not HTTP's. An answer that
    `streams` is timed piece by piece.
    """

    name: str
    weight: int
    method: str
    contents: tuple[bytes, ...]
    statuses: frozenset[int]
    expected_body: bytes | None = None
    expected_headers: tuple[tuple[bytes, bytes], ...] = ()
    end: AnswerEnd | None = None
    streams: bool = False


def render_requests(
    requests: Sequence[MixedRequest], data: Table | None, authority: str, closes: bool = False
) -> list[RenderedKind]:
    """Return the requests as they are sent to the server that their Host header calls `authority`.

    Each that names columns of `data` is rendered for all rows, in their order, every other one once. With `closes` they
    ask the server to close the connection. Raises ProfileError if they take more memory than they may.
    """
    return _within_memory([_render(request, data, authority, closes) for request in requests])


def render_messages(
    messages: Sequence[MixedMessage], data: Table | None, protocol: Literal["websocket", "tcp"]
) -> list[RenderedKind]:
    """Return the messages as they are sent: as they are, or in a WebSocket's frames.

    Rows of `data` and memory are as for requests.
    """
    return _within_memory([_render_message(message, data, protocol) for message in messages])


def encoded(text: str | None) -> bytes | None:
    """Return text as it is sent; None where there is none."""
    return text.encode() if text is not None else None


def _within_memory(kinds: list[RenderedKind]) -> list[RenderedKind]:
    total = sum(len(content) for kind in kinds for content in kind.contents)
    if total > MOST_BYTES:
        raise ProfileError(
            [
                f"the requests take {total >> 20:,} MiB, and may take {MOST_BYTES >> 20} MiB, as they are prepared "
                "before the load begins; use fewer rows of data, or smaller bodies"
            ]
        )
    return kinds


_Piece: TypeAlias = bytes | list[bytes]
"""A piece of a request, always the same or one for each row."""


def _render(request: MixedRequest, data: Table | None, authority: str, closes: bool) -> RenderedKind:
    body = _join([*_body(request, data)])
    rendered = _join([*_head(request, data, authority, closes, body), b"\r\n", body])
    expect = request.expect
    return RenderedKind(
        name=request.name,
        weight=request.weight,
        method=request.method,
        contents=(rendered,) if isinstance(rendered, bytes) else tuple(rendered),
        statuses=request.expected_statuses,
        expected_body=expect.body.encode() if expect and expect.body else None,
        expected_headers=tuple((name.encode(), text.encode()) for name, text in expect.header.items())
        if expect
        else (),
        streams=request.stream,
    )


def _render_message(message: MixedMessage, data: Table | None, protocol: Literal["websocket", "tcp"]) -> RenderedKind:
    content: _Piece = b""
    if message.binary is not None:
        content = read_content(message.binary)
    elif message.text is not None:
        content = _join([*_fill(parse_template(message.text), data, str, str)])
    contents = [content] if isinstance(content, bytes) else content
    if protocol == "websocket":
        is_text = message.binary is None
        contents = [encode_message(each, is_text, os.urandom(_MASK_BYTES)) for each in contents]
    return RenderedKind(
        name=message.name,
        weight=message.weight,
        method=_NO_METHOD,
        contents=tuple(contents),
        statuses=frozenset({0}),
        end=AnswerEnd(message.answer, message.matches, message.bytes, encoded(message.until), message.echo),
    )


def _head(request: MixedRequest, data: Table | None, authority: str, closes: bool, body: _Piece) -> Iterator[_Piece]:
    """Yield the first line and the headers: those that the request has, and before and behind them what it lacks."""
    given = {name.lower() for name in request.headers}
    yield f"{request.method} ".encode()
    yield from _path(request.path, data)
    yield b" HTTP/1.1\r\n"
    for name, value in (("Host", authority), ("User-Agent", f"loadlab/{__version__}")):
        if name.lower() not in given:
            yield f"{name}: {value}\r\n".encode()
    for name, value in request.headers.items():
        yield f"{name}: ".encode()
        yield from _fill(parse_template(value), data, str, str)
        yield b"\r\n"
    if request.json_value is not None and "content-type" not in given:
        yield b"Content-Type: application/json\r\n"
    if (request.has_body or request.method in _WITH_CONTENT) and "content-length" not in given:
        yield b"Content-Length: "
        yield b"%d" % len(body) if isinstance(body, bytes) else [b"%d" % len(each) for each in body]
        yield b"\r\n"
    if closes and "connection" not in given:
        yield b"Connection: close\r\n"


def _path(path: str, data: Table | None) -> Iterator[_Piece]:
    """Yield the path. A column at its beginning has paths, any other one single segments, or values of the query."""
    parts = parse_template(path)
    whole = 1 if isinstance(parts[0], Column) else 0
    yield from _fill(parts[:whole], data, path_as_sent, path_as_sent)
    yield from _fill(parts[whole:], data, path_as_sent, _encode_segment)


def _body(request: MixedRequest, data: Table | None) -> Iterator[_Piece]:
    if request.file is not None:
        yield read_content(request.file)
    elif request.body is not None:
        yield from _fill(parse_template(request.body), data, str, str)
    elif request.json_value is not None:
        yield from _fill(tuple(_json(request.json_value)), data, str, _escape)


def _json(value: object) -> Iterator[str | Column]:
    """Yield a value as JSON, its columns apart."""
    match value:
        case dict():
            for index, (key, inner) in enumerate(value.items()):
                yield "," if index else "{"
                yield from _json(key)
                yield ":"
                yield from _json(inner)
            yield "}" if value else "{}"
        case list() | tuple():
            for index, inner in enumerate(value):
                yield "," if index else "["
                yield from _json(inner)
            yield "]" if value else "[]"
        case str():
            yield '"'
            yield from (_escape(part) if isinstance(part, str) else part for part in parse_template(value))
            yield '"'
        case _:
            yield _JSON.encode(value)


def _fill(
    parts: Parts, data: Table | None, encode_text: Callable[[str], str], encode_value: Callable[[str], str]
) -> Iterator[_Piece]:
    """Yield the parts of a template, with the rows' values where it has columns."""
    for part in parts:
        if isinstance(part, str):
            yield encode_text(part).encode()
        elif data is None or part.name not in data.columns:
            raise ProfileError([f"the requests name the column {part.name}, which the data do not have any more"])
        else:
            yield [encode_value(value).encode() for value in data.columns[part.name]]


def _join(pieces: Sequence[_Piece]) -> _Piece:
    constant = [piece for piece in pieces if isinstance(piece, bytes)]
    if len(constant) == len(pieces):
        return b"".join(constant)
    # A million rows of a few pieces take a second.
    streams = (repeat(piece) if isinstance(piece, bytes) else piece for piece in pieces)
    return [*map(b"".join, zip(*streams, strict=False))]


def _escape(text: str) -> str:
    """Return text as it stands in JSON between quotes."""
    return _JSON.encode(text)[1:-1]


def _encode_segment(value: str) -> str:
    return percent_encode(value, safe="")
