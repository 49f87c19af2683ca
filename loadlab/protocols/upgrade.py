"""The opening handshake of a WebSocket, the client's side of it, without I/O (RFC 6455, 4.1).

The request is made once a run and sent on all of its connections, so they have the same Sec-WebSocket-Key. That is
harmless: a key proves to the client that the server has read this very handshake and no cache has answered, and is no
secret; servers keep no account of keys. So all good answers accept the same way, and mostly are the same bytes but for
a Date: an answer that is like one of the last few costs a comparison, 0.7 us, and only another one is parsed, in 9 us.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from loadlab import __version__
from loadlab.protocols.answers import MalformedResponse, OpeningRefused, ResponseTooLarge
from loadlab.protocols.http1 import MAX_HEAD_BYTES, FinalHead

KEY_BYTES: Final = 16

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BEGINNING: Final = b"HTTP/1."
_END_OF_HEAD: Final = b"\r\n\r\n"
_SWITCHING: Final = 101
_PROTOCOL_FIELD: Final = "sec-websocket-protocol"
_OWN_FIELDS: Final = frozenset({"sec-websocket-key", "sec-websocket-extensions", _PROTOCOL_FIELD})


def upgrade_request(
    path: str, authority: str, headers: Mapping[str, str], subprotocols: Sequence[str], key: bytes
) -> bytes:
    """Return the request that opens a WebSocket at `path`, which is as it is sent, on the server called `authority`.

    `key` is random, of KEY_BYTES. What `headers` gives takes the place of what would be sent otherwise, in any case of
    letters; save for what the answer is checked against, which is as the other parameters have it, and extensions, of
    which none is supported. So headers that a browser's tools have copied can be given as they are.
    """
    given = {name: value for name, value in headers.items() if name.lower() not in _OWN_FIELDS}
    replaced = {name.lower() for name in given}
    fields = {
        "Host": authority,
        "User-Agent": f"loadlab/{__version__}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(key).decode(),
    }
    if subprotocols:
        fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    fields = {name: value for name, value in fields.items() if name.lower() not in replaced} | given
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def offered_subprotocols(named: str | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the subprotocols that are `named`, separated by commas, or otherwise those in the field of `headers`."""
    listed = named or ",".join(value for name, value in headers.items() if name.lower() == _PROTOCOL_FIELD)
    return tuple(name for each in listed.split(",") if (name := each.strip()))


def accept_for(key: bytes) -> str:
    """Return the Sec-WebSocket-Accept with which a server that has read `key` answers."""
    return base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID).digest()).decode()


def end_of_head(received: bytes) -> int:
    """Return where the head of the final response in `received` ends, behind its empty line; 0 while it is incomplete.

    Interim responses before it (1xx other than 101) count as part of it. Raises ResponseTooLarge, and MalformedResponse
    if it is no HTTP.
    """
    begin = 0
    while True:
        if not _BEGINNING.startswith(received[begin : begin + len(_BEGINNING)]):
            raise MalformedResponse("it does not start with HTTP/1.")
        end = received.find(_END_OF_HEAD, begin)
        if (end if end >= 0 else len(received)) > MAX_HEAD_BYTES:
            raise ResponseTooLarge
        if end < 0:
            return 0
        status = received[begin + 9 : begin + 12]
        begin = end + len(_END_OF_HEAD)
        if not status.startswith(b"1") or status == b"101":
            return begin
        if begin == len(received):
            return 0


@lru_cache(maxsize=8)
def check_upgrade(response_head: bytes, accept: str, subprotocols: tuple[str, ...]) -> None:
    """Check the head of the answer to a handshake, up to `end_of_head`, that offered `subprotocols` and no extension.

    Raises OpeningRefused if its status is not 101, and MalformedResponse if it is no valid acceptance (RFC 6455, 4.1).
    A server that agrees to none of the subprotocols would be asked for one thing and measured with another; so that is
    no acceptance, as it is none for browsers.
    """
    head = FinalHead(response_head)
    if head.status != _SWITCHING:
        raise OpeningRefused(f"the WebSocket was refused with status {head.status}", head.status)
    if b"websocket" not in head.tokens(b"upgrade") or b"upgrade" not in head.tokens(b"connection"):
        raise MalformedResponse("it does not upgrade the connection to a WebSocket")
    if head.listed(b"sec-websocket-accept") != [accept.encode()]:
        raise MalformedResponse("its Sec-WebSocket-Accept is not that of the key")
    if extensions := head.listed(b"sec-websocket-extensions"):
        raise MalformedResponse(f"it accepts an extension, of which none was offered: {_shown(extensions)}")
    chosen = head.listed(b"sec-websocket-protocol")
    if subprotocols and not chosen:
        raise MalformedResponse(f"it agrees to no subprotocol; offered: {', '.join(subprotocols)}")
    if len(chosen) > 1 or not {name.encode() for name in subprotocols}.issuperset(chosen):
        raise MalformedResponse(f"it chooses a subprotocol that was not offered: {_shown(chosen)}")


def _shown(values: list[bytes]) -> str:
    return b", ".join(values).decode("latin-1")
