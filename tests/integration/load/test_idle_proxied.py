"""Idle connections behind nginx: how long it keeps them is its own decision, and those that it ends are not alive."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.idle import IdleConnections, IdleSource, OpeningResult
from loadlab.protocols.openings import Asked, IdleOpening, Upgrade
from loadlab.protocols.upgrade import accept_for, upgrade_request

from .driver import MS, wait_until
from .websocket_server import WebSocketServer

pytestmark = pytest.mark.timeout(90)

KEY = bytes(range(16))
UPGRADE = Upgrade(upgrade_request("/chat", "localhost", {}, (), KEY), accept_for(KEY))
ASKED = Asked(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
HELD = 20

CONFIGURATION = """\
daemon off;
pid {directory}/pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen unix:{directory}/socket;
        {server}
    }}
}}
"""
PROXY = """location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 1s;
        }}"""


@pytest.fixture
def nginx(need_program: Callable[[str], str], tmp_path: Path) -> Callable[[str], AbstractContextManager[str]]:
    """Give a function that runs nginx with these lines in its `server` block; it listens on a Unix socket."""
    program = need_program("nginx")

    @contextmanager
    def running(server: str) -> Iterator[str]:
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(directory=tmp_path, server=server))
        with subprocess.Popen([program, "-p", str(tmp_path), "-c", str(configuration)]) as process:
            try:
                path = tmp_path / "socket"
                deadline = time.monotonic() + 20
                while not path.exists():
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                yield str(path)
            finally:
                process.terminate()

    return running


Nginx = Callable[[str], AbstractContextManager[str]]


def hold(path: str, opening: IdleOpening, until: Callable[[IdleConnections], bool]) -> tuple[OpeningResult, int]:
    """Open connections and attend to them until that holds; return how they were opened, and how many are alive."""

    async def main(loop: Loop) -> tuple[OpeningResult, int]:
        connections = IdleConnections(loop, path, b"", 5_000 * MS, opening=opening)
        try:
            async with loop.task_group() as group:
                group.start(connections.attend(), "attend")
                opened = await connections.open([IdleSource(None, HELD)], 8, lambda opened: None)
                await wait_until(loop, lambda: until(connections))
                group.cancel()
            return opened, connections.count_alive()
        finally:
            connections.close()

    return run(main)


def test_those_that_it_keeps_alive_end_after_its_timeout(nginx: Nginx) -> None:
    with nginx("keepalive_timeout 1s; location / { return 200 ok; }") as path:
        begun = time.monotonic()
        opened, alive = hold(path, ASKED, until=lambda connections: connections.count_alive() == 0)
    assert (opened.opened, opened.problem, alive) == (HELD, None, 0)
    assert time.monotonic() - begun > 0.9


def test_where_it_keeps_none_alive_that_is_the_problem(nginx: Nginx) -> None:
    with nginx("keepalive_timeout 0; location / { return 200 ok; }") as path:
        opened, _ = hold(path, ASKED, until=lambda connections: True)
    assert opened.opened == 0
    assert opened.problem == "the server does not keep the connection alive behind its answer"


def test_pings_of_the_server_behind_it_keep_websockets_open(nginx: Nginx) -> None:
    with WebSocketServer(ping_every=0.2, silence=10) as server, nginx(PROXY.format(port=server.address[1])) as path:
        begun = time.monotonic()
        opened, alive = hold(path, UPGRADE, until=lambda connections: time.monotonic() - begun > 3)
    assert (opened.opened, opened.problem, alive) == (HELD, None, HELD)


def test_it_ends_websockets_on_which_nothing_is_said(nginx: Nginx) -> None:
    with WebSocketServer() as server, nginx(PROXY.format(port=server.address[1])) as path:
        opened, alive = hold(path, UPGRADE, until=lambda connections: connections.count_alive() == 0)
    assert (opened.opened, opened.problem, alive) == (HELD, None, 0)


def test_a_server_behind_it_that_is_gone_is_the_problem(nginx: Nginx) -> None:
    with WebSocketServer() as server:
        port = server.address[1]
    with nginx(PROXY.format(port=port)) as path:
        opened, _ = hold(path, UPGRADE, until=lambda connections: True)
    assert (opened.opened, opened.problem) == (0, "the WebSocket was refused with status 502")
