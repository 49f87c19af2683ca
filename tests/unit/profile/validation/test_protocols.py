"""What a load speaks: the keys that belong to it, and what its messages need."""

from functools import partial
from pathlib import Path

import pytest

from ..reading import find_mistakes, read_load_profile

METRICS = {"requests_per_second"}
LOAD = "name: x\ntarget: {server: coroutine}\nload:\n  connections: 4\n  duration: 1s\n"

read = partial(read_load_profile, metrics=METRICS)
mistakes = partial(find_mistakes, metrics=METRICS)


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        ("  protocol: websockets\n", "load.protocol: must be"),
        ("  protocol: websocket\n", "load: needs a message to send, such as message: {text: hello}"),
        ("  protocol: tcp\n", 'load: needs a message to send, such as message: {text: "PING\\r\\n", until: "\\r\\n"}'),
        ("  message: {text: hi}\n", "load.message: has no effect with protocol: http; it is for websocket and tcp"),
        ("  protocol: websocket\n  message: {}\n", "load.message: needs text, or a binary file"),
        (
            "  protocol: websocket\n  message: {text: hi, until: x}\n",
            "load.message.until: has no effect with protocol: websocket; it is for tcp",
        ),
        (
            "  protocol: tcp\n  message: {text: hi, until: x, matches: y}\n",
            "load.message.matches: has no effect with protocol: tcp; it is for websocket",
        ),
        ("  protocol: websocket\n  message: {text: hi, matches: '('}\n", "is not a regular expression"),
        (
            "  protocol: websocket\n  message: {text: hi, matches: a, answer: 2}\n",
            "load.message.answer: cannot be combined with matches",
        ),
        (
            "  protocol: websocket\n  message: {text: a, binary: b}\n",
            "load.message.binary: cannot be combined with",
        ),
        ("  protocol: websocket\n  message: {binary: nothing}\n", "nothing cannot be read"),
        ("  protocol: tcp\n  message: {text: hi}\n", "load.message: does not say where it ends: set until:"),
        (
            "  protocol: tcp\n  message: {text: hi, until: x, echo: true}\n",
            "load.message.echo: cannot be combined with until; remove one of the two",
        ),
        (
            "  protocol: tcp\n  message: {until: x}\n",
            "load.message: needs text, or a binary file; where the server speaks first, set load.connection: per-req",
        ),
        (
            "  protocol: tcp\n  message: {text: a, until: x}\n  greeting: {}\n",
            "load.greeting: does not say where",
        ),
        (
            "  protocol: tcp\n  message: {text: a, until: x}\n  path: /x\n",
            "load.path: has no effect with protocol: tcp; it is for http, websocket and events",
        ),
        (
            "  protocol: websocket\n  message: {text: a}\n  mix: [{path: /a}]\n",
            "load.mix: has no effect with protocol: websocket; it is for http",
        ),
        (
            "  protocol: websocket\n  message: {text: a}\n  messages: [{text: b}]\n",
            "load.message: has no effect with load.messages; remove one of the two",
        ),
        (
            "  protocol: websocket\n  messages: [{text: b}, {text: b}]\n",
            "load.messages: repeats the name 'b'; give each message a name of its own",
        ),
        ("  protocol: events\n  rate: 5\n", "load.rate: has no effect with protocol: events"),
        ("  protocol: events\n  think: 1s\n", "load.think: has no effect with protocol: events"),
        (
            "  protocol: events\n  request: {path: /events, expect: {status: 200, body: x}}\n",
            "load.request.expect.body: has no effect with protocol: events; it is for http",
        ),
        ("  protocol: events\n  senders: slow\n", "load.senders: has no effect with protocol: events; it is for http"),
        ("  idle_protocol: websocket\n", "load.idle_protocol: has no effect without load.idle; set that too"),
        (
            "  idle: 5\n  idle_path: /x\n",
            "load.idle_path: has no effect with idle_protocol: tcp, which",
        ),
        ("  subprotocol: 'a b'\n", "load.subprotocol: must be the name of a subprotocol"),
        (
            "  protocol: websocket\n  message: {text: '{{id}}'}\n",
            "load.message.text: {{id}} names a column, but there are no data",
        ),
    ],
)
def test_what_does_not_fit_is_reported(added: str, reported: str, tmp_path: Path) -> None:
    found = mistakes(tmp_path, LOAD + added)
    assert any(reported in mistake for mistake in found), found


@pytest.mark.parametrize(
    "added",
    [
        "  protocol: websocket\n  message: {text: hi}\n",
        "  protocol: websocket\n  message: {text: hi, matches: 'id.*7'}\n  idle: 20k\n  subprotocol: chat.v2, chat\n",
        "  protocol: websocket\n  messages: [{text: a, weight: 3}, {text: b, answer: 2, name: two}]\n",
        '  protocol: tcp\n  message: {text: "PING\\r\\n", until: "\\r\\n"}\n',
        '  protocol: tcp\n  message: {until: "\\r\\n"}\n  connection: per-request\n',
        "  protocol: events\n  path: /events?every=1s\n  idle: 5\n",
        "  request: {path: /chat, stream: true}\n",
        "  message: {text: hi}\nsweep: {load.protocol: [websocket]}\n",
        "  idle: 5\n  idle_protocol: http\n  idle_path: /x\n",
    ],
)
def test_what_fits_is_taken_and_so_is_the_profile_dumped(added: str, tmp_path: Path) -> None:
    profile = read(tmp_path, LOAD + added)
    dumped = profile.model_dump_json(by_alias=True)  # JSON is YAML
    assert read(tmp_path, dumped) == profile


@pytest.mark.parametrize(
    ("added", "spoken"),
    [
        ("", "tcp"),
        ("  protocol: events\n", "events"),
        ("  protocol: websocket\n  message: {text: a}\n", "websocket"),
        ("  protocol: websocket\n  message: {text: a}\n  idle: 1\n  idle_protocol: tcp\n", "tcp"),
    ],
)
def test_idle_connections_speak_what_the_load_speaks_but_are_silent_beside_http(
    added: str, spoken: str, tmp_path: Path
) -> None:
    assert read(tmp_path, LOAD + added).load.idle_protocol == spoken
