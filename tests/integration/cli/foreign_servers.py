"""Servers that loadlab knows nothing of: started by the test, as somebody else would, and still there after a run."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import echo_server, faulty_server, nagle_server, recording_server, slow_app, websockets_server
from .program import wait_until

_NGINX: Final = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_processes 2;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client-body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} {ssl}; {tls} location / {{ {location} }} }}
}}
"""
_NODE: Final = """\
const server = require("http").createServer((request, response) => response.end("from node"));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A server that listens on 127.0.0.1."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        """Where it listens, as a profile has it."""
        return f"127.0.0.1:{self.port}"

    def check_unharmed(self) -> None:
        """Check that it runs where it ran before, with all its children, and answers."""
        assert self.process.poll() is None
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"


@contextmanager
def nginx_serving(
    program: str, folder: Path, tls: str = "", location: str = 'return 200 "from nginx";'
) -> Iterator[Foreign]:
    """Run nginx with a master and two workers; over TLS, if `tls` has its directives for that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # nginx takes an inherited socket as it is. If it blocks, a worker that comes second waits in accept(2) for the
        # next connection, and serves none of its own until then.
        listener.setblocking(False)
        port = listener.getsockname()[1]
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _NGINX.format(folder=folder, port=port, tls=tls, ssl="ssl" if tls else "", location=location)
        )
        command = [program, "-p", str(folder), "-c", str(configuration)]
        # How one nginx hands its sockets on to another: so it need not be told a port that somebody else might take.
        environment = {**os.environ, "NGINX": f"{listener.fileno()};"}
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment, text=True)
    with _ended(process):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 2)
        yield Foreign(process, port)


@contextmanager
def node_serving(program: str) -> Iterator[Foreign]:
    """Run Node.js with a server of a few words."""
    process = subprocess.Popen([program, "-e", _NODE], stdout=subprocess.PIPE, text=True)
    with _ended(process):
        assert process.stdout is not None
        yield Foreign(process, int(process.stdout.readline()))


@contextmanager
def uvicorn_serving() -> Iterator[Foreign]:
    """Run slow_app.py, a server of one thread under uvicorn."""
    with _script_serving(slow_app.__file__) as server:
        yield server


@contextmanager
def two_pieces_serving(*options: str) -> Iterator[Foreign]:
    """Run nagle_server.py."""
    with _script_serving(nagle_server.__file__, *options) as server:
        yield server


@contextmanager
def echo_serving() -> Iterator[Foreign]:
    """Run echo_server.py, which repeats what it is sent."""
    with _script_serving(echo_server.__file__) as server:
        yield server


@contextmanager
def recording_serving(*options: str) -> Iterator[Foreign]:
    """Run recording_server.py, which says what it was asked once it is ended: see `asked_of`."""
    with _script_serving(recording_server.__file__, *options) as server:
        yield server


def asked_of(server: Foreign) -> list[tuple[list[Any], int]]:
    """End a recording server; return [method, path, headers, body] of each request it had, and how many there were."""
    server.process.terminate()
    assert server.process.stdout is not None
    return [(request, count) for request, count in json.loads(server.process.stdout.read())]


@contextmanager
def websockets_serving(*options: str) -> Iterator[Foreign]:
    """Run websockets_server.py, which says how connections were closed once it is ended."""
    with _script_serving(websockets_server.__file__, *options) as server:
        yield server


@contextmanager
def files_serving(folder: Path) -> Iterator[Foreign]:
    """Run Python's own file server, which ends each connection with its answer."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with _ended(process):
        assert process.stdout is not None
        yield Foreign(process, int(process.stdout.readline().split(" port ")[1].split()[0]))


@contextmanager
def faulty_serving(fault: str, host: str = "127.0.0.1") -> Iterator[Foreign]:
    """Run faulty_server.py."""
    command = [sys.executable, faulty_server.__file__, fault, "--host", host, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with _ended(process):
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline().removeprefix("READY "))
        yield Foreign(process, ready["address"][1])


@contextmanager
def _script_serving(path: str, *arguments: str) -> Iterator[Foreign]:
    """Run a Python script that prints the port that it serves on."""
    process = subprocess.Popen([sys.executable, path, *arguments], stdout=subprocess.PIPE, text=True)
    with _ended(process):
        assert process.stdout is not None
        yield Foreign(process, int(process.stdout.readline()))


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.terminate()
