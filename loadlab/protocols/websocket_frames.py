"""WebSocket frames without I/O (RFC 6455, 5): what a client sends, and what it answers where it waits for nothing.

A client masks its frames, against proxies that would take what a frame carries for a request (RFC 6455, 10.3). Control
frames have a fresh random mask each. Messages are rendered once and sent again and again with the same one: a load
generator need not be protected from what it sends itself. The mask must not be zero all the same: some servers skip the
unmasking then, and would be measured as cheaper than they are.
"""

import os
import struct
from typing import Final, NamedTuple, TypeAlias

FINAL: Final = 0x80
"""The bit of a frame's first byte that says that its message ends with it; beside it three bits are reserved."""

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

WHOLE_TEXT: Final = FINAL | TEXT
WHOLE_BINARY: Final = FINAL | BINARY
WHOLE_PING: Final = FINAL | PING
WHOLE_PONG: Final = FINAL | PONG

NORMAL_CLOSURE: Final = 1000
PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005
"""What a close frame without a code counts as; it is never sent."""
TOO_BIG: Final = 1009

LONGEST_CONTROL_PAYLOAD: Final = 125

MASKED: Final = 0x80
"""The bit of a frame's second byte that says that it is masked; the rest of that byte is the size of the payload."""
TWO_BYTES: Final = 126
"""In the place of the size: it is in the next two bytes."""

_EIGHT_BYTES: Final = 127
_RESERVED_BITS: Final = 0x70
_OPCODES: Final = frozenset({0x0, TEXT, BINARY, CLOSE, PING, PONG})
# The codes that may be in a close frame (RFC 6455, 7.4, and IANA's registry).
_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1014), *range(3000, 5000)})
_MASK_BYTES: Final = 4


def encode_message(payload: bytes, text: bool, mask: bytes) -> bytes:
    """Return a message as one frame, masked with the four bytes `mask`."""
    return _encode(WHOLE_TEXT if text else WHOLE_BINARY, payload, mask)


def encode_pong(payload: bytes) -> bytes:
    """Return the answer to a ping with that payload."""
    return _encode(WHOLE_PONG, payload, os.urandom(_MASK_BYTES))


def encode_close(code: int = NORMAL_CLOSURE, reason: str = "") -> bytes:
    """Return a close frame with `code`, or without one for NO_STATUS. Raises ValueError if the reason is too long."""
    payload = b"" if code == NO_STATUS else code.to_bytes(2, "big") + reason.encode()
    if len(payload) > LONGEST_CONTROL_PAYLOAD:
        raise ValueError(f"the reason of a close has at most {LONGEST_CONTROL_PAYLOAD - 2} bytes")
    return _encode(FINAL | CLOSE, payload, os.urandom(_MASK_BYTES))


class Extent(NamedTuple):
    """Where in some bytes the payload of a frame begins and ends. Its end may be behind theirs."""

    payload: int
    end: int


def find_extent(data: bytes | memoryview, start: int) -> Extent | None:
    """Return the extent of the frame that begins at `start` and is not masked; None while its header is incomplete."""
    header_ends = start + 2
    if len(data) < header_ends:
        return None
    payload_bytes: int = data[start + 1] & ~MASKED
    if payload_bytes >= TWO_BYTES:
        size = 2 if payload_bytes == TWO_BYTES else 8
        header_ends += size
        if len(data) < header_ends:
            return None
        payload_bytes = int.from_bytes(data[header_ends - size : header_ends], "big")
    return Extent(header_ends, header_ends + payload_bytes)


def header_bytes(payload_bytes: int) -> int:
    """Return the size of the header of an unmasked frame: lengths must not be written longer than they need."""
    if payload_bytes < TWO_BYTES:
        return 2
    return 4 if payload_bytes < 1 << 16 else 10


Partial: TypeAlias = bytes | int
"""What is kept of a frame that has come in part: its bytes, if it may have to be answered; otherwise how many of its
bytes are still to come, as a long message must not be kept. Empty or 0 where there is none."""


class Replies(NamedTuple):
    """What to send, how many pings it answers, what is kept of an incomplete frame, and whether the peer has closed.

    If it has, or has sent what no server may send, the connection is to be closed after `reply` is sent.
    """

    reply: bytes
    pings: int
    partial: Partial
    closed: bool


def replies_to(data: bytes | memoryview, partial: Partial = b"") -> Replies:
    """Return what a client that waits for nothing answers to `data`, which follows `partial`: pings and a close.

    Data messages are skipped. There is no object for a connection: the caller keeps `Replies.partial`, in the rare case
    that there is one, until more comes.
    """
    if not partial and len(data) >= 2 and data[0] == WHOLE_PING and data[1] == len(data) - 2 <= LONGEST_CONTROL_PAYLOAD:
        return Replies(encode_pong(bytes(data[2:])), 1, b"", False)
    position = 0
    if isinstance(partial, int):
        if partial >= len(data):
            return Replies(b"", 0, partial - len(data), False)
        position = partial
    elif partial:
        data = partial + bytes(data)
    replies: list[bytes] = []
    while position < len(data):
        if len(data) - position >= 2 and not _is_permitted(data[position], data[position + 1]):
            return Replies(b"".join([*replies, encode_close(PROTOCOL_ERROR)]), len(replies), b"", True)
        extent = find_extent(data, position)
        opcode = data[position] & 0xF
        if extent is None or (extent.end > len(data) and opcode >= CLOSE):
            return Replies(b"".join(replies), len(replies), bytes(data[position:]), False)
        if opcode == CLOSE:
            close = encode_close(_code_to_return(bytes(data[extent.payload : extent.end])))
            return Replies(b"".join([*replies, close]), len(replies), b"", True)
        if opcode == PING:
            replies.append(encode_pong(bytes(data[extent.payload : extent.end])))
        position = extent.end
    return Replies(b"".join(replies), len(replies), position - len(data), False)


def _is_permitted(first: int, second: int) -> bool:
    """Return whether a server may send a frame that begins with these bytes (RFC 6455, 5.1, 5.2, 5.5)."""
    opcode = first & 0xF
    if first & _RESERVED_BITS or second & MASKED or opcode not in _OPCODES:
        return False
    return opcode < CLOSE or (first & FINAL != 0 and second <= LONGEST_CONTROL_PAYLOAD)


def _code_to_return(payload: bytes) -> int:
    """Return the code with which a close frame of that payload is answered: its own, if it may have that."""
    if not payload:
        return NO_STATUS
    code = int.from_bytes(payload[:2], "big")
    return code if code in _CODES else PROTOCOL_ERROR


def _encode(first: int, payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    if size < TWO_BYTES:
        header = struct.pack("!BB", first, MASKED | size)
    elif size < 1 << 16:
        header = struct.pack("!BBH", first, MASKED | TWO_BYTES, size)
    else:
        header = struct.pack("!BBQ", first, MASKED | _EIGHT_BYTES, size)
    return header + mask + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Return `payload` masked with the four bytes `mask`, or unmasked: it is the same."""
    size = len(payload)
    repeated = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
