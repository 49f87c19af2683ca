"""The servers that never block: whatever a handler waits for, everybody else is served meanwhile."""

import itertools
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest

from .server_process import DEADLINE_SECONDS, Server, ask, hello, receive_response, reserved_port, serving, wait_until

NAMES = ["callback", "coroutine", "asyncio", "uvloop"]
FOREVER_MILLISECONDS = 60_000
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

numbers = itertools.count()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.param)


@pytest.fixture
def server(name: str) -> Iterator[Server]:
    """One without anything behind it."""
    with serving(name) as running:
        yield running


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    """The server behind the one that is tested."""
    with serving("coroutine") as running:
        yield running


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL server, and the name by which it knows the connections of one test."""

    dsn: str
    application: str

    def connections(self, state: str | None = None) -> int:
        """Count them, or those that are in this state."""
        return self._ask("count(*)", state)

    def end_connections(self) -> None:
        """End them all."""
        self._ask("count(pg_terminate_backend(pid))", None)

    def _ask(self, selected: LiteralString, state: str | None) -> int:
        statement = (
            f"SELECT {selected} FROM pg_stat_activity WHERE application_name = %s AND state = coalesce(%s, state)"
        )
        with closing(psycopg.connect(self.dsn, application_name="test", autocommit=True)) as connection:
            found = connection.execute(statement, [self.application, state]).fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture
def database(postgresql: str) -> Database:
    """A database that soon notices when its client is gone, even in the midst of a query."""
    application = f"test-{next(numbers)}"
    options = f"application_name={application} options='-c client_connection_check_interval=50'"
    return Database(f"{postgresql} {options}", application)


@contextmanager
def waiting_for(server: Server, path: str) -> Iterator[socket.socket]:
    """A client whose request for `path` has been read, and is not answered before the block ends."""
    with server.connect() as client:
        client.sendall(request(path))
        wait_until(lambda: server.has_read(client))
        yield client
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def address_of(server: Server) -> str:
    return "{}:{}".format(*server.address)


def test_two_hundred_sleeps_take_the_time_of_few(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(200)]
        started = time.monotonic()
        for client in clients:
            client.sendall(request("/sleep?ms=200"))
        assert [receive_response(client) for client in clients] == [(200, b"slept\n")] * 200
        # One after the other they would take 40 s. One sleep takes 0.2 s; the rest of this is for a busy machine.
        assert 0.2 <= time.monotonic() - started < 20


@pytest.mark.parametrize("path", ["/sleep", "/database", "/upstream"])
def test_others_are_served_while_a_handler_waits(name: str, upstream: Server, path: str) -> None:
    with (
        serving(name, "--upstream", address_of(upstream)) as server,
        waiting_for(server, f"{path}?ms={FOREVER_MILLISECONDS}"),
        server.connect() as other,
    ):
        hello([other] * 3)
        assert ask(other, "/sleep?ms=1") == (200, b"slept\n")
        assert ask(other, "/disk-read?kib=8") == (200, b"read 8192 bytes\n")
        assert ask(other, "/disk-write?kib=8") == (200, b"written\n")
        assert ask(other, "/upstream?ms=1") == (200, b"slept\n")


def test_the_threads_for_the_disk_come_when_needed_and_no_more_than_asked_for(name: str) -> None:
    with serving(name, "--disk-threads", "2") as server, ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        hello(clients)
        before = server.holdings().threads
        for client in clients:
            client.sendall(request("/disk-read?kib=1"))
        assert [receive_response(client) for client in clients] == [(200, b"read 1024 bytes\n")] * 8
        assert server.holdings().threads == before + 2


def test_what_follows_a_slow_request_is_answered_after_it(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("/sleep?ms=50") + request("/hello") + request("/sleep?ms=1") + request("/hello"))
        bodies = [receive_response(client)[1] for _ in range(4)]
        assert bodies == [b"slept\n", b"Hello, world!\n", b"slept\n", b"Hello, world!\n"]


def test_who_ends_the_stream_behind_a_slow_request_still_gets_the_answer(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("/sleep?ms=50"))
        client.shutdown(socket.SHUT_WR)
        assert receive_response(client) == (200, b"slept\n")
        assert client.recv(1) == b""


def test_nothing_more_is_read_from_a_client_whose_handler_waits(server: Server) -> None:
    with server.connect() as client, server.connect() as other:
        client.sendall(request(f"/sleep?ms={FOREVER_MILLISECONDS}"))
        hello([other])
        client.settimeout(0.2)
        # A server that went on reading would take this without end: many times what fits into the sockets' buffers.
        requests = request("/hello") * 1_000_000
        with pytest.raises(TimeoutError):
            client.sendall(requests)
        hello([other])


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("path", ["/sleep?ms=300", "/database?ms=100", "/upstream?ms=300"])
def test_who_disappears_while_a_handler_waits_leaves_nothing(
    name: str, upstream: Server, path: str, reset: bool
) -> None:
    # One thread, for each of them opens the database for itself.
    arguments = ("--upstream", address_of(upstream), "--disk-threads", "1")
    with serving(name, *arguments) as server, server.connect() as bystander:
        assert ask(bystander, path)[0] == 200  # starts the threads, and opens what stays open
        before = server.holdings()
        with server.connect() as client:
            client.sendall(request(path))
            wait_until(lambda: server.has_read(client))
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        wait_until(lambda: server.holdings() == before)
        assert ask(bystander, path)[0] == 200


@pytest.mark.parametrize("termination", [signal.SIGTERM, signal.SIGINT])
def test_handlers_under_way_do_not_keep_it_from_ending(
    name: str, upstream: Server, database: Database, termination: signal.Signals
) -> None:
    with ExitStack() as stack:
        reached = ("--upstream", address_of(upstream))
        with_sqlite = stack.enter_context(serving(name, *reached))
        with_postgresql = stack.enter_context(serving(name, *reached, "--database", database.dsn))
        for server in (with_sqlite, with_postgresql):
            for path in ("sleep", "database", "upstream"):
                client = stack.enter_context(server.connect())
                client.sendall(request(f"/{path}?ms={FOREVER_MILLISECONDS}"))
            with server.connect() as other:
                hello([other] * 3)
            os.kill(server.pid, termination)
            assert server.wait_ended().endswith("ended with code 0")


def test_queries_to_postgresql_share_a_few_connections(name: str, database: Database) -> None:
    with serving(name, "--database", database.dsn) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(100)]
        for client in clients:
            client.sendall(request("/database?ms=20"))
        answers = {receive_response(client) for client in clients}
        (answer,) = answers  # the same catalogue for all
        assert answer[0] == 200
        assert answer[1].startswith(b"the database says ")
        assert 1 < database.connections() <= 32


def test_a_waiting_query_to_postgresql_holds_up_nobody(name: str, database: Database) -> None:
    with (
        serving(name, "--database", database.dsn) as server,
        waiting_for(server, f"/database?ms={FOREVER_MILLISECONDS}"),
        server.connect() as other,
    ):
        hello([other] * 3)
        assert ask(other, "/database?ms=1")[0] == 200


def test_a_lost_connection_to_postgresql_is_reported_and_replaced(name: str, database: Database) -> None:
    with serving(name, "--database", database.dsn) as server, server.connect() as client:
        assert ask(client, "/database?ms=1")[0] == 200
        before = server.holdings()
        client.sendall(request(f"/database?ms={FOREVER_MILLISECONDS}"))
        wait_until(lambda: database.connections("active") == 1)
        database.end_connections()
        status, reason = receive_response(client)
        assert status == 502
        assert b"terminating connection" in reason
        assert ask(client, "/database?ms=1")[0] == 200
        wait_until(lambda: server.holdings() == before)


def test_connections_that_postgresql_ended_while_idle_are_reported_once_at_most(name: str, database: Database) -> None:
    with serving(name, "--database", database.dsn) as server, server.connect() as client:
        assert ask(client, "/database?ms=1")[0] == 200
        database.end_connections()
        wait_until(lambda: database.connections() == 0)
        assert ask(client, "/database?ms=1")[0] in (200, 502)
        assert ask(client, "/database?ms=1")[0] == 200


def test_connections_to_the_upstream_server_are_kept(name: str) -> None:
    with (
        serving("coroutine") as upstream,
        serving(name, "--upstream", address_of(upstream)) as server,
        server.connect() as client,
    ):
        upstream.wait_settled()
        before = upstream.sockets()
        for _ in range(3):
            assert ask(client, "/upstream?ms=1") == (200, b"slept\n")
        assert upstream.sockets() == before + 1


def test_an_upstream_server_that_is_gone_is_reported_and_found_again(name: str) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        address = f"127.0.0.1:{port}"
        upstream = stack.enter_context(serving("coroutine", "--port", str(port)))
        server = stack.enter_context(serving(name, "--upstream", address))
        client = stack.enter_context(server.connect())
        assert ask(client, "/upstream?ms=1") == (200, b"slept\n")
        end(upstream)
        reason = f"the upstream server at {address} did not answer: Connection refused\n"
        assert ask(client, "/upstream?ms=1") == (502, reason.encode())
        hello([client])
        upstream = stack.enter_context(serving("coroutine", "--port", str(port)))
        assert ask(client, "/upstream?ms=1") == (200, b"slept\n")
        # The connection that is kept open is closed by the server, and nothing of that is seen.
        end(upstream)
        stack.enter_context(serving("coroutine", "--port", str(port)))
        assert ask(client, "/upstream?ms=1") == (200, b"slept\n")


def end(server: Server) -> None:
    """End a server, and wait until it has ended."""
    os.kill(server.pid, signal.SIGTERM)
    server.wait_ended()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 502, b"the upstream server answered 503 Busy\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut", 502, b"it closed the connection before its answer was"),
        (b"220 mail.example\r\n\r\n", 502, b"something other than HTTP/1.1 with a Content-Length"),
        (b"", 502, b"it closed the connection before its answer was complete"),
    ],
)
def test_whatever_the_upstream_server_says_is_an_answer(name: str, answer: bytes, status: int, body: bytes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(DEADLINE_SECONDS)
        host, port = listener.getsockname()
        with serving(name, "--upstream", f"{host}:{port}") as server, server.connect() as client:
            client.sendall(request("/upstream?ms=1"))
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(DEADLINE_SECONDS)
                assert connection.recv(1000).startswith(b"GET /sleep?ms=1 HTTP/1.1\r\n")
                for byte in answer:
                    connection.sendall(bytes([byte]))
            found_status, found_body = receive_response(client)
            assert found_status == status
            assert body in found_body
            hello([client])
