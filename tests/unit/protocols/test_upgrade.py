"""The opening handshake of a WebSocket: what is sent, and what is accepted as an answer (RFC 6455, 4)."""

from dataclasses import dataclass

import pytest
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, Request

from loadlab.protocols.answers import MalformedResponse, OpeningRefused, ResponseTooLarge
from loadlab.protocols.http1 import MAX_HEAD_BYTES
from loadlab.protocols.upgrade import accept_for, check_upgrade, end_of_head, offered_subprotocols, upgrade_request

KEY = b"the sample nonce"  # of RFC 6455, 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
UPGRADE = b"Upgrade: websocket\r\n"
CONNECTION = b"Connection: Upgrade\r\n"
ACCEPTED = b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n"
GOOD = SWITCHING + UPGRADE + CONNECTION + ACCEPTED


def request(headers: dict[str, str] | None = None, subprotocols: tuple[str, ...] = ()) -> bytes:
    return upgrade_request("/chat?a=1", "server:8000", headers or {}, subprotocols, KEY)


def fields_of(raw: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in raw.decode().split("\r\n")[1:-2])


def test_the_accept_of_the_standard() -> None:
    assert accept_for(KEY) == ACCEPT


def test_a_server_accepts_the_request() -> None:
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(request({"Origin": "http://a"}, ("chat.v2", "chat")))
    event = next(server.events())
    assert isinstance(event, Request)
    assert (event.target, event.host, event.subprotocols) == ("/chat?a=1", "server:8000", ["chat.v2", "chat"])
    assert (b"origin", b"http://a") in event.extra_headers
    answer = server.send(AcceptConnection(subprotocol="chat"))
    assert end_of_head(answer) == len(answer)
    check_upgrade(answer, accept_for(KEY), ("chat.v2", "chat"))


def test_a_server_refuses_the_request() -> None:
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(request())
    list(server.events())
    answer = server.send(RejectConnection(status_code=403))
    with pytest.raises(OpeningRefused, match="403") as raised:
        check_upgrade(answer[: end_of_head(answer)], ACCEPT, ())
    assert raised.value.status == 403


def test_given_headers_take_the_place_of_others() -> None:
    fields = fields_of(request({"HOST": "other", "user-agent": "me", "X-Token": "1"}))
    assert (fields["HOST"], fields["user-agent"], fields["X-Token"]) == ("other", "me", "1")
    assert "Host" not in fields
    assert "User-Agent" not in fields


def test_headers_that_a_browser_has_sent_can_be_given() -> None:
    copied = {
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": "c29tZW9uZSBlbHNlJ3MgMQ==",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol": "chat.v2, chat",
        "Cookie": "session=1",
    }
    offered = offered_subprotocols(None, copied)
    assert offered == ("chat.v2", "chat")
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(request(copied, offered))
    event = next(server.events())
    assert isinstance(event, Request)
    assert (event.subprotocols, event.extensions) == (["chat.v2", "chat"], [])
    check_upgrade(server.send(AcceptConnection(subprotocol="chat")), ACCEPT, offered)


def test_subprotocols_that_are_named_are_offered_alone() -> None:
    assert offered_subprotocols("a, b", {"sec-websocket-protocol": "c"}) == ("a", "b")
    assert offered_subprotocols(None, {"Cookie": "c"}) == ()


def test_no_subprotocol_and_no_extension_is_offered_unasked() -> None:
    assert not {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} & set(fields_of(request()))


@dataclass(frozen=True, slots=True)
class Case:
    """An answer, the subprotocols that were offered, and what is wrong with it, if anything."""

    name: str
    raw: bytes
    problem: str = ""
    offered: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


CHAT = b"Sec-WebSocket-Protocol: chat\r\n"
CASES = [
    Case("good", GOOD),
    Case(
        "fields in lower case",
        SWITCHING + (UPGRADE + CONNECTION).lower() + ACCEPTED.replace(b"Sec-WebSocket-A", b"sec-websocket-a"),
    ),
    Case("an upgrade in other letters", SWITCHING + b"Upgrade: WebSocket\r\n" + CONNECTION + ACCEPTED),
    Case("several options", SWITCHING + UPGRADE + b"Connection: keep-alive, upgrade\r\n" + ACCEPTED),
    Case("more fields", GOOD + b"Date: now\r\nServer: x\r\n"),
    Case("the subprotocol that was offered", GOOD + CHAT, offered=("chat",)),
    Case("one of several subprotocols", GOOD + CHAT, offered=("chat.v2", "chat")),
    Case("none of the subprotocols", GOOD, "no subprotocol; offered: chat, b", offered=("chat", "b")),
    Case("no extension", GOOD + b"Sec-WebSocket-Extensions: \r\n"),
    Case("no Upgrade", SWITCHING + CONNECTION + ACCEPTED, "upgrade the connection"),
    Case("another upgrade", SWITCHING + b"Upgrade: h2c\r\n" + CONNECTION + ACCEPTED, "upgrade the connection"),
    Case("no Connection", SWITCHING + UPGRADE + ACCEPTED, "upgrade the connection"),
    Case("another option", SWITCHING + UPGRADE + b"Connection: close\r\n" + ACCEPTED, "upgrade the connection"),
    Case("no Sec-WebSocket-Accept", SWITCHING + UPGRADE + CONNECTION, "Sec-WebSocket-Accept"),
    Case("a wrong Sec-WebSocket-Accept", GOOD.replace(b"s3p", b"S3P"), "Sec-WebSocket-Accept"),
    Case("an empty Sec-WebSocket-Accept", GOOD.replace(ACCEPT.encode(), b""), "Sec-WebSocket-Accept"),
    Case("two of Sec-WebSocket-Accept", GOOD + ACCEPTED, "Sec-WebSocket-Accept"),
    Case("an extension", GOOD + b"Sec-WebSocket-Extensions: permessage-deflate\r\n", "permessage-deflate"),
    Case("a subprotocol, none offered", GOOD + CHAT, "subprotocol that was not offered: chat"),
    Case("another subprotocol", GOOD + CHAT, "subprotocol that was not offered: chat", offered=("chat.v2",)),
    Case("two subprotocols", GOOD + CHAT + CHAT, "subprotocol", offered=("chat",)),
    Case("no HTTP field", GOOD + b"no colon\r\n", "."),
    Case("no number", b"HTTP/1.1 OK\r\n", "."),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_accepted(case: Case) -> None:
    head = case.raw + b"\r\n"
    assert end_of_head(head + b"\x81\x00") == len(head)
    for _ in range(2):  # again from what is remembered
        if case.problem:
            with pytest.raises(MalformedResponse, match=case.problem):
                check_upgrade(head, ACCEPT, case.offered)
        else:
            check_upgrade(head, ACCEPT, case.offered)


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 404, 426, 500, 503])
def test_another_status_is_a_refusal(status: int) -> None:
    head = b"HTTP/1.1 %d Words\r\nContent-Length: 0\r\n\r\n" % status
    with pytest.raises(OpeningRefused) as raised:
        check_upgrade(head, ACCEPT, ())
    assert raised.value.status == status


def test_an_interim_response_comes_before_it() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\nUpgrade: x\r\n\r\n"
    head = hints + GOOD + b"\r\n"
    assert end_of_head(hints) == 0
    assert end_of_head(head) == len(head)
    check_upgrade(head, ACCEPT, ())


def test_an_incomplete_head_has_no_end() -> None:
    head = GOOD + b"\r\n"
    assert {end_of_head(head[:size]) for size in range(len(head))} == {0}


@pytest.mark.parametrize("raw", [b"S", b"SSH-2.0", b"\x81\x05Hello", b"HTTP/2", b"\r\n", b"HTTP/1.1 103 x\r\n\r\nSSH"])
def test_what_is_no_http_is_seen_at_once(raw: bytes) -> None:
    with pytest.raises(MalformedResponse):
        end_of_head(raw)


def test_a_head_has_a_limit() -> None:
    endless = GOOD + b"X: " + b"x" * MAX_HEAD_BYTES
    with pytest.raises(ResponseTooLarge):
        end_of_head(endless)
    with pytest.raises(ResponseTooLarge):
        end_of_head(endless + b"\r\n\r\n")
