"""Responses as servers send them, and what becomes of them on a broken way: for fuzzing the reader of responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.http1 import ResponseParsers, ResponseReader


class Ending(StrEnum):
    """What a reader may say of the bytes of a response, and nothing else."""

    COMPLETE = "complete"
    NEEDS_MORE = "needs more"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    CUT_SHORT = "cut short"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a response was read: what it said where it was complete, and from how many of its pieces."""

    ending: Ending
    status: int = 0
    keep_alive: bool = False
    until_close: bool = False
    surplus: bool = False


_STATUS_LINES: Final = [
    *(
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 304 Not Modified",
    ),
    *(b"HTTP/1.1 404 Not Found", b"HTTP/1.1 503 Busy", b"HTTP/1.1 101 Switching", b"HTTP/2.0 200 OK"),
]
_INTERIM: Final = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"]
_FIELDS: Final = [
    *(b"Server: nginx", b"Date: Sat, 28 Nov 2026 10:00:00 GMT", b'ETag: W/"1-2"', b"X-Request-Id: 0123456789abcdef"),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: websocket", b"X: a\r\n b"),
    *(b"Content-Type: text/html; charset=utf-8", b"Set-Cookie: a=b; Path=/", b"X-Empty:", b"X: \xff\xfe"),
]
_BODIES: Final = [
    b"",
    b"ok",
    b"Hello, world!\n",
    b'{"a": [1, 2, 3]}',
    b"\r\n",
    b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    bytes(300),
]
# What mutations insert: bytes that mean something in HTTP.
_WORDS: Final = [
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"\0",
        b"\xff",
        b"0",
        b"9",
        b"f",
        b"-",
        b"\r\n ",
    ),
    *(
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"HTTP/1.1 ",
        b"0\r\n\r\n",
    ),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"ffffffffffffffff", b"99999999999999999999"),
]


def make_response(random: Random) -> bytes:
    """Return a valid response of any kind."""
    fields = random.sample(_FIELDS, random.randrange(5))
    body = random.choice(_BODIES)
    kind = random.choice(["sized", "sized", "chunked", "chunked", "until close"])
    if kind == "sized":
        fields.append(b"Content-Length: %d" % len(body))
    elif kind == "chunked":
        fields.append(random.choice([b"Transfer-Encoding: chunked", b"transfer-encoding: gzip, chunked"]))
        body = _chunked(random, body)
    random.shuffle(fields)
    head = b"\r\n".join([random.choice(_STATUS_LINES), *fields]) + b"\r\n\r\n"
    return b"".join(random.choices(_INTERIM, k=random.choice([0, 0, 0, 1, 2]))) + head + body


def mutate(random: Random, raw: bytes) -> bytes:
    """Return `raw` with up to three mutations: bits flipped, bytes inserted, deleted, doubled, or cut off."""
    for _ in range(random.randrange(4)):
        at = random.randrange(len(raw) + 1)
        end = min(at + random.randrange(1, 9), len(raw))
        match random.randrange(6):
            case 0 if at < len(raw):
                raw = raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :]
            case 1:
                raw = raw[:at] + random.choice(_WORDS) + raw[at:]
            case 2:
                raw = raw[:at] + random.randbytes(end - at) + raw[at:]
            case 3:
                raw = raw[:at] + raw[end:]
            case 4:
                raw = raw[:end] + raw[at:]
            case _:
                raw = raw[:at]
    return raw


def split(random: Random, raw: bytes) -> list[bytes]:
    """Return `raw` in up to six pieces."""
    cuts = sorted(random.randrange(len(raw) + 1) for _ in range(random.randrange(6)))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def read_pieces(parsers: ResponseParsers, pieces: Sequence[bytes], then_end: bool) -> Reading:
    """Feed pieces to a new reader until it says something, and then the end of the stream if `then_end`."""
    reader = ResponseReader(parsers)
    try:
        head = None
        for number, piece in enumerate(pieces):
            if (head := reader.feed(piece)) is not None:
                surplus = head.surplus or any(pieces[number + 1 :])
                return Reading(Ending.COMPLETE, head.status, head.keep_alive and not surplus, False, surplus)
        if not then_end:
            return Reading(Ending.NEEDS_MORE)
        head = reader.feed_end()
        return Reading(Ending.COMPLETE, head.status, head.keep_alive, head.until_close)
    except MalformedResponse:
        return Reading(Ending.MALFORMED)
    except ResponseTooLarge:
        return Reading(Ending.TOO_LARGE)
    except ResponseCutShort:
        return Reading(Ending.CUT_SHORT)


def _chunked(random: Random, body: bytes) -> bytes:
    chunks = []
    while body:
        size = random.randrange(1, len(body) + 1)
        extension = random.choice([b"", b"", b";a=1", b" "])
        chunks.append(b"%x%s\r\n%s\r\n" % (size, extension, body[:size]))
        body = body[size:]
    trailers = random.choice([b"", b"", b"Digest: x\r\n"])
    return b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"
