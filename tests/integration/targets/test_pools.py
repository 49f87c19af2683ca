"""The servers with a pool: how many handlers wait at the same time, and what becomes of a worker that dies."""

import os
import signal
import socket
from contextlib import ExitStack

import pytest

from .server_process import Server, hello, receive_response, serving, wait_until

POOLS = ("epoll-threads", "epoll-processes")


def begin_sleep(server: Server, client: socket.socket, milliseconds: int) -> None:
    client.sendall(b"GET /sleep?ms=%d HTTP/1.1\r\n\r\n" % milliseconds)
    wait_until(lambda: server.has_read(client))


def is_answered(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b"H"
    except BlockingIOError:
        return False


@pytest.mark.parametrize("name", POOLS)
def test_one_place_free_in_the_pool_is_enough_for_all_others(name: str) -> None:
    with serving(name, "--pool", "3") as server, ExitStack() as stack:
        sleepers = [stack.enter_context(server.connect()) for _ in range(2)]
        for sleeper in sleepers:
            begin_sleep(server, sleeper, 20_000)
        hello([stack.enter_context(server.connect()) for _ in range(10)])
        assert not any(map(is_answered, sleepers))


@pytest.mark.parametrize("name", POOLS)
def test_when_the_whole_pool_waits_the_next_request_waits_too(name: str) -> None:
    with serving(name, "--pool", "2") as server, ExitStack() as stack:
        sleepers = [stack.enter_context(server.connect()) for _ in range(2)]
        for sleeper in sleepers:
            begin_sleep(server, sleeper, 400)
        hello([stack.enter_context(server.connect())])
        assert any(map(is_answered, sleepers))


@pytest.mark.parametrize("name", ["fork", "thread"])
def test_without_a_pool_any_number_of_handlers_wait_at_the_same_time(name: str) -> None:
    with serving(name) as server, ExitStack() as stack:
        sleepers = [stack.enter_context(server.connect()) for _ in range(30)]
        for sleeper in sleepers:
            begin_sleep(server, sleeper, 20_000)
        hello([stack.enter_context(server.connect())])
        assert not any(map(is_answered, sleepers))


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_pool_that_loses_a_process_ends_the_server_with_a_sentence(busy: bool) -> None:
    with serving("epoll-processes", "--pool", "1") as server, server.connect() as client:
        hello([client])
        (worker,) = (pid for pid in server.pids() if pid != server.pid)
        if busy:
            begin_sleep(server, client, 20_000)
        os.kill(worker, signal.SIGKILL)
        said = server.wait_ended()
        assert "ended with code 1" in said
        assert f"epoll-processes: of the pool, process {worker} was killed by SIGKILL" in said
        assert server.pids() == []


def test_a_child_that_dies_takes_only_its_own_client_with_it() -> None:
    with serving("fork") as server, server.connect() as first:
        hello([first])
        (child,) = (pid for pid in server.pids() if pid != server.pid)
        with server.connect() as second:
            hello([second])
            os.kill(child, signal.SIGKILL)
            assert first.recv(1) == b""
            hello([second])


def test_a_client_that_leaves_before_its_answer_frees_its_place_in_the_pool() -> None:
    with serving("epoll-processes", "--pool", "1") as server, server.connect() as other:
        hello([other])
        before = server.holdings()
        with server.connect() as impatient:
            begin_sleep(server, impatient, 300)
        hello([other])
        wait_until(lambda: server.holdings() == before)


def test_pipelined_requests_keep_their_order_through_the_pool() -> None:
    with serving("epoll-processes", "--pool", "4") as server, server.connect() as client:
        client.sendall(b"GET /sleep?ms=50 HTTP/1.1\r\n\r\nGET /missing HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n")
        assert [receive_response(client)[0] for _ in range(3)] == [200, 404, 200]
