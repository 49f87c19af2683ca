"""What servers send over a WebSocket, for tests.

Numbers are those of the cases of the Autobahn test suite (its list is public), as far as they concern a client that
sends messages and receives others.
"""

from dataclasses import dataclass

from wsproto.frame_protocol import FrameProtocol, Opcode

Sent = tuple[tuple[Opcode, object], ...]


def frame(first: int, payload: bytes = b"", mask_bit: int = 0) -> bytes:
    """Return a frame as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes([first, mask_bit | size]) + payload
    if size < 1 << 16:
        return bytes([first, mask_bit | 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, mask_bit | 127]) + size.to_bytes(8, "big") + payload


def text(payload: str) -> bytes:
    """Return a text message in one frame."""
    return frame(0x81, payload.encode())


def in_fragments(first: int, *payloads: bytes) -> bytes:
    """Return a message of several frames, whose opcode is `first`."""
    openers = [first, *[0] * (len(payloads) - 1)]
    openers[-1] |= 0x80
    return b"".join(frame(opener, payload) for opener, payload in zip(openers, payloads, strict=True))


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(0x88, b"" if code is None else code.to_bytes(2, "big") + reason)


def as_server_reads(data: bytes) -> Sent:
    """Return the frames that a client sent, each with its payload."""
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(data)
    return tuple((each.opcode, each.payload) for each in server.received_frames())


def pongs(*payloads: bytes) -> Sent:
    return tuple((Opcode.PONG, payload) for payload in payloads)


def closed_with(code: int) -> Sent:
    return ((Opcode.CLOSE, (code, "")),)


@dataclass(frozen=True, slots=True)
class Case:
    """What a server sends, of which the last message is the answer, or which ends with a failure for some reason.

    `unasked` messages come behind `messages` that make the answer, where that has several.
    """

    name: str
    raw: bytes
    sent: Sent = ()
    messages: int = 1
    reason: str = ""
    status: int | None = None

    def __str__(self) -> str:
        return self.name


HELLO = text("Hello")
BYTES = bytes(range(256))
KAPPA = "κόσμε".encode()

MESSAGES = [
    *(Case(f"1.1.{n} a text of {size}", frame(0x81, b"*" * size)) for n, size in enumerate((0, 125, 126, 127, 128), 1)),
    *(Case(f"1.2.{n} a binary of {size}", frame(0x82, b"\xfe" * size)) for n, size in enumerate((0, 125, 126, 127), 1)),
    Case("2.1 a ping without payload", frame(0x89) + HELLO, pongs(b"")),
    Case("2.2 a ping with text", frame(0x89, b"Hello, world!") + HELLO, pongs(b"Hello, world!")),
    Case("2.3 a ping with binary", frame(0x89, b"\x00\xff\xfe") + HELLO, pongs(b"\x00\xff\xfe")),
    Case("2.4 a ping of 125 bytes", frame(0x89, b"\xfe" * 125) + HELLO, pongs(b"\xfe" * 125)),
    Case("2.7 an unasked pong", frame(0x8A) + HELLO),
    Case("2.8 an unasked pong with payload", frame(0x8A, b"unasked") + HELLO),
    Case("2.9 a pong and a ping", frame(0x8A, b"a") + frame(0x89, b"b") + HELLO, pongs(b"b")),
    Case("2.10 ten pings", frame(0x89, b"x") * 10 + HELLO, pongs(*[b"x"] * 10)),
    Case("5.3 two fragments", in_fragments(0x1, b"frag", b"ment")),
    Case("5.6 a ping between fragments", frame(0x1, b"frag") + frame(0x89, b"p") + frame(0x80, b"ment"), pongs(b"p")),
    Case("5.8 a pong between fragments", frame(0x1, b"frag") + frame(0x8A, b"p") + frame(0x80, b"ment")),
    Case(
        "5.19 five fragments, pings",
        b"".join(
            [
                frame(0x1, b"1"),
                frame(0, b"2"),
                frame(0x89, b"a"),
                frame(0, b"3"),
                frame(0, b"4"),
                frame(0x89, b"b"),
                frame(0x80, b"5"),
            ]
        ),
        pongs(b"a", b"b"),
    ),
    Case("6.1.1 an empty text", text("")),
    Case("6.1.2 three empty fragments", in_fragments(0x1, b"", b"", b"")),
    Case("6.1.3 text between empty fragments", in_fragments(0x1, b"", b"middle", b"")),
    Case("6.2.1 text above ASCII", text("Hello-µ@ßöäüàá-UTF-8!!")),
    Case("6.2.3 every byte a fragment", in_fragments(0x1, *(bytes([byte]) for byte in KAPPA))),
    Case("6.5.1 the first character", text("\x00")),
    Case("6.7.1 a character of two bytes", text("\x80")),
    Case("6.9.2 the last character", text("\U0010ffff")),
    Case("9.1 a text of 64 KiB", frame(0x81, b"*" * 65_536)),
    Case("a binary in fragments that are no text", in_fragments(0x2, BYTES, BYTES)),
    Case("two messages", HELLO + text("again"), messages=2),
    Case("three messages, one in fragments", HELLO + in_fragments(0x2, b"a", b"b") + text("again"), messages=3),
    Case("two messages, a ping between", HELLO + frame(0x89) + text("again"), pongs(b""), messages=2),
]

INVALID = "invalid WebSocket frame"
VIOLATIONS = [
    Case("2.5 a ping of 126 bytes", frame(0x89, b"\xfe" * 126), closed_with(1002), reason=INVALID),
    *(
        Case(f"3.{bits} reserved bits {bits:03b}", frame(0x81 | bits << 4, b"Hello"), closed_with(1002), reason=INVALID)
        for bits in range(1, 8)
    ),
    *(Case(f"4.1 opcode {code:#x}", frame(0x80 | code), closed_with(1002), reason=INVALID) for code in range(3, 8)),
    *(Case(f"4.2 opcode {code:#x}", frame(0x80 | code), closed_with(1002), reason=INVALID) for code in range(11, 16)),
    Case("5.1 a ping in fragments", in_fragments(0x9, b"frag", b"ment"), closed_with(1002), reason=INVALID),
    Case("5.2 a pong in fragments", in_fragments(0xA, b"frag", b"ment"), closed_with(1002), reason=INVALID),
    Case("5.9 a continuation of nothing", frame(0x80, b"what") + HELLO, closed_with(1002), reason=INVALID),
    Case("5.10 an empty one of nothing", frame(0x80) + HELLO, closed_with(1002), reason=INVALID),
    Case("5.12 a continuation that goes on", frame(0x00, b"what") + HELLO, closed_with(1002), reason=INVALID),
    Case("5.18 a message in a message", frame(0x1, b"frag") + frame(0x81, b"ment"), closed_with(1002), reason=INVALID),
    Case("6.3.1 invalid UTF-8", frame(0x81, KAPPA + b"\xed\xa0\x80edited"), closed_with(1007), reason="utf-8"),
    Case(
        "6.3.2 invalid in fragments", in_fragments(0x1, KAPPA + b"\xed", b"\xa0", b"x"), closed_with(1007), reason="utf"
    ),
    Case(
        "6.4.1 past the last character", in_fragments(0x1, KAPPA, b"\xf4\x90", b"\x80"), closed_with(1007), reason="utf"
    ),
    Case("6.8.1 half a character", frame(0x81, b"\xce"), closed_with(1007), reason="utf-8"),
    Case("6.12.1 no continuation", frame(0x81, b"\xc0\xaf"), closed_with(1007), reason="utf-8"),
    Case("7.3.2 a close of one byte", frame(0x88, b"a"), closed_with(1002), reason=INVALID),
    Case("7.3.6 a close of 126 bytes", frame(0x88, b"\x03\xe8" + b"*" * 124), closed_with(1002), reason=INVALID),
    Case("7.5.1 a reason that is no UTF-8", close(1000, KAPPA + b"\xed\xa0\x80"), closed_with(1007), reason="utf-8"),
    *(
        Case(f"7.9.{n} code {code}", close(code), closed_with(1002), reason=INVALID)
        for n, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1)
    ),
    Case("7.13 code 5000", close(5000), closed_with(1002), reason=INVALID),
    Case("7.13 code 65535", close(65_535), closed_with(1002), reason=INVALID),
    Case("a masked frame", frame(0x81, b"mask", 0x80), closed_with(1002), reason="masked"),
    Case("a masked ping", frame(0x89, b"mask", 0x80), closed_with(1002), reason="masked"),
    Case("two bytes for a short length", b"\x81\x7e\x00\x05Hello", closed_with(1002), reason="length"),
    Case("two bytes for 125", b"\x81\x7e\x00\x7d" + b"x" * 125, closed_with(1002), reason="length"),
    Case("eight bytes for a short length", b"\x81\x7f" + bytes(7) + b"\x05Hello", closed_with(1002), reason="length"),
    Case("a ping with two bytes of length", b"\x89\x7e\x00\x01x", closed_with(1002), reason=INVALID),
]

CLOSES = [
    Case(
        "7.1.1 a close in place of an answer",
        close(1000),
        closed_with(1000),
        reason=r"1000 \(normal closure\)",
        status=1000,
    ),
    Case(
        "7.1.5 a close in a message", frame(0x1, b"frag") + close(1000), closed_with(1000), reason="1000", status=1000
    ),
    Case("7.3.1 a close without a code", close(), closed_with(1005), reason="without a code", status=1005),
    Case(
        "7.3.4 a close with a reason",
        close(1001, b"Bye!"),
        closed_with(1001),
        reason=r"1001 \(going away\): Bye!",
        status=1001,
    ),
    Case("7.3.5 a reason of 123 bytes", close(1000, b"*" * 123), closed_with(1000), reason=r"\*{123}", status=1000),
    *(
        Case(f"7.7 code {code}", close(code), closed_with(code), reason=f"with code {code}", status=code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
    ),
    Case(
        "an internal error",
        close(1011, "Köln".encode()),
        closed_with(1011),
        reason=r"1011 \(internal error\): Köln",
        status=1011,
    ),
    Case("a ping before", frame(0x89, b"x") + close(), pongs(b"x") + closed_with(1005), reason="without", status=1005),
    Case("7.1.2 a second close", close(1000) + close(1000), closed_with(1000), reason="1000", status=1000),
    Case("one of two messages", HELLO + close(1001), closed_with(1001), messages=2, reason="going away", status=1001),
]
ENDINGS = VIOLATIONS + CLOSES
