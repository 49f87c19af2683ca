"""The subscribers of one process: their streams open while the gate is, and overdue ones ended."""

import time
from collections.abc import Sequence
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.load.entrance import Entrance
from loadlab.load.exchange import Exchange
from loadlab.load.overdue import expire_overdue
from loadlab.load.pacing import Gate
from loadlab.load.stream import Subscriber
from loadlab.protocols.event_stream import KnownPieces
from loadlab.recording.recorder import Recorder

# When a window is over its streams stay open for as long as the coordinator needs to read what the target used: what it
# costs to end them all is not to be found in that.
_LINGER_NS: Final = 150_000_000


class Subscriptions:
    """Subscribers on one loop, one for each of `exchanges`, all with the same kinds of requests.

    To a worker they are what `ActiveLoad` is. A stream that is open is no request under way: when a window ends it is
    ended, and nothing of it is cut.
    """

    def __init__(self, loop: Loop, exchanges: Sequence[Exchange], recorders: Sequence[Recorder], gate: Gate) -> None:
        self._loop = loop
        self._gate = gate
        self._timeout_ns = min((exchange.timeout_ns for exchange in exchanges), default=0)
        self._since_ns = [0] * len(exchanges)
        entrance, known = Entrance(loop), KnownPieces()
        self._subscribers = [
            Subscriber(loop, exchange, recorders, gate, entrance, known, self._since_ns, number)
            for number, exchange in enumerate(exchanges)
        ]

    @property
    def in_flight(self) -> int:
        """How many subscribers are not silent: their streams are open, or being opened."""
        return len(self._since_ns) - self._since_ns.count(0)

    def kinds_in_flight(self) -> list[int]:
        """Return no kinds: no event is under way."""
        return []

    def kinds_of(self, users: Sequence[int]) -> list[int]:
        """Return no kinds."""
        return []

    def ages_ns(self, now_ns: int) -> list[int]:
        """Return no ages."""
        return []

    def count_unasked(self) -> None:
        """Do nothing: on a stream nothing is unasked."""

    async def open(self) -> None:
        """Do nothing: a stream opens when the gate does."""

    async def run(self) -> None:
        """Let all read their streams whenever the gate is open, until cancelled."""
        async with self._loop.task_group() as group:
            for subscriber in self._subscribers:
                group.start(subscriber.run(), "subscriber")
            while self._subscribers:
                await self._gate.wait()
                while not self._gate.closed:  # it may close during the look as well
                    look_ns = await expire_overdue(self._loop, self._subscribers, self._since_ns, self._timeout_ns)
                    with self._loop.time_scope(look_ns - time.monotonic_ns()):
                        await self._gate.wait_closed()
                await self._loop.sleep(_LINGER_NS)
                for subscriber in self._subscribers:
                    subscriber.end()
