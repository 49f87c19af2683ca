"""The WebSocket of the servers `coroutine` and `callback`: handshake and echo, without a socket."""

from collections.abc import Iterable
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, Event, Ping, Pong, TextMessage

from .server_modules import load_module

websocket = load_module("websocket")
http_protocol = load_module("http_protocol")

MASK = b"\x37\xfa\x21\x3d"
FIN, TEXT, BINARY, CLOSE, PING, PONG = 0x80, 0x1, 0x2, 0x8, 0x9, 0xA
LIMIT = 16 * 1024 * 1024
HANDSHAKE = {
    "Host": "example",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # and its answer: the example of RFC 6455, 1.3
    "Sec-WebSocket-Version": "13",
}


def masked(first: int, payload: bytes, length: bytes | None = None) -> bytes:
    """Return a client's frame, with another length than it has if one is given: the bytes behind the first byte."""
    if length is None:
        size = len(payload)
        if size <= 125:
            length = bytes((0x80 | size,))
        elif size < 1 << 16:
            length = bytes((0x80 | 126,)) + size.to_bytes(2, "big")
        else:
            length = bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    hidden = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((first,)) + length + MASK + hidden


def closing(code: int, reason: bytes = b"") -> bytes:
    """Return the server's close frame."""
    payload = code.to_bytes(2, "big") + reason
    return bytes((FIN | CLOSE, len(payload))) + payload


def client_closing(payload: bytes) -> bytes:
    return masked(FIN | CLOSE, payload)


def feed(pieces: Iterable[bytes]) -> tuple[bytes, bool]:
    """Return what a WebSocket sends for these pieces, and whether that ended it."""
    echo = websocket.Echo()
    sent = b"".join([echo.feed(piece) for piece in pieces])
    return sent, echo.ended


class TestHandshake:
    @staticmethod
    def answer(
        changes: dict[str, str | None], line: str = "GET /echo HTTP/1.1", rest: bytes = b""
    ) -> tuple[bytes, bool]:
        headers = {name: value for name, value in (HANDSHAKE | changes).items() if value is not None}
        head = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
        reader = http_protocol.RequestReader(["/echo"])
        (request,) = reader.feed(head + rest)
        assert reader.finished
        assert reader.rest == rest
        response, accepted = websocket.answer_upgrade(request)
        return response, accepted

    def test_the_example_of_the_standard(self) -> None:
        response, accepted = self.answer({}, rest=b"\x81\x80")
        assert accepted
        assert response == (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )

    def test_the_first_subprotocol_is_accepted_and_no_extension(self) -> None:
        offered: dict[str, str | None] = {
            "sec-websocket-protocol": "chat.v2, chat.v1",
            "Sec-WebSocket-Extensions": "permessage-deflate",
        }
        response, accepted = self.answer(offered)
        assert accepted
        assert b"\r\nSec-WebSocket-Protocol: chat.v2\r\n" in response
        assert b"xtensions" not in response

    @pytest.mark.parametrize(
        ("changes", "line", "status"),
        [
            ({"Upgrade": None}, "GET /echo HTTP/1.1", HTTPStatus.UPGRADE_REQUIRED),
            ({"Upgrade": "h2c"}, "GET /echo HTTP/1.1", HTTPStatus.UPGRADE_REQUIRED),
            ({"Connection": "keep-alive"}, "GET /echo HTTP/1.1", HTTPStatus.UPGRADE_REQUIRED),
            ({"Sec-WebSocket-Version": "8"}, "GET /echo HTTP/1.1", HTTPStatus.UPGRADE_REQUIRED),
            ({"Sec-WebSocket-Key": None}, "GET /echo HTTP/1.1", HTTPStatus.BAD_REQUEST),
            ({"Sec-WebSocket-Key": "c2hvcnQ="}, "GET /echo HTTP/1.1", HTTPStatus.BAD_REQUEST),
            ({}, "GET /echo HTTP/1.0", HTTPStatus.BAD_REQUEST),
            ({}, "POST /echo HTTP/1.1", HTTPStatus.METHOD_NOT_ALLOWED),
        ],
    )
    def test_what_is_no_handshake_is_refused(
        self, changes: dict[str, str | None], line: str, status: HTTPStatus
    ) -> None:
        response, accepted = self.answer(changes, line)
        assert not accepted
        assert response.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nConnection: close\r\n" in response
        assert (b"\r\nSec-WebSocket-Version: 13\r\n" in response) == (status is HTTPStatus.UPGRADE_REQUIRED)


ANSWERED = {
    "text": (masked(FIN | TEXT, b"hello"), b"\x81\x05hello"),
    "text that is not ASCII": (masked(FIN | TEXT, "höß".encode()), b"\x81\x05" + "höß".encode()),
    "binary": (masked(FIN | BINARY, b"\xff\x00"), b"\x82\x02\xff\x00"),
    "nothing": (masked(FIN | TEXT, b""), b"\x81\x00"),
    "125 bytes": (masked(FIN | BINARY, b"x" * 125), b"\x82\x7d" + b"x" * 125),
    "126 bytes": (masked(FIN | BINARY, b"x" * 126), b"\x82\x7e\x00\x7e" + b"x" * 126),
    "65,535 bytes": (masked(FIN | BINARY, b"x" * 65535), b"\x82\x7e\xff\xff" + b"x" * 65535),
    "65,536 bytes": (masked(FIN | BINARY, b"x" * 65536), b"\x82\x7f" + (65536).to_bytes(8, "big") + b"x" * 65536),
    "two": (masked(FIN | TEXT, b"a") + masked(FIN | BINARY, b"b"), b"\x81\x01a\x82\x01b"),
    "fragments": (masked(TEXT, b"a") + masked(0, b"b") + masked(FIN, b"c"), b"\x81\x03abc"),
    "empty fragments": (masked(BINARY, b"") + masked(0, b"") + masked(FIN, b""), b"\x82\x00"),
    "a character in two fragments": (
        masked(TEXT, "ö".encode()[:1]) + masked(FIN, "ö".encode()[1:]),
        b"\x81\x02" + "ö".encode(),
    ),
    "a ping": (masked(FIN | PING, b"\x00now"), b"\x8a\x04\x00now"),
    "a ping between fragments": (
        masked(TEXT, b"a") + masked(FIN | PING, b"p" * 125) + masked(FIN, b"b"),
        b"\x8a\x7d" + b"p" * 125 + b"\x81\x02ab",
    ),
    "a pong that nobody asked for": (masked(FIN | PONG, b"now"), b""),
}
ENDED = {
    "close": (client_closing(b""), b"\x88\x00"),
    "close with a code": (client_closing(b"\x03\xe8"), closing(1000)),
    "close with a reason": (client_closing(b"\x0f\xa0bye"), closing(4000)),
    "close with half a code": (client_closing(b"\x03"), closing(1002, b"not a code to close with")),
    "close with no code of a frame": (client_closing(b"\x03\xed"), closing(1002, b"not a code to close with")),
    "close with no code at all": (client_closing(b"\x00\x01"), closing(1002, b"not a code to close with")),
    "close with an invalid reason": (client_closing(b"\x03\xe8\xff"), closing(1007, b"not UTF-8")),
    "text that is not UTF-8": (masked(FIN | TEXT, b"\xff"), closing(1007, b"not UTF-8")),
    "a message before what is wrong": (
        masked(FIN | TEXT, b"a") + masked(FIN | TEXT, b"\xc3"),
        b"\x81\x01a" + closing(1007, b"not UTF-8"),
    ),
    "not masked": (b"\x81\x01a", closing(1002, b"not masked")),
    "RSV1": (masked(FIN | 0x40 | TEXT, b"a"), closing(1002, b"reserved bits are set")),
    "RSV3": (masked(FIN | 0x10 | PING, b""), closing(1002, b"reserved bits are set")),
    "opcode 3": (masked(FIN | 0x3, b""), closing(1002, b"unknown opcode")),
    "opcode 15": (masked(FIN | 0xF, b""), closing(1002, b"unknown opcode")),
    "a fragmented ping": (masked(PING, b""), closing(1002, b"a control frame is too long or fragmented")),
    "a long ping": (masked(FIN | PING, b"x" * 126), closing(1002, b"a control frame is too long or fragmented")),
    "a continuation of nothing": (masked(FIN, b"a"), closing(1002, b"nothing to continue")),
    "a message within another one": (
        masked(TEXT, b"a") + masked(FIN | TEXT, b"b"),
        closing(1002, b"a message within another one"),
    ),
    "a frame that is too long": (
        masked(FIN | BINARY, b"", length=b"\xff" + (LIMIT + 1).to_bytes(8, "big")),
        closing(1009, b"more than 16777216 bytes"),
    ),
    "a frame of 2^64 - 1 bytes": (
        masked(FIN | BINARY, b"", length=b"\xff" * 9),
        closing(1009, b"more than 16777216 bytes"),
    ),
    "fragments that are too long": (
        masked(BINARY, b"a") + masked(FIN, b"", length=b"\xff" + LIMIT.to_bytes(8, "big")),
        closing(1009, b"more than 16777216 bytes"),
    ),
}


@pytest.mark.parametrize(("received", "answers"), ANSWERED.values(), ids=ANSWERED)
class TestAnswered:
    def test_whole(self, received: bytes, answers: bytes) -> None:
        assert feed([received]) == (answers, False)

    def test_byte_by_byte(self, received: bytes, answers: bytes) -> None:
        assert feed(bytes((byte,)) for byte in received) == (answers, False)

    def test_before_and_behind_others(self, received: bytes, answers: bytes) -> None:
        other, its_answer = ANSWERED["text"]
        assert feed([other, received + other[:4], other[4:]]) == (its_answer + answers + its_answer, False)


@pytest.mark.parametrize(("received", "answers"), ENDED.values(), ids=ENDED)
class TestEnded:
    def test_whole(self, received: bytes, answers: bytes) -> None:
        assert feed([received]) == (answers, True)

    def test_byte_by_byte(self, received: bytes, answers: bytes) -> None:
        assert feed(bytes((byte,)) for byte in received) == (answers, True)

    def test_nothing_behind_it_is_answered(self, received: bytes, answers: bytes) -> None:
        other, its_answer = ANSWERED["text"]
        assert feed([other + received + other, other]) == (its_answer + answers, True)


def test_a_pong_says_that_the_ping_has_been_answered() -> None:
    echo = websocket.Echo()
    echo.is_pinged = True
    echo.feed(masked(FIN | TEXT, b"a"))
    assert echo.is_pinged
    echo.feed(masked(FIN | PONG, b""))
    assert not echo.is_pinged


def test_one_who_has_gone_is_pinged_no_more() -> None:
    class Gone:
        def __init__(self, pings: list[object]) -> None:
            self.pings = pings

        def ping(self) -> None:
            self.pings.append(self)
            del pinging.pinged[self]

    pinging = websocket.Pings(20)
    sent: list[object] = []
    members = [Gone(sent), Gone(sent)]
    pinging.pinged.update(dict.fromkeys(members))
    pinging.send()
    pinging.send()
    assert sent == members


MESSAGES = st.lists(
    st.one_of(
        st.text(max_size=200),
        st.binary(max_size=200),
        st.integers(126, 70_000).map(bytes),
        st.binary(max_size=125).map(Ping),
    ),
    max_size=8,
)


@given(messages=MESSAGES, cuts=st.lists(st.integers(1, 300), max_size=50), parts=st.integers(1, 4))
def test_a_client_of_wsproto_gets_back_what_it_sent(
    messages: list[str | bytes | Ping], cuts: list[int], parts: int
) -> None:
    client = Connection(ConnectionType.CLIENT)
    sent = b"".join(client.send(event) for message in messages for event in in_fragments(message, parts))
    echo = websocket.Echo()
    answers = b""
    for cut in cuts:
        answers += echo.feed(sent[:cut])
        sent = sent[cut:]
    client.receive_data(answers + echo.feed(sent))
    expected = [Pong(message.payload) if isinstance(message, Ping) else message for message in messages]
    assert whole_messages(client.events()) == expected
    assert client.state is ConnectionState.OPEN


def in_fragments(message: str | bytes | Ping, parts: int) -> list[Event]:
    if isinstance(message, Ping):
        return [message]
    size = len(message) // parts + 1
    pieces = [message[part * size : (part + 1) * size] for part in range(parts)]
    return [
        TextMessage(piece, message_finished=last)
        if isinstance(piece, str)
        else BytesMessage(piece, message_finished=last)
        for piece, last in zip(pieces, [False] * (parts - 1) + [True], strict=True)
    ]


def whole_messages(events: Iterable[Event]) -> list[str | bytes | Event]:
    """Put the pieces together in which wsproto reports a message."""
    whole: list[str | bytes | Event] = []
    text, data = "", b""
    for event in events:
        match event:
            case TextMessage():
                text += event.data
                if event.message_finished:
                    whole.append(text)
                    text = ""
            case BytesMessage():
                data += event.data
                if event.message_finished:
                    whole.append(data)
                    data = b""
            case _:
                whole.append(event)
    return whole
