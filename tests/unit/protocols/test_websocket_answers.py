"""What makes an answer over a WebSocket: so many messages, or those that match; limits; what users of a load share."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseHead, ResponseTooLarge
from loadlab.protocols.websocket import MAX_MESSAGE_BYTES, WebSocketAnswers, WebSocketReader

from .websocket_cases import (
    HELLO,
    as_server_reads,
    closed_with,
    frame,
    in_fragments,
    pongs,
    text,
)

ANSWERED = ResponseHead(0, keep_alive=True)


def reader_of(messages: int = 1, matches: str | None = None) -> WebSocketReader:
    reader = WebSocketAnswers(messages, matches).new_reader()
    assert isinstance(reader, WebSocketReader)
    return reader


@pytest.mark.parametrize(
    "message",
    [
        text('{"id":7,"ok":true}'),
        in_fragments(0x1, b'{"id":', b"7,", b'"ok":true}'),
        frame(0x82, b'\xff{"id":7,\x00'),
        in_fragments(0x2, b'\xff{"i', b'd":7,'),
        text("x" * 200 + '"id":7,'),
    ],
)
def test_the_answer_is_the_first_message_that_matches(message: bytes) -> None:
    reader = reader_of(matches=r'"id":\d,')
    others = text('{"id":12,') + frame(0x82, b"\xff\x00") + in_fragments(0x1, b"no", b"ne")
    assert reader.feed(others) is None
    assert reader.feed(message) == ANSWERED
    assert reader.answers.unasked == 3
    for byte in others + message[:-1]:
        assert reader.feed(bytes([byte])) is None
    assert reader.feed(message[-1:]) == ANSWERED
    assert reader.answers.unasked == 6


def test_a_pattern_is_searched_in_text_and_in_bytes_as_latin_1() -> None:
    assert reader_of(matches="ä$").feed(text("gä")) == ANSWERED
    assert reader_of(matches="ä$").feed(frame(0x82, "gä".encode("latin-1"))) == ANSWERED
    assert reader_of(matches="ä$").feed(frame(0x82, "gä".encode())) is None


def test_several_messages_that_match_make_an_answer() -> None:
    reader = reader_of(2, "yes")
    assert reader.feed(text("yes") + text("no")) is None
    assert reader.begun
    assert reader.feed(text("yes")) == ANSWERED
    assert reader.answers.unasked == 1


def test_the_next_answer_may_be_of_another_kind() -> None:
    reader, two = reader_of(), WebSocketAnswers(2)
    assert reader.feed(HELLO + text("unasked")[:4]) == ANSWERED
    taken = two.take_over(reader)
    assert taken is reader
    assert taken.feed(text("unasked")[4:] + HELLO) is None
    assert taken.feed(HELLO) == ANSWERED
    assert reader.answers.unasked == 1


@pytest.mark.parametrize(
    ("answers", "piece"),
    [
        (WebSocketAnswers(), HELLO),
        (WebSocketAnswers(), text("κόσμε")),
        (WebSocketAnswers(), frame(0x82, b"x" * 126)),
        (WebSocketAnswers(), frame(0x82, bytes(70_000))),
        (WebSocketAnswers(), in_fragments(0x1, b"a", b"b")),
        (WebSocketAnswers(), frame(0x8A, b"pong") + HELLO),
        (WebSocketAnswers(2), HELLO + HELLO),
        (WebSocketAnswers(matches="ell"), HELLO),
    ],
)
def test_a_whole_answer_is_remembered(answers: WebSocketAnswers, piece: bytes) -> None:
    buffer = bytearray(piece)
    assert answers.new_reader().feed(memoryview(buffer)) == ANSWERED
    buffer[:] = bytes(len(buffer))
    assert answers.message == piece
    assert answers.head == ANSWERED


@pytest.mark.parametrize(
    "pieces",
    [
        [HELLO[:3], HELLO[3:]],
        [frame(0x89, b"x") + HELLO],
        [HELLO + HELLO],
        [HELLO + HELLO[:1]],
        [b"", text("no") + HELLO],
        [HELLO + frame(0x88)],
    ],
)
def test_what_is_more_or_less_than_an_answer_is_not_remembered(pieces: list[bytes]) -> None:
    answers = WebSocketAnswers(matches="Hello")
    reader = answers.new_reader()
    assert reader.feed(pieces[0]) is None or len(pieces) == 1
    for piece in pieces[1:]:
        reader.feed(piece)
    assert answers.message is None


def test_the_second_half_of_two_messages_is_not_remembered() -> None:
    answers = WebSocketAnswers(2)
    reader = answers.new_reader()
    assert reader.feed(HELLO) is None
    assert reader.feed(HELLO) == ANSWERED
    assert answers.message is None


def test_a_farewell_is_a_close_frame() -> None:
    assert as_server_reads(WebSocketAnswers().farewell) == closed_with(1000)
    assert WebSocketAnswers().speaks_unasked


TOO_LONG = MAX_MESSAGE_BYTES + 1


@pytest.mark.parametrize(
    "raw",
    [
        b"\x82\x7f" + TOO_LONG.to_bytes(8, "big"),
        b"\x81\x7f" + (1 << 63).to_bytes(8, "big"),
        b"\x82\x7f" + b"\xff" * 8,
        frame(0x2, b"x") + b"\x80\x7f" + MAX_MESSAGE_BYTES.to_bytes(8, "big"),
    ],
)
def test_a_message_has_a_limit_which_its_length_alone_exceeds(raw: bytes) -> None:
    for pieces in ([raw], [bytes([byte]) for byte in raw]):
        reader = reader_of()
        assert [reader.feed(piece) for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
        with pytest.raises(ResponseTooLarge, match="64 MiB"):
            reader.feed(pieces[-1])
        assert as_server_reads(reader.reply) == closed_with(1009)


def test_the_limit_is_of_one_message() -> None:
    reader = reader_of()
    piece = memoryview(bytes(1 << 20))
    for _ in range(2):
        assert reader.feed(b"\x82\x7f" + MAX_MESSAGE_BYTES.to_bytes(8, "big")) is None
        fed = [reader.feed(piece) for _ in range(MAX_MESSAGE_BYTES >> 20)]
        assert fed == [*[None] * (len(fed) - 1), ANSWERED]


def test_the_end_of_the_connection_completes_nothing() -> None:
    reader = reader_of()
    with pytest.raises(ResponseCutShort, match="without closing the WebSocket"):
        reader.feed_end()
    with pytest.raises(ResponseCutShort, match="without closing the WebSocket"):
        reader.overhear(b"")
    assert reader.feed(HELLO[:4]) is None
    assert reader.begun
    assert reader.received == HELLO[:4]
    with pytest.raises(ResponseCutShort, match="in the middle of a WebSocket message"):
        reader.feed_end()


def test_what_violated_the_protocol_is_shown() -> None:
    reader = reader_of()
    assert reader.feed(frame(0x1, b"begin")) is None
    with pytest.raises(MalformedResponse):
        reader.feed(frame(0xF1, b"strange") + bytes(1000))
    assert reader.received.startswith(frame(0xF1, b"strange"))
    assert len(reader.received) <= 256


def test_a_connection_keeps_no_parser_between_messages() -> None:
    reader = reader_of()
    for raw in (in_fragments(0x1, b"a", b"b"), HELLO, frame(0x89, b"ping") + HELLO):
        for position in range(len(raw)):
            reader.feed(raw[position : position + 1])
        assert reader._frames is None
        assert not reader.begun


Script = list[tuple[Opcode, list[bytes]]]

CONTROL = st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125).map(lambda payload: [payload]))
MESSAGE = st.one_of(
    st.tuples(st.just(Opcode.TEXT), st.lists(st.text(max_size=200).map(str.encode), min_size=1, max_size=4)),
    st.tuples(st.just(Opcode.BINARY), st.lists(st.binary(max_size=200), min_size=1, max_size=4)),
)


@given(script=st.lists(st.one_of(CONTROL, MESSAGE), max_size=8), controls=st.lists(CONTROL, max_size=4), data=st.data())
def test_whatever_a_server_of_wsproto_sends_is_counted(script: Script, controls: Script, data: st.DataObject) -> None:
    server = FrameProtocol(client=False, extensions=[])
    raw, expected_pongs, messages = b"", [], 0
    for opcode, payloads in script:
        if opcode is Opcode.PING or opcode is Opcode.PONG:
            raw += server.ping(payloads[0]) if opcode is Opcode.PING else server.pong(payloads[0])
            expected_pongs += payloads if opcode is Opcode.PING else []
            continue
        messages += 1
        for number, payload in enumerate(payloads, 1):
            content = payload.decode() if opcode is Opcode.TEXT else payload
            raw += server.send_data(content, fin=number == len(payloads))
            if controls and number < len(payloads):
                raw += server.ping(controls[0][1][0])
                expected_pongs += controls[0][1]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=8)) | {0, len(raw)})
    reader = reader_of()
    answers = 0
    replies = b""
    for begin, end in pairwise(cuts):
        answers += reader.feed(raw[begin:end]) is not None
        replies, reader.reply = replies + reader.reply, b""
    assert answers + reader.answers.unasked == messages
    assert as_server_reads(replies) == pongs(*expected_pongs)
    assert not reader.begun
