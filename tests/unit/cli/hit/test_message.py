"""Messages over WebSockets and plain TCP, from the options of `hit` to a profile."""

from pathlib import Path
from typing import Any

import pytest

from loadlab.cli.hit.message import read_escapes
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.profile import make_profile
from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile import LoadProfile

WS = "ws://localhost:8000/chat"
TCP = "tcp://localhost:6379"


def profile_of(url: str, **options: Any) -> LoadProfile:  # noqa: ANN401 - any option
    return make_profile(HitOptions(url, **options)).profile


def mistakes_of(url: str, **options: Any) -> list[str]:  # noqa: ANN401 - any option
    with pytest.raises(ProfileError) as raised:
        make_profile(HitOptions(url, **options))
    return raised.value.mistakes


def test_a_websocket_is_sent_hello_by_default() -> None:
    load = profile_of(WS).load
    assert (load.protocol, load.path, load.idle_protocol) == ("websocket", "/chat", "websocket")
    [message] = load.sent
    assert (message.text, message.binary, message.answer, message.matches) == ("hello", None, 1, None)


def test_what_a_websocket_is_sent_and_answers() -> None:
    load = profile_of(WS, message='{"op": "a\\n"}', answer="3", subprotocol="chat.v2", idle="20k").load
    [message] = load.sent
    assert (message.text, message.answer) == ('{"op": "a\\n"}', 3)  # as it was typed: JSON has escapes of its own
    assert (load.subprotocol, load.idle) == ("chat.v2", 20_000)
    assert profile_of(WS, matches="ok$").load.sent[0].matches == "ok$"


def test_headers_are_those_of_the_handshake() -> None:
    load = profile_of("ws://jo:x@localhost/chat", headers=("Origin: http://localhost",)).load
    assert load.request is not None
    assert load.request.path == "/chat"
    assert load.request.headers == {"Origin": "http://localhost", "Authorization": "Basic am86eA=="}


def test_a_message_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"\xff")
    [message] = profile_of(WS, message=f"@{tmp_path}/message").load.sent
    assert (message.binary, message.text) == (str(tmp_path / "message"), None)


def test_over_tcp_escapes_are_read() -> None:
    load = profile_of(TCP, message=r"PING\r\n", until=r"\r\n", greeting=r"hi\n").load
    [message] = load.sent
    assert (load.protocol, message.text, message.until) == ("tcp", "PING\r\n", "\r\n")
    assert load.greeting is not None
    assert load.greeting.until == "hi\n"
    assert profile_of(TCP, message="x", bytes="4").load.sent[0].bytes == 4
    assert profile_of(TCP, message="x", echo=True).load.sent[0].echo


def test_a_server_that_speaks_first_does_so_once_on_each_connection() -> None:
    load = profile_of(TCP, until=r"\r\n").load
    assert load.connection == "per-request"
    assert (load.sent[0].text, load.sent[0].binary) == (None, None)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("", ""), ("a", "a"), (r"\r\n\t\0", "\r\n\t\0"), (r"\\n", "\\n"), (r"\x41\x7F", "A\x7f"), ("ü", "ü")],
)
def test_escapes(text: str, meaning: str) -> None:
    assert read_escapes("--until", text) == meaning


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (r"\q", r"--until: \q is no escape; write \r \n \t \0 \xNN, or \\ for a backslash"),
        ("\\", "--until: \\ is no escape"),
        (r"\x4", r"--until: \x is no escape"),
        (r"\x80", r"--until: \x80 is no text; put bytes above \x7f in a file (--message @FILE)"),
    ],
)
def test_what_is_no_escape(text: str, mistake: str) -> None:
    with pytest.raises(LoadlabError) as raised:
        read_escapes("--until", text)
    assert mistake in str(raised.value)


@pytest.mark.parametrize(
    ("url", "options", "mistake"),
    [
        (WS, {"until": "x"}, "--until is for tcp:// and tls://, not for ws://"),
        (WS, {"method": "PUT"}, "-m is for http:// and https://, not for ws://"),
        (WS, {"message": "{{a}}"}, "--message: '{{' stands for a column of data in a profile; put the message in a "),
        (WS, {"message": "@-"}, "--message: name a file; standard input cannot be sent again and again"),
        (WS, {"matches": "("}, "--matches (: '(' is not a regular expression"),
        (WS, {"answer": "0"}, "--answer 0: must be at least 1, not 0"),
        (WS, {"insecure": True}, "-k has no effect on ws://; write wss://"),
        (TCP, {"message": "x"}, "tcp:// needs --until, --bytes or --echo: nothing else says where an answer ends"),
        (TCP, {"message": "x", "until": "y", "echo": True}, "--until and --echo exclude one another"),
        (TCP, {"echo": True}, "--echo needs --message, the text that comes back"),
        (TCP, {"greeting": "a", "until": "b"}, "--greeting needs --message; where the server speaks first and that is"),
        (TCP, {"message": "x", "echo": True, "headers": ("a: b",)}, "-H is for http:// and https://, ws:// and wss://"),
        (TCP, {"message": "x", "echo": True, "cacert": "f"}, "--cacert has no effect on tcp://; write tls://"),
        (TCP, {"message": "x", "bytes": "many"}, "--bytes many: must be a whole number"),
        (TCP, {"message": "x", "bytes": "0"}, "--bytes 0: must be at least 1, not 0"),
        (TCP, {"message": "", "echo": True}, "--message: must not be empty with echo: nothing would come back"),
    ],
)
def test_a_mistake_names_its_option(url: str, options: dict[str, Any], mistake: str) -> None:
    (found,) = mistakes_of(url, **options)
    assert mistake in found
