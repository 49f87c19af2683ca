"""The active connections of one process: its users, connected in batches, and their overdue requests ended."""

import time
from collections.abc import Sequence
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.load.entrance import CONNECTING_AT_ONCE
from loadlab.load.exchange import Exchange, answers_of
from loadlab.load.overdue import EXAMINED_AT_ONCE, expire_overdue
from loadlab.load.pacing import Gate, Pacing
from loadlab.load.user import User
from loadlab.recording.recorder import Recorder

# How long a ping waits for its answer at most, on a connection that waits for its next request. Servers that ping wait
# for seconds.
_LISTEN_EVERY_NS: Final = 200_000_000


class ActiveLoad:
    """Users on one loop, one for each of `exchanges`, all with the same kinds of requests and the same pacing.

    Without pacing each sends at once.

    They are silent while `gate` is closed. Their connections stay open.
    """

    def __init__(
        self,
        loop: Loop,
        exchanges: Sequence[Exchange],
        recorders: Sequence[Recorder],
        gate: Gate,
        pacing: Pacing | None = None,
    ) -> None:
        self._loop = loop
        self._gate = gate
        self._timeout_ns = min((exchange.timeout_ns for exchange in exchanges), default=0)
        answers = answers_of(exchanges[0].kinds, exchanges[0].protocol) if exchanges else []
        self._answers = answers
        self._recorders = recorders
        self._listens = any(each.speaks_unasked for each in answers)
        self._in_flight = [0] * len(exchanges)
        self._kinds = [0] * len(exchanges)
        self._users = [
            User(loop, exchange, recorders, answers, gate, pacing, self._in_flight, self._kinds, number)
            for number, exchange in enumerate(exchanges)
        ]

    @property
    def in_flight(self) -> int:
        """How many requests have been begun and not been answered yet."""
        return len(self._in_flight) - self._in_flight.count(0)

    def kinds_in_flight(self) -> list[int]:
        """Return of which kinds these are."""
        return [kind for kind, sent_ns in zip(self._kinds, self._in_flight, strict=True) if sent_ns]

    def kinds_of(self, users: Sequence[int]) -> list[int]:
        """Return of which kinds the requests are that these users have or will send next."""
        return [self._kinds[number] for number in users]

    def ages_ns(self, now_ns: int) -> list[int]:
        """Return how long ago each request in flight was sent."""
        return [now_ns - sent_ns for sent_ns in self._in_flight if sent_ns]

    def count_unasked(self) -> None:
        """Hand what was heard unasked over to the recorders."""
        for recorder, answers in zip(self._recorders, self._answers, strict=False):  # slow senders' comes last
            recorder.unasked += answers.unasked
            recorder.pings += answers.pings
            answers.unasked = answers.pings = 0

    async def open(self) -> None:
        """Open the connections, a backlog's worth at a time. `run` tries those again that fail, and counts them."""
        for first in range(0, len(self._users), CONNECTING_AT_ONCE):
            async with self._loop.task_group() as group:
                for user in self._users[first : first + CONNECTING_AT_ONCE]:
                    group.start(user.open(), "open a connection")

    async def run(self) -> None:
        """Let all users send whenever the gate is open, until cancelled."""
        look_ns = time.monotonic_ns()
        async with self._loop.task_group() as group:
            for user in self._users:
                group.start(user.run(), "user")
            if self._listens:
                group.start(self._listen(), "listen")
            while self._users:
                if self._gate.closed and not self.in_flight:
                    await self._gate.wait()
                await self._loop.sleep_until(look_ns)
                look_ns = await expire_overdue(self._loop, self._users, self._in_flight, self._timeout_ns)

    async def _listen(self) -> None:
        """Listen regularly to what comes unasked on connections without a request under way, until cancelled.

        Between the windows too: a server that pings takes those who are silent for dead.
        """
        while True:
            for first in range(0, len(self._users), EXAMINED_AT_ONCE):
                for user in self._users[first : first + EXAMINED_AT_ONCE]:
                    user.listen()
                await self._loop.yield_now()
            await self._loop.sleep(_LISTEN_EVERY_NS)
