"""What only the loops of one thread can be asked: descriptors that run out, SO_REUSEPORT, and reads that block."""

import os
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .server_process import Server, hello, receive_response, serving, wait_until

REQUEST = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"


ADDRESSES = Path("/proc/net/if_inet6")


@pytest.fixture(params=["select", "poll", "epoll"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as running:
        yield running


def test_connections_beyond_the_limit_of_open_files_are_closed_and_the_others_served(server: Server) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(server.connect())
        hello([first])
        limit = server.holdings().descriptors + 10
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
        accepted = [stack.enter_context(server.connect()) for _ in range(10)]
        turned_away = [stack.enter_context(server.connect()) for _ in range(20)]
        assert [client.recv(1) for client in turned_away] == [b""] * 20
        hello([first, *accepted])
        wait_until(lambda: sleeps(server))
        accepted[0].close()
        wait_until(lambda: server.holdings().descriptors < limit)
        hello([stack.enter_context(server.connect())])


def sleeps(server: Server) -> bool:
    return Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_it_serves_ipv6_too() -> None:
    if not (ADDRESSES.exists() and re.search(r"^0{31}1 ", ADDRESSES.read_text(), re.MULTILINE)):
        pytest.skip("no IPv6 on this machine")
    with serving("epoll", "--host", "::1") as server, server.connect() as client:
        assert server.address[0] == "::1"
        hello([client])


def test_ctrl_c_ends_it_like_sigterm(server: Server) -> None:
    os.kill(server.pid, signal.SIGINT)
    assert server.wait_ended().endswith("ended with code 0")


def test_a_handler_that_stands_still_does_not_keep_the_server_from_ending(server: Server) -> None:
    with server.connect() as client:
        client.sendall(REQUEST.replace(b"/hello", b"/sleep?ms=60000"))
        # It stands still once it sleeps: a signal a moment before would be noticed behind the sleep.
        wait_until(lambda: server.has_read(client) and sleeps(server))
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait_ended().endswith("ended with code 0")


def test_a_blocking_read_makes_everybody_wait_for_half_a_request() -> None:
    with (
        serving("epoll", "--read", "blocking") as server,
        server.connect() as slow,
        server.connect() as other,
    ):
        hello([slow, other])
        slow.sendall(REQUEST[:20])
        wait_until(lambda: server.has_read(slow))
        other.sendall(REQUEST)
        wait_until(lambda: sleeps(server))
        assert not server.has_read(other)
        slow.sendall(REQUEST[20:-1])
        wait_until(lambda: server.has_read(slow))
        assert not server.has_read(other)
        slow.sendall(REQUEST[-1:])
        for client in (slow, other):
            assert receive_response(client)[0] == 200


def test_who_leaves_in_the_midst_of_a_blocking_read_is_waited_for_no_longer() -> None:
    with serving("epoll", "--read", "blocking") as server, server.connect() as other:
        hello([other])
        before = server.holdings()
        with server.connect() as slow:
            slow.sendall(REQUEST[:20])
            wait_until(lambda: server.has_read(slow))
        hello([other])
        wait_until(lambda: server.holdings() == before)


def test_an_edge_triggered_loop_learns_of_an_end_that_came_with_the_data() -> None:
    with serving("epoll", "--trigger", "edge") as server, server.connect() as other:
        hello([other])
        before = server.holdings()
        with server.connect() as busy:
            busy.sendall(REQUEST.replace(b"/hello", b"/sleep?ms=300"))
            wait_until(lambda: server.has_read(busy))
            with server.connect() as client:  # data and end arrive while the loop stands still
                client.sendall(REQUEST)
            assert receive_response(busy)[0] == 200
        hello([other])
        wait_until(lambda: server.holdings() == before)


class TestProcessesThatShareThePort:
    @pytest.fixture(params=["select", "poll", "epoll"])
    def server(self, request: pytest.FixtureRequest) -> Iterator[Server]:
        with serving(request.param, "--processes", "3") as running:
            yield running

    def test_together_they_hold_almost_as_many_times_more_connections(self, server: Server) -> None:
        with serving("epoll") as alone:
            assert 2.5 * alone.max_connections < server.max_connections < 3 * alone.max_connections

    def test_all_are_set_up_before_it_says_ready(self, server: Server) -> None:
        children = [pid for pid in server.pids() if pid != server.pid]
        assert [sockets(pid) for pid in children] == [4] * 3  # listener and spare, and both ends of the wake-up
        assert [pidfds(pid) for pid in children] == [0] * 3  # of their brothers
        assert pidfds(server.pid) == 3

    def test_their_backlogs_add_up(self, server: Server) -> None:
        with serving("epoll") as alone:
            assert 2.5 * alone.backlog < server.backlog < 3 * alone.backlog

    def test_connections_come_to_all_of_them(self, server: Server) -> None:
        children = [pid for pid in server.pids() if pid != server.pid]
        assert len(children) == 3
        before = [sockets(pid) for pid in children]
        with ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(100)]
            hello(clients)
            gained = [sockets(pid) - then for pid, then in zip(children, before, strict=True)]
            assert sum(gained) == 100
            assert min(gained) > 0  # by chance once in 10^17 runs

    def test_when_one_dies_all_end_and_the_parent_says_why(self, server: Server) -> None:
        victim = next(pid for pid in server.pids() if pid != server.pid)
        os.kill(victim, signal.SIGKILL)
        said = server.wait_ended()
        assert "ended with code 1" in said
        assert f"process {victim} was killed by SIGKILL, so the others were stopped too" in said
        assert server.pids() == []


def sockets(pid: int) -> int:
    return descriptors(pid, "socket:")


def pidfds(pid: int) -> int:
    return descriptors(pid, "anon_inode:[pidfd]")


def descriptors(pid: int, kind: str) -> int:
    return sum(os.readlink(descriptor).startswith(kind) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
