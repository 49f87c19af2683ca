"""Any bytes over a WebSocket: what is made of them is what wsproto makes of them, however they are cut."""

from itertools import pairwise
from typing import cast

from hypothesis import example, given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.websocket import WebSocketAnswers, WebSocketReader
from loadlab.protocols.websocket_frames import replies_to

from .websocket_cases import ENDINGS, MESSAGES, as_server_reads, frame

Seen = tuple[int, list[bytes], str]
"""How many messages came, the payloads of pings, and how it ended: "", "violated", "closed" or "too large"."""


def as_wsproto_reads(raw: bytes) -> Seen:
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(raw)
    messages, pings = 0, list[bytes]()
    try:
        for each in client.received_frames():
            if each.opcode is Opcode.CLOSE:
                return messages, pings, "closed"
            if each.opcode is Opcode.PING:
                pings.append(bytes(cast(bytes, each.payload)))
            elif each.opcode is not Opcode.PONG:
                messages += each.message_finished
    except ParseFailed:
        return messages, pings, "violated"
    return messages, pings, ""


def as_the_reader_reads(pieces: list[bytes], overheard: bool) -> Seen:
    answers = WebSocketAnswers()
    reader = answers.new_reader()
    assert isinstance(reader, WebSocketReader)
    answered, ended = 0, ""
    try:
        for piece in pieces:
            if overheard:
                reader.overhear(piece)
            elif (head := reader.feed(piece)) is not None:
                answered += 1
                if not head.keep_alive:
                    ended = "violated" if head.surplus else "closed"
                    break
    except MalformedResponse:
        ended = "violated"
    except ResponseCutShort:
        ended = "closed"
    except ResponseTooLarge:
        ended = "too large"
    sent = as_server_reads(reader.reply)
    assert bool(ended) is (sent[-1:] != () and sent[-1][0] is Opcode.CLOSE)
    pongs = [payload for opcode, payload in sent if opcode is Opcode.PONG]
    return answered + answers.unasked, pongs, ended  # type: ignore[return-value]


def cut(raw: bytes, cuts: set[int]) -> list[bytes]:
    places = sorted({0, len(raw)} | {place % (len(raw) + 1) for place in cuts})
    return [raw[begin:end] for begin, end in pairwise(places)]


VALID = st.sampled_from([case.raw for case in MESSAGES if len(case.raw) < 1000])
ENDING = st.sampled_from([case.raw for case in ENDINGS])
ODD_FRAME = st.builds(
    lambda first, payload, mask_bit: frame(first, payload, mask_bit),
    st.integers(0, 255),
    st.binary(max_size=130),
    st.sampled_from([0, 0, 0, 0x80]),
)
STREAM = st.lists(st.one_of(VALID, VALID, ENDING, ODD_FRAME, st.binary(max_size=20)), max_size=6).map(b"".join)


@given(raw=STREAM, cuts=st.sets(st.integers(0, 5000), max_size=6), overheard=st.booleans())
@example(raw=b"\x81\x7f" + bytes(8), cuts=set(), overheard=False)
def test_a_reader_sees_what_wsproto_sees(raw: bytes, cuts: set[int], overheard: bool) -> None:
    seen = as_the_reader_reads(cut(raw, cuts), overheard)
    if seen[2] == "too large":
        return  # which wsproto does not know
    expected = as_wsproto_reads(raw)
    # A header that is complete but for its length may be a violation already; the reader waits for all of it.
    assert seen == expected or (seen[:2] == expected[:2] and (seen[2], expected[2]) == ("", "violated"))


@given(raw=STREAM, cuts=st.sets(st.integers(0, 5000), max_size=6))
def test_however_it_is_cut_the_same_comes_of_it(raw: bytes, cuts: set[int]) -> None:
    assert as_the_reader_reads(cut(raw, cuts), False) == as_the_reader_reads([raw] if raw else [], False)


@given(raw=STREAM, cuts=st.sets(st.integers(0, 5000), max_size=6))
def test_an_idle_connection_is_answered_the_same_however_it_is_cut(raw: bytes, cuts: set[int]) -> None:
    def answered(pieces: list[bytes]) -> tuple[object, ...]:
        sent, pings = b"", 0
        replies = replies_to(b"")
        for piece in pieces:
            replies = replies_to(piece, replies.partial)
            sent, pings = sent + replies.reply, pings + replies.pings
            if replies.closed:
                break
        return as_server_reads(sent), pings, replies.closed, replies.partial or b""

    assert answered(cut(raw, cuts)) == answered([raw] if raw else [])
