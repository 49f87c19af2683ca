"""What comes on an open WebSocket, each case fed whole, byte by byte, cut in two, and with more behind."""

from collections.abc import Iterable

import pytest
from wsproto.frame_protocol import Opcode

from loadlab.protocols.answers import AnswerReader, MalformedResponse, ResponseCutShort, ResponseHead
from loadlab.protocols.websocket import WebSocketAnswers, WebSocketReader

from .websocket_cases import (
    BYTES,
    ENDINGS,
    HELLO,
    MESSAGES,
    Case,
    as_server_reads,
    frame,
    in_fragments,
    pongs,
)

ANSWERED = ResponseHead(0, keep_alive=True)
ENDED = ResponseHead(0, keep_alive=False)
SURPLUS = ResponseHead(0, keep_alive=False, surplus=True)


def new_reader(case: Case) -> WebSocketReader:
    reader = WebSocketAnswers(case.messages).new_reader()
    assert isinstance(reader, WebSocketReader)
    return reader


def feed(reader: AnswerReader, pieces: Iterable[bytes]) -> tuple[ResponseHead, list[bytes], bytes]:
    """Feed pieces until the answer is complete; return it, the pieces that are left, and what was sent meanwhile."""
    remaining, sent = iter(pieces), b""
    for piece in remaining:
        head = reader.feed(piece)
        sent, reader.reply = sent + reader.reply, b""
        if head is not None:
            return head, list(remaining), sent
    return reader.feed_end(), [], sent


def check(case: Case, pieces: Iterable[bytes]) -> WebSocketReader:
    reader = new_reader(case)
    head, rest, sent = feed(reader, pieces)
    assert (head, rest) == (ANSWERED, [])
    assert as_server_reads(sent) == case.sent
    assert reader.answers.pings == sum(opcode is Opcode.PONG for opcode, _ in case.sent)
    assert (reader.answers.unasked, reader.begun) == (0, False)
    return reader


def check_ending(case: Case, pieces: Iterable[bytes]) -> None:
    reader = new_reader(case)
    with pytest.raises(ResponseCutShort if case.status else MalformedResponse, match=case.reason) as raised:
        feed_all(reader, pieces)
    assert as_server_reads(reader.reply) == case.sent
    assert getattr(raised.value, "status", None) == case.status
    assert reader.received


def feed_all(reader: AnswerReader, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        reader.feed(piece)


def byte_by_byte(raw: bytes) -> list[bytes]:
    return [raw[position : position + 1] for position in range(len(raw))]


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_whole(case: Case) -> None:
    check(case, [case.raw])
    check(case, [memoryview(case.raw)])  # type: ignore[list-item]


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_byte_by_byte(case: Case) -> None:
    check(case, byte_by_byte(case.raw))


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_cut_in_two(case: Case) -> None:
    for cut in range(1, min(len(case.raw), 60)):
        check(case, [case.raw[:cut], case.raw[cut:]])


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_the_same_reader_reads_the_next_answer(case: Case) -> None:
    reader = check(case, [case.raw])
    for pieces in ([case.raw], [*byte_by_byte(case.raw)[:200], case.raw[200:]]):
        head, rest, sent = feed(reader, [piece for piece in pieces if piece])
        assert (head, rest) == (ANSWERED, [])
        assert as_server_reads(sent) == case.sent


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_messages_behind_the_answer_are_unasked(case: Case) -> None:
    reader = new_reader(case)
    head, _, sent = feed(reader, [case.raw + HELLO + frame(0x89, b"late") + in_fragments(0x2, b"a", b"b")])
    assert head == ANSWERED
    assert as_server_reads(sent) == case.sent + pongs(b"late")
    assert (reader.answers.unasked, reader.begun) == (2, False)


@pytest.mark.parametrize("behind", [HELLO, in_fragments(0x1, b"Hel", b"lo"), frame(0x82, BYTES * 9), frame(0x89, b"p")])
def test_half_a_frame_behind_the_answer_is_no_answer_later(behind: bytes) -> None:
    for cut in range(1, len(behind)):
        reader = WebSocketAnswers().new_reader()
        assert isinstance(reader, WebSocketReader)
        assert reader.feed(HELLO + behind[:cut]) == ANSWERED
        assert reader.feed(behind[cut:]) is None
        assert reader.feed(HELLO) == ANSWERED
        is_ping = behind[0] == 0x89
        assert (reader.answers.unasked, reader.answers.pings) == ((0, 1) if is_ping else (1, 0))


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_what_is_overheard_is_counted_and_answered(case: Case) -> None:
    for pieces in ([case.raw], [*byte_by_byte(case.raw)[:300], case.raw[300:]]):
        reader = new_reader(case)
        for piece in pieces:
            if piece:
                reader.overhear(piece)
        assert as_server_reads(reader.reply) == case.sent
        assert (reader.answers.unasked, reader.begun) == (case.messages, False)
        assert feed(reader, [HELLO] * case.messages)[0] == ANSWERED


def test_what_was_overheard_in_part_is_no_answer() -> None:
    reader = WebSocketAnswers().new_reader()
    assert isinstance(reader, WebSocketReader)
    reader.overhear(HELLO[:3])
    assert reader.feed(HELLO[3:]) is None
    assert reader.feed(HELLO) == ANSWERED
    assert reader.answers.unasked == 1


@pytest.mark.parametrize("case", ENDINGS, ids=str)
def test_endings_whole(case: Case) -> None:
    check_ending(case, [case.raw])


@pytest.mark.parametrize("case", ENDINGS, ids=str)
def test_endings_byte_by_byte(case: Case) -> None:
    check_ending(case, byte_by_byte(case.raw))


@pytest.mark.parametrize("case", ENDINGS, ids=str)
def test_endings_cut_in_two(case: Case) -> None:
    for cut in range(1, min(len(case.raw), 60)):
        check_ending(case, [case.raw[:cut], case.raw[cut:]])


@pytest.mark.parametrize("case", ENDINGS, ids=str)
def test_an_ending_that_is_overheard(case: Case) -> None:
    reader = new_reader(case)
    with pytest.raises(ResponseCutShort if case.status else MalformedResponse, match=case.reason):
        reader.overhear(case.raw)
    assert as_server_reads(reader.reply) == case.sent


@pytest.mark.parametrize("case", ENDINGS, ids=str)
def test_an_answer_counts_whatever_comes_behind_it(case: Case) -> None:
    reader = new_reader(case)
    assert reader.feed(HELLO * case.messages + case.raw) == (ENDED if case.status else SURPLUS)
    assert as_server_reads(reader.reply) == case.sent
