"""Node.js and nginx, behind the same command line and READY line as the servers of this project."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadlab.targets import find_target

from .server_process import Server, ask, hello, refusal, reserved_port, serving, wait_until

FOREVER_MILLISECONDS = 60_000


@pytest.fixture
def node(need_program: Callable[[str], str]) -> Iterator[Server]:
    """Node.js with an upstream server."""
    need_program("node")
    with serving("coroutine") as upstream, serving("node", "--upstream", "{}:{}".format(*upstream.address)) as running:
        yield running


@pytest.fixture
def nginx(need_program: Callable[[str], str]) -> Iterator[Server]:
    """nginx with two workers."""
    need_program("nginx")
    with serving("nginx", "--processes", "2") as running:
        yield running


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/hello", 200, "Hello, world!"),
        ("/", 200, "Hello, world!"),
        ("/cpu?us=10", 200, "burnt"),
        ("/sleep?ms=1", 200, "slept"),
        ("/disk-read?kib=1", 200, "read 1024 bytes"),
        ("/disk-read?kib=1024", 200, "read 1048576 bytes"),
        ("/disk-write?kib=8", 200, "written"),
        ("/upstream?ms=1", 200, "slept"),
        ("/cpu?us=much", 400, "us must be a number from 0 to 10000000"),
        ("/sleep?ms=60001", 400, "ms must be a number from 0 to 60000"),
        ("/disk-read?kib=-1", 400, "kib must be a number from 0 to 1024"),
        ("/constructor", 404, "Not Found"),
    ],
)
def test_node_answers_like_the_others(node: Server, path: str, status: int, body: str) -> None:
    assert node.handlers[:6] == ["hello", "cpu", "sleep", "disk-read", "disk-write", "upstream"]
    with serving("epoll", "--upstream", "{}:{}".format(*node.address)) as epoll:
        for server in (node, epoll):
            with server.connect() as client:
                assert ask(client, path) == (status, f"{body}\n".encode())


def test_node_serves_others_while_a_handler_waits(node: Server) -> None:
    with node.connect() as slow, node.connect() as other:
        for path in ("sleep", "upstream"):
            slow.sendall(f"GET /{path}?ms={FOREVER_MILLISECONDS} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        wait_until(lambda: node.has_read(slow))
        hello([other] * 3)
        assert ask(other, "/upstream?ms=1") == (200, b"slept\n")
        os.kill(node.pid, signal.SIGTERM)
        assert node.wait_ended().endswith("ended with code 0")


def test_node_names_its_functions_for_perf_and_takes_the_names_away(need_program: Callable[[str], str]) -> None:
    need_program("node")
    with serving("node", "--perf-map") as server, server.connect() as client:
        names = Path(f"/tmp/perf-{server.pid}.map")
        hello([client])
        wait_until(lambda: "node_server.js" in names.read_text())
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait_ended().endswith("ended with code 0")
    assert not names.exists()
    assert not list(Path.cwd().glob("*v8.log"))


def test_node_reports_that_its_upstream_server_is_missing(need_program: Callable[[str], str]) -> None:
    need_program("node")
    with (
        reserved_port() as port,
        serving("node", "--upstream", f"127.0.0.1:{port}") as server,
        server.connect() as client,
    ):
        status, reason = ask(client, "/upstream?ms=1")
        assert status == 502
        assert reason.startswith(f"the upstream server at 127.0.0.1:{port} did not answer: ".encode())


@pytest.mark.parametrize("name", ["node", "nginx"])
def test_a_port_in_use_is_reported(name: str, need_program: Callable[[str], str]) -> None:
    need_program(name)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(name, "--port", str(port))
    assert "ended with code 2" in said
    assert f"{name}: cannot listen on 127.0.0.1 port {port}: " in said
    assert said.endswith("; choose another address, or port 0 for any free one")


@pytest.mark.parametrize("name", ["node", "nginx"])
def test_its_own_folder_is_removed_at_the_end(name: str, need_program: Callable[[str], str], tmp_path: Path) -> None:
    need_program(name)
    command = [sys.executable, str(find_target(name).file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"READY ")
        assert len(list(tmp_path.iterdir())) == 1
        server.terminate()
        assert server.wait() == 0
        wait_until(lambda: not list(tmp_path.iterdir()))


def test_nginx_serves_hello_and_keeps_connections(nginx: Server) -> None:
    with nginx.connect() as client, nginx.connect() as other:
        client.sendall(b"GET /hel")
        hello([other] * 3)
        client.sendall(b"lo HTTP/1.1\r\nHost: test\r\n\r\n")
        hello([client])  # reads the answer to that; its own is the next one
        assert ask(client, "/hello")[0] == 200
        assert ask(client, "/") == (200, b"Hello, world!\n")
        assert ask(other, "/sleep")[0] == 404
    assert nginx.handlers == ["hello"]


def test_nginx_speaks_tls_with_a_certificate_of_its_own(need_program: Callable[[str], str]) -> None:
    need_program("nginx")
    need_program("openssl")
    with (
        serving("nginx", "--scheme", "https") as server,
        server.connect() as plain,
        unverified().wrap_socket(plain) as client,
    ):
        assert ask(client, "/hello") == (200, b"Hello, world!\n")
        assert client.version() == "TLSv1.3"


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_nginx_has_a_master_and_the_workers_that_were_asked_for(nginx: Server) -> None:
    wait_until(lambda: sum(command_of(pid).startswith(b"nginx: worker") for pid in nginx.pids()) == 2)
    assert command_of(nginx.pid).startswith(b"nginx: master")
    os.kill(nginx.pid, signal.SIGTERM)
    assert "ended with code 0" in nginx.wait_ended()
    wait_until(lambda: nginx.pids() == [])


def test_nginx_ends_when_the_process_that_launched_it_is_killed(need_program: Callable[[str], str]) -> None:
    need_program("nginx")
    code = """
import signal
from loadlab.targets import find_target, launch
with launch(find_target("nginx")) as target:
    print(target.pid, flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        master = int(launcher.stdout.readline())
        wait_until(lambda: len(children_of(master)) == 1)
        processes = [master, *children_of(master)]
        launcher.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))


def command_of(pid: int) -> bytes:
    """Return a process's command line, b"" once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
