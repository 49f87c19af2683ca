"""The connections of a user: which is used, who waits for one, and that none is lost; over pairs of sockets."""

import socket
from collections.abc import Iterator

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import PlainTransport
from loadlab.load.failures import Failure
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder
from loadlab.scenario.destinations import Destination
from loadlab.scenario.pool import MOST_TO_A_SERVER, Connection, Pool

LONG_NS = 10**18
SHOP, BANK = Destination(("127.0.0.1", 1), None, is_target=True), Destination(("127.0.0.1", 2), None)


class Server:
    """Has the other ends of all connections, and notes where they came from and went to."""

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []
        self.asked: list[tuple[object, str | None]] = []
        self.refuses = False

    async def connect(self, loop: Loop, address: object, source: str | None, *_: object) -> socket.socket | Failure:
        self.asked.append((address, source))
        await loop.yield_now()
        if self.refuses:
            return Failure(Outcome.REFUSED, "refused")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop.register(ours.fileno())
        self.ends.append(theirs)
        return ours


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    monkeypatch.setattr("loadlab.scenario.pool.try_connection", made.connect)
    yield made
    for end in made.ends:
        end.close()


def pool_of(loop: Loop, keeps: bool = True) -> Pool:
    return Pool(loop, PlainTransport(loop), "127.0.0.9", keeps)


async def take(pool: Pool, destination: Destination = SHOP, wait_ns: int = LONG_NS) -> Connection:
    taken = await pool.take(destination, LONG_NS, wait_ns, Recorder())
    assert isinstance(taken, Connection), taken
    return taken


def test_the_last_that_became_idle_is_used_again(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        first, second = await take(pool), await take(pool)
        assert (first.reused, second.reused) == (False, False)
        pool.give_back(first)
        pool.give_back(second)
        assert await take(pool) is second
        assert await take(pool) is first
        assert first.reused
        pool.close(first)
        pool.close(second)

    run(main)
    assert len(server.ends) == 2


def test_one_that_was_ended_or_has_spoken_is_not_used(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        ended, spoke, silent = await take(pool), await take(pool), await take(pool)
        for connection in (silent, spoke, ended):
            pool.give_back(connection)
        server.ends[0].close()
        server.ends[1].send(b"unasked")
        for _ in range(2):  # the loop sees it
            await loop.yield_now()
        assert await take(pool) is silent
        assert ended.sock.fileno() == spoke.sock.fileno() == -1
        pool.close(silent)

    run(main)


def test_servers_are_apart_and_only_those_to_the_target_have_a_local_address(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        pool.give_back(await take(pool, SHOP))
        bank = await take(pool, BANK)
        assert bank.destination is BANK
        pool.give_back(bank)
        assert await take(pool, BANK) is bank
        pool.close(bank)
        pool.close_all()

    run(main)
    assert server.asked == [(SHOP.address, "127.0.0.9"), (BANK.address, None)]


def test_without_keeping_each_is_used_once(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop, keeps=False)
        made = await pool.open(SHOP, LONG_NS, Recorder())
        assert isinstance(made, Connection)
        pool.keep(made)  # opened before the load
        for expected in (1, 2, 3):
            taken = await take(pool)
            assert len(server.ends) == expected
            pool.give_back(taken)
            assert taken.sock.fileno() == -1

    run(main)


def test_further_ones_wait_in_their_order(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool, order = pool_of(loop), []
        held = [await take(pool) for _ in range(MOST_TO_A_SERVER)]

        async def wait(number: int) -> None:
            connection = await take(pool)
            order.append((number, connection.reused))
            await loop.yield_now()
            pool.give_back(connection)

        async with loop.task_group() as group:
            for number in range(4):
                group.start(wait(number), "waits")
                await loop.yield_now()
            assert order == []
            pool.give_back(held[0])
            for _ in range(12):
                await loop.yield_now()
            assert order == [(number, True) for number in range(4)]
            pool.close(held[1])
        pool.give_back(await take(pool, BANK))
        for connection in held[2:]:
            pool.give_back(connection)
        pool.close_all()

    run(main)


def test_a_closed_one_makes_room_for_a_new_one(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        held = [await take(pool) for _ in range(MOST_TO_A_SERVER)]
        found: list[Connection] = []

        async def wait() -> None:
            found.append(await take(pool))

        async with loop.task_group() as group:
            group.start(wait(), "waits")
            await loop.yield_now()
            pool.close(held.pop())
        assert not found[0].reused
        for connection in (*held, *found):
            pool.close(connection)

    run(main)
    assert len(server.ends) == MOST_TO_A_SERVER + 1


def test_who_waits_for_too_long_gets_none(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        held = [await take(pool) for _ in range(MOST_TO_A_SERVER)]
        failure = await pool.take(SHOP, LONG_NS, 0, Recorder())
        assert isinstance(failure, Failure)
        assert failure.outcome is Outcome.TIMEOUT
        assert "6 connections" in failure.reason
        for connection in held:
            pool.give_back(connection)
        assert await take(pool) is held[-1]  # nobody waits any more
        pool.close(held[-1])
        pool.close_all()

    run(main)


@pytest.mark.parametrize("granted", [False, True])
def test_a_turn_of_who_was_cancelled_goes_to_the_next(server: Server, granted: bool) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        held = [await take(pool) for _ in range(MOST_TO_A_SERVER)]
        found: list[Connection] = []

        async def wait() -> None:
            found.append(await take(pool))

        async with loop.task_group() as outer:
            async with loop.task_group() as cancelled:
                cancelled.start(wait(), "is cancelled")
                await loop.yield_now()
                outer.start(wait(), "is next")
                await loop.yield_now()
                if granted:
                    cancelled.cancel()  # of the same turn as what follows
                    pool.give_back(held[0])
                else:
                    cancelled.cancel()
            if not granted:
                pool.give_back(held[0])
        assert found == [held[0]]
        for connection in held:
            pool.close(connection)

    run(main)


def test_what_could_not_be_opened_leaves_its_place(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        server.refuses = True
        for _ in range(2 * MOST_TO_A_SERVER):
            assert isinstance(await pool.take(SHOP, LONG_NS, LONG_NS, Recorder()), Failure)
        server.refuses = False
        held = [await take(pool) for _ in range(MOST_TO_A_SERVER)]
        for connection in held:
            pool.close(connection)

    run(main)


def test_a_closed_connection_lets_go_of_its_parser(server: Server) -> None:
    async def main(loop: Loop) -> None:
        pool = pool_of(loop)
        connection = await take(pool)
        connection.responses.begin(is_head_request=False)
        connection.responses.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        pool.close(connection)
        assert connection.responses._parser is None

    run(main)
