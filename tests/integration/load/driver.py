"""Runs an active load in this process, and waits for what it brings about."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from loadlab.kernel import Loop
from loadlab.kernel.sockets import Address
from loadlab.load.active import ActiveLoad
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Gate
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

MS = 1_000_000
_DEADLINE_NS = 30_000 * MS


def exchange_with(
    address: Address,
    timeout_ns: int = 10_000 * MS,
    request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    method: str = "GET",
) -> Exchange:
    kinds = [RequestKind([request], method=method)]
    return Exchange(address, None, timeout_ns, kinds, take_turns(kinds, 0, Stamping()))


@asynccontextmanager
async def running_load(loop: Loop, exchanges: Sequence[Exchange]) -> AsyncIterator[Recorder]:
    """Let one user for each exchange send until the block ends."""
    recorder = Recorder()
    load = ActiveLoad(loop, exchanges, [recorder], open_gate(loop))
    await load.open()
    async with loop.task_group() as group:
        group.start(load.run(), "load")
        yield recorder
        recorder.outcomes[Outcome.CUT] += load.in_flight
        group.cancel()


def open_gate(loop: Loop) -> Gate:
    gate = Gate(loop)
    gate.open()
    return gate


async def wait_until(loop: Loop, condition: Callable[[], bool]) -> None:
    """Check every millisecond until it holds; the test fails if it never does."""
    with loop.time_scope(_DEADLINE_NS) as scope:
        while not condition():
            await loop.sleep(MS)
    assert not scope.cancelled, "it did not come about in time"


def served(recorder: Recorder) -> int:
    """How many requests were answered as expected so far."""
    return recorder.waiting
