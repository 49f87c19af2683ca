"""Every architecture as its clients see it: the same answers, and nobody hurt by anybody else."""

import os
import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from .architectures import Architecture
from .server_process import DEADLINE_SECONDS, Server, ask, hello, receive_response, serving, wait_until

REQUEST = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
BODY = b"Hello, world!\n"
HELLO = (200, BODY)
# If the server was merely slow for so long, the test is a weaker one, and no wrong one.
FULL_AFTER_SECONDS = 0.1
# As on Ethernet. The kernel lets a send buffer grow with the segments, and those of loopback are 64 KiB: then it takes
# fifty thousand responses to fill one.
SEGMENT_BYTES = 1460
READ_AHEAD = 200_000
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def test_answers_are_right_and_the_connection_is_kept(server: Server) -> None:
    assert "hello" in server.handlers
    with server.connect() as client:
        hello([client] * 3)
        assert ask(client, "/") == HELLO
        status, _ = ask(client, "/missing")
        assert status == 404
        hello([client])


def test_requests_sent_together_are_answered_in_order(server: Server) -> None:
    with server.connect() as client:
        client.sendall(REQUEST + REQUEST.replace(b"hello", b"missing") + REQUEST[:10])
        assert [receive_response(client)[0] for _ in range(2)] == [200, 404]
        client.sendall(REQUEST[10:] + REQUEST)
        assert [receive_response(client) for _ in range(2)] == [HELLO, HELLO]


def test_a_request_may_come_in_two_pieces_cut_anywhere(server: Server) -> None:
    with ExitStack() as stack:
        clients = {cut: stack.enter_context(server.connect()) for cut in range(1, len(REQUEST))}
        for cut, client in clients.items():
            client.sendall(REQUEST[:cut])
        for client in clients.values():
            wait_until(partial(server.has_read, client))
        for cut, client in clients.items():
            client.sendall(REQUEST[cut:])
        assert [receive_response(client) for client in clients.values()] == [HELLO] * len(clients)


def test_a_half_sent_request_holds_nobody_up(server: Server) -> None:
    with server.connect() as slow, server.connect() as other:
        slow.sendall(REQUEST[:20])
        wait_until(lambda: server.has_read(slow))
        hello([other] * 3)
        slow.sendall(REQUEST[20:])
        assert receive_response(slow) == HELLO


@pytest.mark.usefixtures("many_open_files")
def test_active_connections_are_served_beside_idle_ones(architecture: Architecture, server: Server) -> None:
    assert server.max_connections > architecture.idle
    server.wait_settled()
    before = server.sockets()
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(architecture.idle)]
        wait_until(lambda: server.sockets() - before >= architecture.idle)
        hello([clients[0], clients[architecture.idle // 2], clients[-1]] * 3)


def test_who_does_not_read_is_waited_for_and_gets_every_answer(server: Server) -> None:
    with narrow_connection(server) as client, server.connect() as other:
        requests = fill_with_requests(server, client)
        client.sendall(REQUEST[:20])
        hello([other])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = b""
        while received.count(BODY) < requests:
            received += client.recv(1 << 20)
        assert received.endswith(BODY)
        client.sendall(REQUEST[20:])
        assert receive_response(client) == HELLO


def test_who_disappears_hurts_nobody_and_leaves_nothing(server: Server) -> None:
    with ExitStack() as connected:
        bystanders = connect_bystanders(server, connected)
        before = server.holdings()
        for disappear in (socket.socket.close, reset):
            mid_request, mid_response = server.connect(), narrow_connection(server)
            mid_request.sendall(REQUEST[:20])
            fill_with_requests(server, mid_response)
            wait_until(partial(server.has_read, mid_request))
            disappear(mid_request)
            disappear(mid_response)
            wait_until(lambda: server.holdings() == before)
        hello(bystanders)


def test_nothing_is_left_of_200_connections(server: Server) -> None:
    with ExitStack() as connected:
        connect_bystanders(server, connected)
        before = server.holdings()
        for number in range(200):
            with server.connect() as client:
                hello([client])
                if number % 2:
                    reset(client)
        wait_until(lambda: server.holdings() == before)


def test_sigterm_under_load_ends_it_with_code_0(server: Server) -> None:
    answered = threading.Semaphore(0)

    def ask_on_and_on() -> None:
        with server.connect() as client:
            try:
                while True:
                    hello([client])
                    answered.release()
            except (OSError, AssertionError):
                return  # the server has ended

    users = [threading.Thread(target=ask_on_and_on) for _ in range(8)]
    with ExitStack() as stack:
        half_sent = stack.enter_context(server.connect())
        half_sent.sendall(REQUEST[:20])
        fill_with_requests(server, stack.enter_context(narrow_connection(server)))
        for user in users:
            user.start()
            stack.callback(user.join)
        for _ in range(200):
            answered.acquire()
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait_ended().endswith("ended with code 0")
        wait_until(lambda: server.pids() == [])


def test_a_killed_server_leaves_no_process(architecture: Architecture, tmp_path: Path) -> None:
    # Its folder is ours, as it cannot remove one of its own any more.
    with serving(architecture.name, *architecture.arguments, "--folder", str(tmp_path)) as server:
        with server.connect() as client:
            hello([client])
            os.kill(server.pid, signal.SIGKILL)
            server.wait_ended()
        wait_until(lambda: server.pids() == [])


def test_a_waiting_handler_stops_its_own_loop_and_nobody_else(architecture: Architecture) -> None:
    # In one process: to which of several a connection comes is chance.
    arguments = () if "--processes" in architecture.arguments else architecture.arguments
    milliseconds = 20_000 if architecture.waits_together else 300
    with serving(architecture.name, *arguments) as server, server.connect() as slow, server.connect() as other:
        slow.sendall(REQUEST.replace(b"/hello", b"/sleep?ms=%d" % milliseconds))
        wait_until(lambda: server.has_read(slow))
        hello([other])
        slow.setblocking(False)
        if architecture.waits_together:
            with pytest.raises(BlockingIOError):
                slow.recv(1)
        else:
            assert slow.recv(1) == b"H"  # its turn was first, and the other had to wait for it


def reset(client: socket.socket) -> None:
    """Close it so that the server gets a reset instead of an orderly end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    client.close()


def connect_bystanders(server: Server, connected: ExitStack) -> list[socket.socket]:
    """Open connections that all have been served, and let the server come to rest: what it holds is to be compared."""
    bystanders = [connected.enter_context(server.connect()) for _ in range(16)]
    hello(bystanders)
    server.wait_settled()
    return bystanders


def narrow_connection(server: Server) -> socket.socket:
    """Return a connection whose buffers at this end are small, so that it is soon full."""
    client = socket.socket()
    client.settimeout(DEADLINE_SECONDS)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    client.connect(server.address)
    return client


def fill_with_requests(server: Server, client: socket.socket) -> int:
    """Send requests and read no responses, until the server stops reading; return the number of requests sent."""
    block, sent = 500, 0
    while is_read_soon(server, client):
        assert sent < READ_AHEAD, "the server reads without end"
        client.sendall(REQUEST * block)
        sent += block
    return sent


def is_read_soon(server: Server, client: socket.socket) -> bool:
    deadline = time.monotonic() + FULL_AFTER_SECONDS
    while not (read := server.has_read(client)) and time.monotonic() < deadline:
        time.sleep(0.005)
    return read
