"""Idle connections: opened within the backlog, held, counted when they die, and reset in the end."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.idle import IdleConnections, IdleSource, OpeningResult

from .driver import MS, wait_until
from .holding_server import HoldingServer

pytestmark = pytest.mark.timeout(90)

BACKLOG = 16
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def server() -> Iterator[HoldingServer]:
    with HoldingServer(BACKLOG) as server:
        yield server


@contextmanager
def holding(loop: Loop, server: HoldingServer, timeout_ns: int = 10_000 * MS) -> Iterator[IdleConnections]:
    """Idle connections to `server`, which are closed in the end."""
    connections = IdleConnections(loop, server.address, REQUEST, timeout_ns)
    yield connections
    connections.close()


async def open_all(connections: IdleConnections, sources: Sequence[IdleSource]) -> tuple[OpeningResult, list[int]]:
    progress: list[int] = []
    opening = await connections.open(sources, BACKLOG - 1, progress.append)
    return opening, progress


def test_five_hundred_are_opened_in_rounds_that_fit_a_small_backlog(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            opening, progress = await open_all(connections, [IdleSource(None, 500)])
            assert (opening.opened, opening.problem) == (500, None)
            assert (connections.opened, connections.count_alive()) == (500, 500)
            assert progress == [*range(15, 500, 15), 500]
            # Without the rounds, connections past the backlog would wait for their SYN to be sent again, a second each.
            assert opening.seconds > 0
            await wait_until(loop, lambda: len(server.peers()) == 500)

    run(main)


@pytest.mark.parametrize("with_reset", [False, True], ids=["closed", "reset"])
def test_those_that_the_server_ends_are_noticed(server: HoldingServer, with_reset: bool) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource(None, 50)])
            server.end(7, with_reset)
            await wait_until(loop, lambda: connections.count_alive() == 43)
            server.end(43, with_reset)
            await wait_until(loop, lambda: connections.count_alive() == 0)
            assert connections.opened == 50

    run(main)


def test_more_connections_than_are_examined_at_once_are_all_examined(
    server: HoldingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadlab.load.idle._EXAMINED_AT_ONCE", 7)

    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource(None, 60)])
            assert connections.count_alive() == 60
            server.end(50, with_reset=False)
            await wait_until(loop, lambda: connections.count_alive() == 10)

    run(main)


def test_a_connection_that_has_ended_gives_its_descriptor_back(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource(None, 10)])
            await wait_until(loop, lambda: len(server.peers()) == 10)
            before = len(os.listdir("/proc/self/fd"))
            server.end(10, with_reset=True)
            await wait_until(loop, lambda: connections.count_alive() == 0)
            assert len(os.listdir("/proc/self/fd")) == before - 2 * 10  # the server's end is in this process too

    run(main)


def test_they_leave_from_the_sources_that_were_asked_for(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            opening, _ = await open_all(connections, [IdleSource("127.1.0.1", 20), IdleSource("127.1.0.2", 30)])
            assert opening.problem is None
            await wait_until(loop, lambda: Counter(server.peers()) == {"127.1.0.1": 20, "127.1.0.2": 30})

    run(main)


def test_closing_resets_them_all(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource(None, 30)])
        assert connections.count_alive() == 0
        await wait_until(loop, lambda: server.peers() == [])

    run(main)
    assert server.resets >= 30


def test_a_server_that_stops_answering_is_reported_and_open_connections_are_kept(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as before, holding(loop, server, timeout_ns=200 * MS) as after:
            opening, _ = await open_all(before, [IdleSource(None, 30)])
            assert opening.problem is None
            server.freeze()
            opening, progress = await open_all(after, [IdleSource(None, 60), IdleSource("127.1.0.1", 60)])
            assert opening.problem is not None
            assert "no answer in time" in opening.problem
            assert len(progress) == 1
            assert before.count_alive() == 30
            assert after.count_alive() == after.opened <= BACKLOG - 1

    run(main)


def test_a_server_that_is_gone_is_reported() -> None:
    async def main(loop: Loop) -> OpeningResult:
        with holding(loop, gone) as connections:
            opening, _ = await open_all(connections, [IdleSource(None, 40)])
        return opening

    with HoldingServer() as gone:
        pass
    opening = run(main)
    assert (opening.opened, opening.problem) == (0, "Connection refused")


def test_a_source_that_is_not_ours_is_reported(server: HoldingServer) -> None:
    async def main(loop: Loop) -> OpeningResult:
        with holding(loop, server) as connections:
            opening, _ = await open_all(connections, [IdleSource("192.0.2.1", 5)])
        return opening

    assert run(main).problem == "Cannot assign requested address"


def test_trickling_connections_go_on_sending_and_stay_alive(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource(None, 20)])
            async with loop.task_group() as group:
                group.start(connections.trickle(20 * MS), "trickle")
                await wait_until(loop, lambda: server.pieces >= 100)
                group.cancel()
            assert connections.count_alive() == 20

    run(main)


def test_churning_connections_are_replaced_by_others(server: HoldingServer) -> None:
    async def main(loop: Loop) -> None:
        with holding(loop, server) as connections:
            await open_all(connections, [IdleSource("127.1.0.1", 20)])
            async with loop.task_group() as group:
                group.start(connections.churn(20 * MS), "churn")
                await wait_until(loop, lambda: server.resets >= 60)
                group.cancel()
            assert connections.opened == 20
            assert connections.count_alive() in (19, 20)  # one may have been under way when it was cancelled
            assert set(server.peers()) <= {"127.1.0.1"}

    run(main)
