"""Answers to the opening of a connection: when they are complete, what comes behind them, and what refuses it."""

import pytest

from loadlab.protocols.answers import (
    AnswerEnd,
    MalformedResponse,
    OpeningRefused,
    ResponseCutShort,
    ResponseTooLarge,
)
from loadlab.protocols.opening_answers import readers_for
from loadlab.protocols.openings import Asked, Greeting, Opening, Subscription, Upgrade
from loadlab.protocols.upgrade import accept_for

KEY = bytes(range(16))
ACCEPT = accept_for(KEY)
UPGRADED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
).encode()
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"

UPGRADE = Upgrade(b"GET / HTTP/1.1\r\n\r\n", ACCEPT)
SUBSCRIPTION = Subscription(b"GET / HTTP/1.1\r\n\r\n")
ASKED = Asked(b"GET / HTTP/1.1\r\n\r\n")

OPENED = [
    pytest.param(UPGRADE, UPGRADED, id="websocket"),
    pytest.param(SUBSCRIPTION, STREAM, id="events"),
    pytest.param(SUBSCRIPTION, EARLY + STREAM, id="events-behind-an-interim-response"),
    pytest.param(ASKED, WHOLE, id="http"),
    pytest.param(ASKED, EARLY + WHOLE, id="http-behind-an-interim-response"),
]


@pytest.mark.parametrize(("opening", "answer"), OPENED)
def test_a_whole_answer_opens_the_connection(opening: Opening, answer: bytes) -> None:
    new_reader = readers_for(opening)
    assert [new_reader().feed(answer) for _ in range(2)] == [b"", b""]  # that of another connection, too


@pytest.mark.parametrize(("opening", "answer"), OPENED)
def test_an_answer_may_come_byte_by_byte(opening: Opening, answer: bytes) -> None:
    reader = readers_for(opening)()
    fed = [reader.feed(answer[position : position + 1]) for position in range(len(answer))]
    assert fed == [*[None] * (len(answer) - 1), b""]


@pytest.mark.parametrize(("opening", "answer"), OPENED[:3])
@pytest.mark.parametrize("last_bytes", [1, 4, 30])
def test_what_comes_behind_a_head_is_returned(opening: Opening, answer: bytes, last_bytes: int) -> None:
    reader = readers_for(opening)()
    assert reader.feed(answer[:-last_bytes]) is None
    assert reader.feed(answer[-last_bytes:] + b"more") == b"more"
    assert readers_for(opening)().feed(answer + b"more") == b"more"


@pytest.mark.parametrize(
    ("opening", "answer", "refusal", "text"),
    [
        (UPGRADE, WHOLE, OpeningRefused, "status 404"),
        (UPGRADE, UPGRADED.replace(ACCEPT.encode(), b"x"), MalformedResponse, "Sec-WebSocket-Accept"),
        (UPGRADE, b"SSH-2.0-OpenSSH_9.2\r\n", MalformedResponse, "does not start with HTTP"),
        (SUBSCRIPTION, WHOLE, OpeningRefused, "status 404"),
        (SUBSCRIPTION, b"HTTP/1.1 nonsense\r\n\r\n", MalformedResponse, "status"),
        (SUBSCRIPTION, STREAM[:-2] + b"x: " + b"y" * 70_000, ResponseTooLarge, "^$"),
        (ASKED, b"nonsense", MalformedResponse, "does not start with HTTP"),
        (ASKED, WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), ResponseCutShort, "keep the connection alive"),
        (ASKED, WHOLE + b"more", MalformedResponse, "behind it"),
    ],
)
def test_what_opens_nothing_is_refused(opening: Opening, answer: bytes, refusal: type[Exception], text: str) -> None:
    with pytest.raises(refusal, match=text):
        readers_for(opening)().feed(answer)


def test_the_status_of_a_refusal_is_kept() -> None:
    with pytest.raises(OpeningRefused) as caught:
        readers_for(SUBSCRIPTION)().feed(WHOLE)
    assert caught.value.status == 404


def test_a_greeting_is_read_to_its_end_and_has_nothing_behind() -> None:
    new_reader = readers_for(Greeting(AnswerEnd(until=b"\r\n")))
    reader = new_reader()
    assert reader.feed(b"220 rea") is None
    assert reader.feed(b"dy\r\n") == b""
    with pytest.raises(MalformedResponse, match="behind the greeting"):
        new_reader().feed(b"220 ready\r\n250 what")
