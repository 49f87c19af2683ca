"""What servers do, connection by connection, and a scenario that runs against one of them."""

import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from loadlab.scenario import User
from loadlab.tls import TlsSettings

from ..load.scripted_server import RESPONSE, Peer, Script, ScriptedServer
from .worker import Recordings, Server, run_once

T = TypeVar("T")

HEAD: Final = b"HTTP/1.1 200 OK\r\n"


def serve(peer: Peer) -> None:
    """Answer whatever is asked."""
    while peer.receive_request():
        peer.send(RESPONSE)


def answering(*answers: bytes) -> Script:
    """A script that gives these answers, and ends the connection then."""

    def script(peer: Peer) -> None:
        for answer in answers:
            if not peer.receive_request():
                return
            peer.send(answer)
        peer.end()

    return script


def silent_after(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(answer)
            peer.wait_closed()

    return script


def resetting(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(answer)
            peer.reset_on_close()

    return script


def run_against(
    script: Script,
    iteration: Callable[[User], Coroutine[Any, Any, T]],
    authority: Path | None = None,
    **settings: Any,  # noqa: ANN401 - fields of Settings
) -> tuple[T | BaseException, Recordings, int]:
    """Run an iteration against a script; return its result or error, what was recorded, and how many connections.

    It is encrypted with the certificate of an `authority`, if that is given.
    """
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority / "server.pem")
    with ScriptedServer(script, context) as server:
        at = Server.at(server.address)
        if authority is not None:
            tls = TlsSettings("localhost", str(authority / "ca.pem"))
            at = Server(server.address, f"localhost:{server.address[1]}", tls)
        ran = run_once(at, iteration, **settings)
        return (ran.result if ran.error is None else ran.error), ran.recorded, server.accepted
