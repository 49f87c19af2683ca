"""Messages over a WebSocket are read whole, however they come; the cases are those of the answers to a load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from loadlab.protocols.answers import MalformedResponse, ResponseTooLarge
from loadlab.protocols.websocket import MAX_MESSAGE_BYTES
from loadlab.protocols.websocket_messages import Close, Message, WebSocketMessages

from .websocket_cases import CLOSES, HELLO, MESSAGES, VIOLATIONS, Case, as_server_reads, close, frame, in_fragments


def read(data: bytes, whole: bool) -> WebSocketMessages:
    messages = WebSocketMessages()
    feed(messages, data, whole)
    return messages


def feed(messages: WebSocketMessages, data: bytes, whole: bool) -> None:
    for piece in [data] if whole else [bytes([byte]) for byte in data]:
        messages.feed(piece)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_messages_and_what_is_replied(case: Case, whole: bool) -> None:
    messages = read(case.raw, whole)
    assert as_server_reads(messages.reply) == case.sent
    assert len(messages.messages) == case.messages
    assert messages.close is None


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", VIOLATIONS, ids=str)
def test_what_violates_the_protocol_is_named(case: Case, whole: bool) -> None:
    messages = WebSocketMessages()
    with pytest.raises(MalformedResponse, match=case.reason):
        feed(messages, case.raw, whole)
    assert as_server_reads(messages.reply) == case.sent


@pytest.mark.parametrize("case", CLOSES, ids=str)
def test_a_close_is_answered_and_nothing_is_read_behind_it(case: Case) -> None:
    messages = read(case.raw + HELLO, whole=True)
    assert messages.close is not None
    assert messages.close.code == case.status
    assert len(messages.messages) == case.messages - 1
    assert as_server_reads(messages.reply) == case.sent


def test_messages_before_a_close_or_a_violation_are_kept() -> None:
    messages = read(HELLO + frame(0x82, b"\xff") + close(1001, b"later"), whole=True)
    assert [*messages.messages] == ["Hello", b"\xff"]
    assert messages.close == Close(1001, "later")
    messages = WebSocketMessages()
    with pytest.raises(MalformedResponse):
        messages.feed(HELLO + frame(0xF1))
    assert [*messages.messages] == ["Hello"]


@pytest.mark.parametrize("first", [0x1, 0x2], ids=["text", "binary"])
def test_a_message_that_is_too_long_is_refused_however_it_is_cut(first: int) -> None:
    messages, size = WebSocketMessages(), 1 << 20
    messages.feed(frame(first, b"x" * size))
    for _ in range(MAX_MESSAGE_BYTES // size - 1):
        messages.feed(frame(0, b"x" * size))
    with pytest.raises(ResponseTooLarge, match="more than 64 MiB"):
        messages.feed(frame(0, b"x"))


def test_many_messages_that_are_long_together_are_fine() -> None:
    messages = WebSocketMessages()
    for _ in range(3):
        messages.feed(frame(0x82, b"x" * (MAX_MESSAGE_BYTES // 2)))
        assert len(messages.messages.popleft()) == MAX_MESSAGE_BYTES // 2


@given(st.lists(st.text() | st.binary(), max_size=5), st.data())
def test_whatever_a_server_sends_arrives_as_it_was_however_it_is_cut(sent: list[Message], data: st.DataObject) -> None:
    server = FrameProtocol(client=False, extensions=[])
    raw = b"".join(bytes(server.send_data(message)) for message in sent) + in_fragments(0x1, b"", b"end")
    messages = WebSocketMessages()
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        messages.feed(raw[:size])
        raw = raw[size:]
    assert [*messages.messages] == [*sent, "end"]
    assert all(isinstance(message, str | bytes) for message in messages.messages)
