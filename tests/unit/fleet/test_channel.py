"""A worker's channel never blocks: what the pipe does not take waits, and is written in order when there is room."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from loadlab.fleet.channel import Channel
from loadlab.fleet.messages import CountAlive, LineBuffer, Message, OpenedSoFar, decode_message, encode_message
from loadlab.kernel import Loop, run

pytestmark = pytest.mark.timeout(20)

# Together more than a pipe holds (64 KiB).
MANY = [OpenedSoFar(number) for number in range(5_000)]


@dataclass(slots=True)
class Pipes:
    """Both ends of a worker's pipes; those of the coordinator can be closed."""

    commands: int
    send_command: int
    receive_message: int
    messages: int

    def close_coordinator(self) -> None:
        os.close(self.send_command)
        os.close(self.receive_message)
        self.send_command = self.receive_message = -1


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes(*os.pipe(), *os.pipe())
    yield made
    for fd in (made.commands, made.send_command, made.receive_message, made.messages):
        if fd >= 0:
            os.close(fd)


def read_messages(fd: int, lines: LineBuffer) -> list[Message]:
    """Return what one read gives."""
    return [decode_message(line) for line in lines.feed(os.read(fd, 65_536))]


def test_messages_beyond_what_the_pipe_holds_wait_and_come_in_order(pipes: Pipes) -> None:
    received: list[Message] = []

    async def main(loop: Loop) -> None:
        channel = Channel(loop, pipes.commands, pipes.messages)
        for message in MANY:
            channel.send(message)  # nobody reads yet: if this blocked, the test would time out
        async with loop.task_group() as group:
            draining = group.start(channel.drain(), "drain")
            for _ in range(3):
                await loop.yield_now()
            assert not draining.done
            lines = LineBuffer()
            while len(received) < len(MANY):
                received.extend(read_messages(pipes.receive_message, lines))
                await loop.yield_now()

    run(main)
    assert received == MANY


def test_a_message_that_fits_is_written_at_once(pipes: Pipes) -> None:
    async def main(loop: Loop) -> None:
        channel = Channel(loop, pipes.commands, pipes.messages)
        channel.send(OpenedSoFar(7))
        await channel.drain()

    run(main)
    assert read_messages(pipes.receive_message, LineBuffer()) == [OpenedSoFar(7)]


@pytest.mark.parametrize("backlog", [False, True])
def test_a_coordinator_that_has_gone_ends_the_worker_quietly(pipes: Pipes, backlog: bool) -> None:
    async def main(loop: Loop) -> Message | None:
        channel = Channel(loop, pipes.commands, pipes.messages)
        for message in MANY if backlog else []:
            channel.send(message)
        pipes.close_coordinator()
        channel.send(OpenedSoFar(1))
        await channel.drain()
        channel.send(OpenedSoFar(2))
        await channel.drain()
        return await channel.receive()

    assert run(main) is None


def test_commands_are_received_whatever_waits_to_be_written(pipes: Pipes) -> None:
    async def main(loop: Loop) -> Message | None:
        channel = Channel(loop, pipes.commands, pipes.messages)
        for message in MANY:
            channel.send(message)
        os.write(pipes.send_command, encode_message(CountAlive()))
        return await channel.receive()

    assert run(main) == CountAlive()
