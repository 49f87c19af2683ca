"""WebSocket frames as a client sends them, read by wsproto's server side, and what an idle client answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadlab.protocols.websocket_frames import (
    NO_STATUS,
    Partial,
    Replies,
    apply_mask,
    encode_close,
    encode_message,
    encode_pong,
    find_extent,
    replies_to,
)

MASK = b"\x37\xfa\x21\x3d"


def frame(first: int, payload: bytes = b"", second: int | None = None) -> bytes:
    """Return a frame as a server sends it, with the first two bytes given or as they should be."""
    size = len(payload)
    if size < 126:
        return bytes([first, size if second is None else second]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


def as_server_reads(data: bytes) -> list[tuple[Opcode, object]]:
    """Return the frames that a client sent, each with its payload."""
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(data)
    return [(each.opcode, each.payload) for each in server.received_frames()]


@pytest.mark.parametrize("size", [0, 1, 4, 5, 125, 126, 127, 65_535, 65_536, 100_003])
@pytest.mark.parametrize("text", [True, False])
def test_a_message_is_read_by_a_server(size: int, text: bool) -> None:
    payload = (b"0123456789" * (size // 10 + 1))[:size]
    opcode, read = as_server_reads(encode_message(payload, text, MASK))[0]
    assert opcode is (Opcode.TEXT if text else Opcode.BINARY)
    assert read == (payload.decode() if text else payload)


def test_the_masked_message_of_the_standard() -> None:
    """RFC 6455, 5.7."""
    assert encode_message(b"Hello", True, MASK) == bytes.fromhex("818537fa213d7f9f4d5158")


@given(payload=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_what_was_masked(payload: bytes, mask: bytes) -> None:
    assert apply_mask(apply_mask(payload, mask), mask) == payload


def test_control_frames_have_a_mask_each() -> None:
    assert len({encode_pong(b"x") for _ in range(10)}) > 1
    assert as_server_reads(encode_pong(b"x")) == [(Opcode.PONG, b"x")]


def test_a_close_frame_has_a_code_unless_it_means_that_there_is_none() -> None:
    assert as_server_reads(encode_close()) == [(Opcode.CLOSE, (1000, ""))]
    assert as_server_reads(encode_close(1002)) == [(Opcode.CLOSE, (1002, ""))]
    assert as_server_reads(encode_close(NO_STATUS)) == [(Opcode.CLOSE, (1005, ""))]


@pytest.mark.parametrize(
    ("data", "extent"),
    [
        (b"\x81", None),
        (b"\x81\x00", (2, 2)),
        (b"\x81\x7d", (2, 127)),
        (b"\x81\x7e\x01", None),
        (b"\x81\x7e\x01\x00", (4, 260)),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00", None),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", (10, 65_546)),
        (b"\x81\x7f" + b"\xff" * 8, (10, 10 + (1 << 64) - 1)),
    ],
)
def test_the_extent_of_a_frame(data: bytes, extent: tuple[int, int] | None) -> None:
    assert find_extent(data, 0) == extent
    shifted = find_extent(memoryview(b"abc" + data), 3)
    assert shifted == (extent and (extent[0] + 3, extent[1] + 3))


@dataclass(frozen=True, slots=True)
class Case:
    """What a server sends on an idle connection, and what the client is to send."""

    name: str
    raw: bytes
    sent: tuple[tuple[Opcode, object], ...] = ()
    closed: bool = False

    def __str__(self) -> str:
        return self.name


VIOLATION = ((Opcode.CLOSE, (1002, "")),)

NO_TEXT = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
ANSWERED = [
    Case("2.1 a ping without payload", frame(0x89), ((Opcode.PONG, b""),)),
    Case("2.2 a ping with text", frame(0x89, b"Hello, world!"), ((Opcode.PONG, b"Hello, world!"),)),
    Case("2.3 a ping with binary", frame(0x89, NO_TEXT), ((Opcode.PONG, NO_TEXT),)),
    Case("2.4 a ping of 125 bytes", frame(0x89, b"\xfe" * 125), ((Opcode.PONG, b"\xfe" * 125),)),
    Case("2.7 an unasked pong", frame(0x8A, b"unasked")),
    Case("2.9 a pong before a ping", frame(0x8A, b"pong") + frame(0x89, b"ping"), ((Opcode.PONG, b"ping"),)),
    Case(
        "2.10 ten pings",
        b"".join(frame(0x89, b"%d" % n) for n in range(10)),
        tuple((Opcode.PONG, b"%d" % n) for n in range(10)),
    ),
    Case("a message", frame(0x81, b"news")),
    Case("an empty message", frame(0x81)),
    Case("messages of all sizes", frame(0x82, b"x" * 126) + frame(0x82, b"x" * 65_536) + frame(0x81)),
    Case(
        "5.6 a ping between fragments",
        frame(0x01, b"frag") + frame(0x89, b"ping") + frame(0x80, b"ment"),
        ((Opcode.PONG, b"ping"),),
    ),
    Case("a ping behind a long message", frame(0x82, b"\x89\x00" * 500) + frame(0x89, b"x"), ((Opcode.PONG, b"x"),)),
]
ENDED = [
    Case(
        "7.1.1 a close after a message",
        frame(0x81, b"Hello") + frame(0x88, b"\x03\xe8"),
        ((Opcode.CLOSE, (1000, "")),),
        True,
    ),
    Case("7.3.1 a close without a code", frame(0x88), ((Opcode.CLOSE, (1005, "")),), True),
    Case("7.3.2 a close of one byte", frame(0x88, b"a"), VIOLATION, True),
    Case("7.3.4 a close with a reason", frame(0x88, b"\x03\xe9going"), ((Opcode.CLOSE, (1001, "")),), True),
    Case("7.9.1 a close with an invalid code", frame(0x88, b"\x00\x00"), VIOLATION, True),
    Case(
        "a ping before the close",
        frame(0x89, b"x") + frame(0x88),
        ((Opcode.PONG, b"x"), (Opcode.CLOSE, (1005, ""))),
        True,
    ),
    Case("2.5 a ping of 126 bytes", frame(0x89, b"\xfe" * 126), VIOLATION, True),
    Case("3.1 a reserved bit", frame(0xC1, b"x"), VIOLATION, True),
    Case("3.2 a reserved bit after a message", frame(0x81, b"x") + frame(0xA1, b"x"), VIOLATION, True),
    Case("3.5 reserved bits of a ping", frame(0xD9), VIOLATION, True),
    Case("4.1.1 a reserved opcode", frame(0x83), VIOLATION, True),
    Case("4.2.1 a reserved opcode of control frames", frame(0x8B), VIOLATION, True),
    Case("5.1 a ping in fragments", frame(0x09, b"frag") + frame(0x80, b"ment"), VIOLATION, True),
    Case("a masked frame", encode_message(b"Hello", True, MASK), VIOLATION, True),
]


def feed(pieces: Iterable[bytes]) -> tuple[bytes, int, Partial, bool]:
    """Return what was sent for all pieces, the pings answered, what is kept at the end, and whether it has closed."""
    sent, pings = b"", 0
    partial: Partial = b""
    for piece in pieces:
        replies: Replies = replies_to(piece, partial)
        sent, pings, partial = sent + replies.reply, pings + replies.pings, replies.partial
        if replies.closed:
            return sent, pings, partial, True
    return sent, pings, partial, False


def check(case: Case, pieces: Iterable[bytes]) -> None:
    sent, pings, partial, closed = feed(pieces)
    assert tuple(as_server_reads(sent)) == case.sent
    assert pings == sum(opcode is Opcode.PONG for opcode, _ in case.sent)
    assert not partial
    assert closed is case.closed


@pytest.mark.parametrize("case", ANSWERED + ENDED, ids=str)
def test_replies_to_whole(case: Case) -> None:
    check(case, [case.raw])
    check(case, [memoryview(case.raw)])  # type: ignore[list-item]


@pytest.mark.parametrize("case", ANSWERED + ENDED, ids=str)
def test_replies_to_byte_by_byte(case: Case) -> None:
    check(case, [bytes([byte]) for byte in case.raw])


@pytest.mark.parametrize("case", ANSWERED + ENDED, ids=str)
def test_replies_to_two_pieces(case: Case) -> None:
    for cut in range(1, min(len(case.raw), 300)):
        check(case, [case.raw[:cut], case.raw[cut:]])


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_replies_to_what_has_more_behind(case: Case) -> None:
    sent, _, partial, closed = feed([case.raw + b"\x82\x05ab"])
    assert tuple(as_server_reads(sent)) == case.sent
    assert (partial, closed) == (3, False)


def test_of_a_long_message_only_its_length_is_kept() -> None:
    message = frame(0x82, bytes(100_000))
    assert replies_to(message[:1000]).partial == len(message) - 1000
    assert replies_to(b"\x81\x7f\x7f" + b"\xff" * 7).partial == (1 << 63) - 1


def test_of_a_ping_its_beginning_is_kept() -> None:
    assert replies_to(frame(0x81, b"x") + frame(0x89, b"Hello")[:4]).partial == b"\x89\x05He"


FRAMES = st.one_of(
    st.binary(max_size=300).map(lambda payload: frame(0x82, payload)),
    st.binary(max_size=125).map(lambda payload: frame(0x89, payload)),
    st.binary(max_size=125).map(lambda payload: frame(0x8A, payload)),
)


@given(frames=st.lists(FRAMES, max_size=12), data=st.data())
def test_any_frames_cut_anywhere(frames: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(frames)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=8)) | {0, len(raw)})
    sent, _, partial, closed = feed(raw[begin:end] for begin, end in pairwise(cuts))
    pings = [each[2:] for each in frames if each[0] == 0x89]
    assert as_server_reads(sent) == [(Opcode.PONG, payload) for payload in pings]
    assert not partial
    assert not closed
