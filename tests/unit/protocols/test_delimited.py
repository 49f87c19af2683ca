"""Answers over TCP: each fed whole, byte by byte, cut in two at every point, and with bytes behind it."""

from collections.abc import Iterator, Sequence

import pytest

from loadlab.protocols import delimited
from loadlab.protocols.answers import (
    AnswerEnd,
    Answers,
    MalformedResponse,
    ResponseCutShort,
    ResponseHead,
    ResponseTooLarge,
)
from loadlab.protocols.delimited import DelimitedAnswers

KEPT = ResponseHead(0, keep_alive=True)
SURPLUS = ResponseHead(0, keep_alive=False, surplus=True)

CASES = [
    pytest.param(AnswerEnd(length=7), b"+PONG\r\n", id="a length"),
    pytest.param(AnswerEnd(length=1), b"x", id="a length of 1"),
    pytest.param(AnswerEnd(until=b"\r\n"), b"+PONG\r\n", id="a delimiter"),
    pytest.param(AnswerEnd(until=b"\n"), b"\n", id="nothing but a delimiter"),
    pytest.param(AnswerEnd(until=b"\r\n"), b"a\rb\nc\r\r\n", id="parts of a delimiter before it"),
    pytest.param(AnswerEnd(until=b"aab"), b"xaaaab", id="a delimiter that overlaps with itself"),
    pytest.param(AnswerEnd(echo=True), b"a message \x00\xff", id="an echo"),
    pytest.param(AnswerEnd(echo=True), b"x", id="an echo of one byte"),
]


def ways_to_cut(raw: bytes) -> Iterator[list[bytes]]:
    yield [raw]
    yield [bytes([byte]) for byte in raw]
    for at in range(1, len(raw)):
        yield [raw[:at], raw[at:]]


def read(answers: DelimitedAnswers, pieces: Sequence[bytes]) -> ResponseHead | None:
    reader = answers.new_reader()
    for piece in pieces[:-1]:
        assert reader.feed(piece) is None
        assert reader.begun
    return reader.feed(pieces[-1])


@pytest.mark.parametrize(("end", "raw"), CASES)
def test_an_answer_is_complete_with_its_last_byte_however_it_is_cut(end: AnswerEnd, raw: bytes) -> None:
    for pieces in ways_to_cut(raw):
        assert read(DelimitedAnswers(end, [raw]), pieces) == KEPT, pieces


@pytest.mark.parametrize(("end", "raw"), CASES)
def test_answers_follow_one_another_on_a_connection(end: AnswerEnd, raw: bytes) -> None:
    reader = DelimitedAnswers(end, [raw]).new_reader()
    for pieces in ways_to_cut(raw):
        assert [head for piece in pieces if (head := reader.feed(piece)) is not None] == [KEPT]
        assert not reader.begun
        assert reader.received == b""


@pytest.mark.parametrize(("end", "raw"), CASES)
def test_what_follows_an_answer_in_the_same_piece_is_surplus(end: AnswerEnd, raw: bytes) -> None:
    for pieces in ways_to_cut(raw):
        assert read(DelimitedAnswers(end, [raw]), [*pieces[:-1], pieces[-1] + b"\r\nmore"]) == SURPLUS


@pytest.mark.parametrize(("end", "raw"), CASES)
def test_an_end_before_the_answer_is_complete_is_reported(end: AnswerEnd, raw: bytes) -> None:
    for taken in range(len(raw)):
        reader = DelimitedAnswers(end, [raw]).new_reader()
        assert reader.feed(raw[:taken]) is None
        assert reader.begun == (taken > 0)
        assert reader.received == raw[:taken]
        with pytest.raises(ResponseCutShort):
            reader.feed_end()


@pytest.mark.parametrize("end", [AnswerEnd(length=7), AnswerEnd(until=b"\r\n")])
def test_a_whole_answer_in_one_piece_is_what_the_next_is_compared_with(end: AnswerEnd) -> None:
    answers = DelimitedAnswers(end)
    read(answers, [b"+PO", b"NG\r\n"])
    read(answers, [b"+PONG\r\n+PONG\r\n"])
    assert answers.message is None
    read(answers, [b"+PONG\r\n"])
    assert answers.message == b"+PONG\r\n"
    assert answers.head == KEPT


def test_one_message_that_comes_back_is_known_beforehand() -> None:
    answers = DelimitedAnswers(AnswerEnd(echo=True), [b"hello"])
    assert answers.message == b"hello"
    assert not answers.needs_sent


def test_of_several_messages_that_come_back_the_one_that_was_sent_counts() -> None:
    answers = DelimitedAnswers(AnswerEnd(echo=True), [b"ping 1", b"ping 10"])
    reader = answers.new_reader()
    assert answers.needs_sent
    for sent in (b"ping 10", b"ping 1", b"ping 10"):
        reader.sent = sent
        assert reader.feed(sent) == KEPT
        assert answers.message is None  # the next one is another
    reader.sent = b"ping 10"
    assert reader.feed(b"ping 1") is None
    reader.sent = b"ping 1"
    with pytest.raises(MalformedResponse):
        answers.new_reader().feed(b"pong")


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"Hello"], "byte 1 is not what was sent"),
        ([b"hellO"], "byte 5 is not what was sent"),
        ([b"hel", b"po"], "byte 4 is not what was sent"),
        ([b"h", b"e", b"x"], "byte 3 is not what was sent"),
    ],
)
def test_an_echo_that_differs_is_malformed(pieces: list[bytes], reason: str) -> None:
    reader = DelimitedAnswers(AnswerEnd(echo=True), [b"hello"]).new_reader()
    for piece in pieces[:-1]:
        assert reader.feed(piece) is None
    with pytest.raises(MalformedResponse, match=reason):
        reader.feed(pieces[-1])
    assert reader.received == b"".join(pieces)


def test_a_delimiter_that_never_comes_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_ANSWER_BYTES", 10)
    answers = DelimitedAnswers(AnswerEnd(until=b"\r\n"))
    assert read(answers, [b"x" * 8, b"\r\n"]) == KEPT
    with pytest.raises(ResponseTooLarge, match="more than 10 bytes without the delimiter"):
        read(answers, [b"x" * 9, b"\r\n"])
    reader = answers.new_reader()
    assert reader.feed(b"x" * 10) is None
    with pytest.raises(ResponseTooLarge):
        reader.feed(b"x")


def test_of_a_long_answer_only_the_beginning_and_a_possible_delimiter_are_kept() -> None:
    reader = DelimitedAnswers(AnswerEnd(until=b"END")).new_reader()
    for _ in range(100):
        assert reader.feed(memoryview(b"E" * 10_000)) is None
    assert len(reader.received) < 1_000
    assert reader.feed(b"ND") == KEPT


def test_the_kind_of_answer_may_change_on_a_connection() -> None:
    lines, sized = DelimitedAnswers(AnswerEnd(until=b"\n")), DelimitedAnswers(AnswerEnd(length=3))
    reader = lines.new_reader()
    assert reader.feed(b"a\n") == KEPT
    reader = sized.take_over(reader)
    assert reader.feed(b"a\n") is None
    assert reader.feed(b"b") == KEPT


def test_without_an_end_there_are_no_answers() -> None:
    with pytest.raises(ValueError, match="no end of an answer"):
        DelimitedAnswers(AnswerEnd())


def test_they_are_answers() -> None:
    answers: Answers = DelimitedAnswers(AnswerEnd(length=1))
    assert not answers.speaks_unasked
    assert answers.farewell == b""
    with pytest.raises(MalformedResponse):
        answers.new_reader().overhear(b"x")
