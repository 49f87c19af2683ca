"""Waiting socket calls over socket pairs: all is sent, all is received, and nothing is left registered."""

import os
import socket

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import discard, wait_received, wait_sent

pytestmark = pytest.mark.timeout(20)


def test_more_than_the_buffers_hold_arrives_whole() -> None:
    data = bytes(range(256)) * 8_000

    async def main(loop: Loop) -> bytes:
        near, far = socket.socketpair()
        received: list[bytes] = []

        async def receive_all() -> None:
            while piece := await wait_received(loop, far, 10_000):
                received.append(piece)

        for sock in (near, far):
            sock.setblocking(False)
            loop.register(sock.fileno())
        async with loop.task_group() as group:
            group.start(receive_all(), "receive")
            await wait_sent(loop, near, data)
            discard(loop, near)
        discard(loop, far)
        return b"".join(received)

    assert run(main) == data


def test_the_end_of_the_stream_is_an_empty_piece() -> None:
    async def main(loop: Loop) -> list[bytes]:
        near, far = socket.socketpair()
        near.setblocking(False)
        loop.register(near.fileno())
        far.send(b"last")
        far.close()
        pieces = [await wait_received(loop, near, 100), await wait_received(loop, near, 100)]
        discard(loop, near)
        return pieces

    assert run(main) == [b"last", b""]


def test_no_more_is_received_than_asked_for() -> None:
    async def main(loop: Loop) -> bytes:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            loop.register(near.fileno())
            far.send(b"0123456789")
            return await wait_received(loop, near, 4)

    assert run(main) == b"0123"


def test_sending_to_a_peer_that_is_gone_raises_as_send_does() -> None:
    async def main(loop: Loop) -> None:
        near, far = socket.socketpair()
        far.close()
        with near:
            near.setblocking(False)
            loop.register(near.fileno())
            await wait_sent(loop, near, b"x")

    with pytest.raises(BrokenPipeError):
        run(main)


def test_discard_closes_and_leaves_the_number_free_for_the_next() -> None:
    async def main(loop: Loop) -> None:
        near, far = socket.socketpair()
        with far:
            fd = near.fileno()
            loop.register(fd)
            discard(loop, near)
            assert near.fileno() == -1
            os.dup2(far.fileno(), fd)
            loop.register(fd)  # epoll refuses what is registered already
            loop.unregister(fd)
            os.close(fd)

    run(main)
