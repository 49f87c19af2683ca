"""Runs over WebSockets: the package `websockets`, plain, over TLS and behind nginx; and all bundled servers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from ...tls_peers import write_pem
from .foreign_servers import Foreign, nginx_serving, websockets_serving
from .program import ANY_VERDICT, Program

PROXY = """
    proxy_pass http://127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
"""

PROFILE = """\
name: websockets
target: {target}
load:
  protocol: websocket
  path: /chat
  message: {text: hello}
  connections: 4
  warmup: 50ms
  duration: 300ms
  timeout: 20s
"""


def measure(program: Program, target: str, *settings: str, profile: str = PROFILE) -> list[dict[str, Any]]:
    """Return the trials of a run, of which no request failed."""
    assigned = (part for setting in settings for part in ("--set", setting))
    ended = program.measure(profile.replace("{target}", target), ANY_VERDICT, *assigned)
    assert ended.code == 0, ended.stderr
    trials: list[dict[str, Any]] = program.document()["trials"]
    assert {trial["protocol"] for trial in trials} == {"websocket"}
    assert [trial["failure_samples"] for trial in trials] == [[]] * len(trials)
    return trials


def attach(server: Foreign) -> str:
    return f"{{address: '{server.address}'}}"


@contextmanager
def serving(how: str, folder: Path, need_program: Callable[[str], str]) -> Iterator[str]:
    """Run a server; yield the target of a profile for it."""
    if how == "plain":
        with websockets_serving() as server:
            yield attach(server)
    elif how == "TLS":
        ca = trustme.CA()
        write_pem(ca.cert_pem, folder / "ca.pem")
        write_pem(ca.issue_cert("localhost").private_key_and_cert_chain_pem, folder / "server.pem")
        with websockets_serving("--certificate", str(folder / "server.pem")) as server:
            yield f"{{address: 'localhost:{server.port}', tls: {{ca: {folder}/ca.pem}}}}"
    elif how == "Unix socket":
        with websockets_serving("--unix", str(folder / "socket")):
            yield f"{{address: 'unix:{folder}/socket'}}"
    else:
        with websockets_serving() as server:
            location = PROXY.format(port=server.port).replace("$connection_upgrade", "upgrade")
            with nginx_serving(need_program("nginx"), folder, location=location) as proxy:
                yield attach(proxy)


@pytest.mark.parametrize("how", ["plain", "TLS", "Unix socket", "behind nginx"])
def test_round_trips_are_measured_beside_idle_websockets(
    program: Program, how: str, tmp_path: Path, need_program: Callable[[str], str]
) -> None:
    with serving(how, tmp_path, need_program) as target:
        (trial,) = measure(program, target, "load.idle=20", "load.message={text: 'κόσμε'}")
    assert trial["requests"] > 20
    assert trial["outcomes"].keys() <= {"ok", "cut"}
    assert trial["unasked"] == 0
    idle = trial["idle"]
    assert (idle["protocol"], idle["opened"], idle["alive"], idle["problem"]) == ("websocket", 20, 20, None)


@pytest.mark.parametrize("server", ["coroutine", "callback", "asyncio", "uvloop", "node"])
def test_bundled_servers_send_messages_back(
    program: Program, server: str, need_streaming: Callable[[str], str], tmp_path: Path
) -> None:
    need_streaming(server)
    (tmp_path / "message").write_bytes(bytes(range(256)) * 400)
    profile = PROFILE.replace("  path: /chat\n", "").replace("{text: hello}", f"{{binary: {tmp_path}/message}}")
    (trial,) = measure(program, f"{{server: {server}}}", "load.idle=20", profile=profile)
    assert trial["requests"] > 20
    assert trial["outcomes"].keys() <= {"ok", "cut"}
    assert (trial["idle"]["protocol"], trial["idle"]["alive"]) == ("websocket", 20)


def test_with_a_connection_for_each_message_each_handshake_is_timed(program: Program) -> None:
    with websockets_serving() as server:
        (trial,) = measure(program, attach(server), "load.connection=per-request")
        server.process.terminate()
        assert server.process.stdout is not None
        closed = server.process.stdout.read()
    assert trial["upgrade_ns"]["count"] == trial["connects"]["opened"] >= trial["requests"] - 4
    assert trial["upgrade_ns"]["p50"] > 0
    assert closed.startswith("{'1000': ")


def test_an_open_load_and_what_nobody_asked_for(program: Program) -> None:
    with websockets_serving("--unasked", "2") as server:
        message = "load.message={text: 'hello {{id}}', matches: '^hello'}"
        (trial,) = measure(
            program, attach(server), "load.arrivals=constant", "load.rate=200", message.replace(" {{id}}", "")
        )
    assert trial["requests"] >= 20
    assert trial["unasked"] >= 2 * (trial["requests"] - 4)


MIX = """\
  messages:
  - {text: short, weight: 3, name: short}
  - {text: "LONG", weight: 1, name: long}
""".replace("LONG", "long " * 700)


def test_messages_of_several_kinds_in_several_rounds(program: Program) -> None:
    with websockets_serving() as server:
        (trial,) = measure(
            program, attach(server), "rounds=3", profile=PROFILE.replace("  message: {text: hello}\n", "") + MIX
        )
    kinds = {kind["name"]: kind for kind in trial["kinds"]}
    assert kinds.keys() == {"short", "long"}
    assert 1.5 < kinds["short"]["requests"] / kinds["long"]["requests"] < 6
    assert len(trial["rounds"]) == 3


def test_a_server_that_pings_keeps_active_and_idle_ones_between_rounds_and_while_they_think(program: Program) -> None:
    with websockets_serving("--ping-interval", "0.2", "--ping-timeout", "1") as server:
        settings = ("load.idle=20", "load.think=2s", "load.duration=1500ms", "rounds=3")
        (trial,) = measure(program, attach(server), *settings)
    assert trial["connects"]["opened"] == 0
    assert trial["pings"] >= 4
    assert trial["idle"]["alive"] == 20
    assert trial["idle"]["pings"] >= 20 * 3


def test_a_subprotocol_that_the_server_agrees_to(program: Program) -> None:
    with websockets_serving("--subprotocol", "chat.v2") as server:
        (trial,) = measure(program, attach(server), "load.subprotocol='chat, chat.v2'")
    assert trial["requests"] > 20


def test_a_subprotocol_that_it_does_not_agree_to_is_a_failed_connect_with_its_reason(program: Program) -> None:
    with websockets_serving() as server:
        ended = program.measure(
            PROFILE.replace("{target}", attach(server)), ANY_VERDICT, "--set", "load.subprotocol=mqtt"
        )
    (trial,) = program.document()["trials"]
    assert ended.code == 0, ended.stderr
    assert trial["connects"]["failed"].keys() == {"malformed"}
    assert "no subprotocol" in trial["failure_samples"][0]["reason"]


def test_two_servers_are_compared(program: Program) -> None:
    with websockets_serving() as a, websockets_serving() as b:
        short = ("--at-most", "3s", "--within", "0", "--slice", "50ms", "--warmup", "100ms", "-c", "4")
        ended = program.run("ab", f"ws://{a.address}/", f"ws://{b.address}/", *short)
    assert ended.stderr == ""
    assert "round trips/s" in ended.stdout
