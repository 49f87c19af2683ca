"""The parts that the load of a trial is divided into: what is sent, and what begins each connection."""

import pytest

from loadlab import __version__
from loadlab.experiment.parts import format_probe, idle_opening_of, load_parts
from loadlab.fleet.division import Share
from loadlab.fleet.messages import LoadPart, OpenPacing, WeightedRequest
from loadlab.profile.address import TcpAddress
from loadlab.profile.schema import LoadProfile
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.openings import Asked, Greeting, Subscription, Upgrade

SECOND = 1_000_000_000


SHARES: list[Share] = [[(None, 3)], [("127.1.0.1", 2)]]


def profile_of(**load: object) -> LoadProfile:
    load = {"connections": 5, "duration": "2s", **load}
    return LoadProfile.model_validate({"name": "x", "target": {"server": "epoll"}, "load": load})


def parts_of(**load: object) -> list[LoadPart]:
    return load_parts(profile_of(**load), TcpAddress("127.0.0.1", 8080), "127.0.0.1:8080", 7, 61, SHARES)


def test_each_worker_has_its_share_of_connections_and_the_whole_schedule() -> None:
    first, second = parts_of(rate=1000)
    assert (first.endpoint.sources, second.endpoint.sources) == (SHARES[0], SHARES[1])
    assert [(part.share, part.shares) for part in (first, second)] == [(0, 2), (1, 2)]
    assert first.pacing == second.pacing == OpenPacing([(2 * SECOND, 1000.0, 1000.0)], "constant", 1_000_000)
    assert (first.seed, first.stamped_every) == (7, 61)


def test_slow_senders_are_divided_without_a_remainder() -> None:
    parts = parts_of(slow_connections=3)
    assert sorted(part.slow.connections for part in parts) == [1, 2]


AGENT = b"User-Agent: loadlab/" + __version__.encode()


def test_requests_are_encoded_once_with_their_weights() -> None:
    (first, _) = parts_of(
        mix=[
            {"path": "/hello", "weight": 3, "expect_status": 200},
            {"path": "/sleep?ms=1", "expect_status": [404, 200]},
        ]
    )
    assert first.requests == [
        WeightedRequest([b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" + AGENT + b"\r\n\r\n"], [200], 3),
        WeightedRequest([b"GET /sleep?ms=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" + AGENT + b"\r\n\r\n"], [200, 404]),
    ]


def test_the_server_is_asked_for_any_answer_without_the_body_of_the_first_request() -> None:
    profile = profile_of(request={"path": "/a", "body": "x", "headers": {"X-Key": "5"}})
    probe = format_probe(profile, "127.0.0.1")
    assert probe == b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n" + AGENT + b"\r\nX-Key: 5\r\n\r\n"


def test_websockets_are_opened_once_by_a_request_of_their_own() -> None:
    first, second = parts_of(
        protocol="websocket",
        path="/chat",
        message={"text": "hi"},
        subprotocol="chat.v2, chat",
    )
    assert isinstance(first.opening, Upgrade)
    assert first.opening == second.opening
    assert first.opening.request.startswith(b"GET /chat HTTP/1.1\r\n")
    assert b"Sec-WebSocket-Protocol: chat.v2, chat\r\n" in first.opening.request
    assert first.opening.subprotocols == ("chat.v2", "chat")
    assert first.protocol == "websocket"
    assert [request.statuses for request in first.requests] == [[0]]


def test_a_greeting_is_read_on_each_connection() -> None:
    (first, _) = parts_of(protocol="tcp", message={"text": "a", "until": "\r\n"}, greeting={"until": "\r\n"})
    assert first.opening == Greeting(AnswerEnd(until=b"\r\n"))


def test_streams_are_asked_for_as_such() -> None:
    (first, _) = parts_of(protocol="events")
    (request,) = first.requests
    assert request.contents[0].startswith(b"GET /events HTTP/1.1\r\n")
    assert b"\r\nAccept: text/event-stream\r\n" in request.contents[0]
    assert first.opening is None


@pytest.mark.parametrize(
    ("load", "kind", "path"),
    [
        ({}, None, b""),
        ({"idle_protocol": "http"}, Asked, b"GET /hello "),
        ({"idle_protocol": "websocket"}, Upgrade, b"GET /echo "),
        ({"idle_protocol": "events", "idle_path": "/news"}, Subscription, b"GET /news "),
        ({"protocol": "websocket", "message": {"text": "a"}, "path": "/chat"}, Upgrade, b"GET /chat "),
        ({"protocol": "events", "path": "/feed"}, Subscription, b"GET /feed "),
        ({"protocol": "events", "path": "/feed", "idle_protocol": "websocket"}, Upgrade, b"GET /echo "),
    ],
)
def test_idle_connections_begin_with_what_they_speak(load: dict[str, object], kind: type | None, path: bytes) -> None:
    opening = idle_opening_of(profile_of(idle=5, **load), "localhost:80")
    assert (None if opening is None else type(opening)) is kind
    assert opening is None or opening.request.startswith(path)
