"""What the handlers do: that each costs what it says, and says what went wrong where it could not do it."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from loadlab.installation import bundled_directory

from .server_process import Server, ask, hello, receive_response, refusal, reserved_port, serving, wait_until

KIB = 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving("epoll", "--folder", str(tmp_path)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with server.connect() as connected:
        yield connected


def cpu_ns(server: Server) -> int:
    """How long it has had a core, which does not depend on how many others wanted it."""
    server.wait_settled()  # of one that runs, the kernel reports what it had at the last tick
    return int(Path(f"/proc/{server.pid}/schedstat").read_text().split()[0])


def disk_bytes(server: Server, direction: str) -> int:
    """What the kernel has read from the disk, or will write to it, for this process: not what a cache answered."""
    (found,) = re.findall(rf"^{direction}_bytes: (\d+)$", Path(f"/proc/{server.pid}/io").read_text(), re.MULTILINE)
    return int(found)


def test_without_an_upstream_server_its_handler_is_not_offered(server: Server) -> None:
    assert server.handlers == ["hello", "cpu", "sleep", "disk-read", "disk-write", "database"]


def test_cpu_burns_about_as_much_as_it_says(server: Server, client: socket.socket) -> None:
    hello([client])
    before = cpu_ns(server)
    assert ask(client, "/cpu?us=200000") == (200, b"burnt\n")
    assert 0.2e9 <= cpu_ns(server) - before < 0.3e9


def test_sleep_takes_its_time_and_nothing_else(server: Server, client: socket.socket) -> None:
    hello([client])
    before, started = cpu_ns(server), time.monotonic()
    assert ask(client, "/sleep?ms=300") == (200, b"slept\n")
    assert time.monotonic() - started >= 0.3
    assert cpu_ns(server) - before < 0.1e9


def test_disk_read_reads_from_the_disk_each_time(server: Server, client: socket.socket, tmp_path: Path) -> None:
    skip_on_a_disk_in_memory(tmp_path)
    assert ask(client, "/disk-read?kib=64") == (200, b"read 65536 bytes\n")  # makes the file
    before = disk_bytes(server, "read")
    for _ in range(20):
        assert ask(client, "/disk-read?kib=64") == (200, b"read 65536 bytes\n")
    assert disk_bytes(server, "read") - before >= 20 * 64 * KIB
    assert ask(client, "/disk-read?kib=1024") == (200, b"read 1048576 bytes\n")


def test_many_who_read_at_once_have_one_file_made(tmp_path: Path) -> None:
    with serving("thread", "--folder", str(tmp_path)) as server, ExitStack() as connected:
        clients = [connected.enter_context(server.connect()) for _ in range(16)]
        for client in clients:
            client.sendall(b"GET /disk-read?kib=4 HTTP/1.1\r\nHost: x\r\n\r\n")
        for client in clients:
            assert receive_response(client) == (200, b"read 4096 bytes\n")
        (written,) = re.findall(r"^wchar: (\d+)$", Path(f"/proc/{server.pid}/io").read_text(), re.MULTILINE)
    assert 32 <= int(written) / KIB**2 < 33


def test_disk_write_writes_and_leaves_no_file(server: Server, client: socket.socket, tmp_path: Path) -> None:
    skip_on_a_disk_in_memory(tmp_path)
    files = sorted(tmp_path.iterdir())
    before = disk_bytes(server, "write")
    for _ in range(5):
        assert ask(client, "/disk-write?kib=64") == (200, b"written\n")
    assert disk_bytes(server, "write") - before >= 5 * 64 * KIB
    assert sorted(tmp_path.iterdir()) == files


def test_disk_write_waits_for_the_disk(tmp_path: Path) -> None:
    code = f"""
        import os, pathlib, files
        from waits import ENVIRONMENT
        ENVIRONMENT.folder = pathlib.Path({str(tmp_path)!r})
        fsync = os.fsync
        os.fsync = lambda fd: (fsync(fd), print("synced", os.fstat(fd).st_size))
        print(files.write(65536))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=bundled_directory("targets"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["synced", "65536", "65536"]


def test_a_folder_that_is_gone_is_a_failed_request_and_not_a_failed_server(
    client: socket.socket, tmp_path: Path
) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()
    status, said = ask(client, "/disk-write")
    assert (status, said) == (502, f"cannot write to {tmp_path}: No such file or directory\n".encode())
    assert ask(client, "/disk-read")[0] == 502
    hello([client])


def skip_on_a_disk_in_memory(folder: Path) -> None:
    device = os.stat(folder).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    mounts = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    kinds = {fields[fields.index("-") + 1] for fields in mounts if fields[2] == name}
    if kinds & {"tmpfs", "ramfs"}:
        pytest.skip(f"{folder} is in memory, not on a disk")


def test_sqlite_works_about_as_long_as_it_says(server: Server, client: socket.socket, tmp_path: Path) -> None:
    assert (tmp_path / "database.sqlite").stat().st_size > 0
    status, body = ask(client, "/database?ms=1")
    assert status == 200
    assert re.fullmatch(rb"the database says [1-9][0-9]*\n", body)
    before = cpu_ns(server)
    assert ask(client, "/database?ms=200")[0] == 200
    # Only its order of magnitude: how fast a core is changes with what its neighbours do.
    assert 0.05e9 < cpu_ns(server) - before < 0.8e9


@pytest.mark.parametrize("name", ["epoll", "thread", "fork", "epoll-threads", "epoll-processes"])
def test_sqlite_answers_in_whatever_process_or_thread_it_is_asked(name: str) -> None:
    with serving(name) as server:
        for _ in range(10):
            with server.connect() as client:
                assert ask(client, "/database?ms=1")[0] == 200


class TestPostgresql:
    @pytest.mark.parametrize("name", ["epoll", "thread", "fork", "epoll-threads", "epoll-processes"])
    def test_it_answers_after_the_time_asked_for(self, name: str, postgresql: str) -> None:
        with serving(name, "--database", postgresql) as server, server.connect() as client:
            started = time.monotonic()
            status, body = ask(client, "/database?ms=100")
            assert time.monotonic() - started >= 0.1
            assert status == 200
            assert int(body.removeprefix(b"the database says ")) > 100  # tables of the catalogue

    def test_a_connection_that_it_ended_costs_one_request_and_no_more(self, postgresql: str) -> None:
        with serving("epoll", "--database", postgresql) as server, server.connect() as client:
            assert ask(client, "/database?ms=0")[0] == 200
            with closing(psycopg.connect(postgresql, autocommit=True)) as administrator:
                administrator.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
                )
            status, body = ask(client, "/database?ms=0")
            assert status == 502
            assert body.startswith(b"PostgreSQL: ")
            assert ask(client, "/database?ms=0")[0] == 200

    def test_one_that_is_not_there_is_reported_before_anything_is_served(self, tmp_path: Path) -> None:
        said = refusal("epoll", "--database", f"host={tmp_path}")
        assert "ended with code 2" in said

    def test_without_psycopg_it_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "psycopg.py").write_text("raise ImportError")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        said = refusal("epoll", "--database", "host=nowhere")
        assert said.endswith("a PostgreSQL database needs the Python module psycopg, of loadlab's extra 'servers'")
        assert "ended with code 2" in said


class TestUpstream:
    @pytest.fixture
    def upstream(self) -> Iterator[Server]:
        with serving("thread") as running:
            yield running

    @pytest.mark.parametrize("name", ["epoll", "thread", "fork", "epoll-threads", "epoll-processes"])
    def test_its_answer_is_passed_on_after_its_delay(self, name: str, upstream: Server) -> None:
        with serving(name, "--upstream", at(upstream)) as server, server.connect() as client:
            assert "upstream" in server.handlers
            for _ in range(3):
                started = time.monotonic()
                assert ask(client, "/upstream?ms=50") == (200, b"slept\n")
                assert time.monotonic() - started >= 0.05

    def test_a_kept_connection_that_has_died_is_replaced_without_anyone_noticing(self) -> None:
        with (
            serving("fork") as upstream,
            serving("epoll", "--upstream", at(upstream)) as server,
            server.connect() as client,
        ):
            assert ask(client, "/upstream?ms=0")[0] == 200
            (child,) = (pid for pid in upstream.pids() if pid != upstream.pid)
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: len(upstream.pids()) == 1)
            assert ask(client, "/upstream?ms=0") == (200, b"slept\n")

    def test_when_it_is_down_the_answer_says_so(self) -> None:
        with (
            reserved_port() as port,
            serving("epoll", "--upstream", f"127.0.0.1:{port}") as server,
            server.connect() as client,
        ):
            status, body = ask(client, "/upstream")
            assert status == 502
            assert body.startswith(f"the upstream server at 127.0.0.1:{port} did not answer: ".encode())
            assert b"refused" in body
            hello([client])

    def test_one_that_answers_with_an_error_is_reported(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = "{}:{}".format(*listener.getsockname())
            with serving("epoll", "--upstream", address) as server, server.connect() as client:
                client.sendall(b"GET /upstream HTTP/1.1\r\n\r\n")
                accepted, _ = listener.accept()
                with accepted:
                    accepted.recv(4096)
                    accepted.sendall(b"HTTP/1.1 503 Too Busy\r\nContent-Length: 0\r\n\r\n")
                    assert receive_response(client) == (502, b"the upstream server answered 503 Too Busy\n")


def at(upstream: Server) -> str:
    return "{}:{}".format(*upstream.address)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pool", "0"], "--pool: '0' is not a number from 1 to 1000"),
        (["--pool", "many"], "--pool: 'many' is not a number from 1 to 1000"),
        (["--upstream", "localhost"], "--upstream: 'localhost' is not of the form HOST:PORT"),
        (["--folder", "/nowhere"], "--folder: '/nowhere' is not a folder"),
    ],
)
def test_a_wrong_argument_is_reported_in_one_line(arguments: list[str], said: str) -> None:
    assert refusal("epoll-threads", *arguments).endswith(f"ended with code 2: epoll-threads: {said}")
