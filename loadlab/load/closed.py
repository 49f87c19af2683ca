"""The closed loop: each user sends its next request as soon as the answer to the last one is there.

`ClosedUser.run` is the hot path of the load: per request one write, one wake-up, one read, one
comparison with the last response, one reading of the clock and two appends.
"""

import errno
import os
import socket
import time
import types
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address, discard, wait_connected, wait_sent
from loadlab.kernel.tasks import Cancelled
from loadlab.load.failures import REQUEST_FAILURES, outcome_of, outcome_of_connecting
from loadlab.load.turns import NextTurn
from loadlab.protocols.http1 import KnownResponses, ResponseCutShort, ResponseHead, ResponseReader
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

_RECEIVE_BYTES: Final = 16 * 1024
_PIECES_BEFORE_YIELDING: Final = 16
# After a connection could not be made: not at once again, or a server that is down would keep the client busy.
_PAUSE_AFTER_REFUSAL_NS: Final = 50_000_000
# Connections opened at once: within the smallest listen backlog in common use (Python's and Go's default is 128).
_OPENING_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a user does: send its next turn to `address`, and expect the answer within `timeout_ns`."""

    address: Address
    source: str | None
    method: str
    timeout_ns: int
    next_turn: NextTurn


class ClosedUser:
    """One user and its connection, which is opened anew whenever it ends."""

    __slots__ = ("_exchange", "_in_flight", "_known", "_loop", "_number", "_recorders", "_socket", "_timed_out")

    def __init__(
        self,
        loop: Loop,
        exchange: Exchange,
        recorders: Sequence[Recorder],
        known: KnownResponses,
        in_flight: list[int],
        number: int,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._recorders = recorders  # by kind of request
        self._known = known
        self._in_flight = in_flight  # by user: when the request in flight was sent, 0 if there is none
        self._number = number
        self._socket: socket.socket | None = None
        self._timed_out = False

    async def open(self) -> Outcome:
        """Connect; return OK or why not."""
        exchange = self._exchange
        with self._loop.time_scope(exchange.timeout_ns) as scope:
            try:
                self._socket = await wait_connected(self._loop, exchange.address, exchange.source)
            except OSError as error:
                return outcome_of_connecting(error)
        return Outcome.CONNECT_TIMEOUT if scope.cancelled else Outcome.OK

    @types.coroutine
    def run(self) -> Generator[None, None, None]:
        """Send one request after the other until cancelled."""
        # One generator that yields by itself. Resuming a coroutine goes through every coroutine that awaits within it,
        # and awaiting `suspend()` would make another one for each request: together 0.3 us of 2.0 us user time per
        # request at 64 connections, 1.0 us at 1,000.
        # os.write and os.read, the known responses and the list of times are shared by all users: with a thousand of
        # them, each object that is a connection's own is a cache miss. That was 0.5 us of 2.9 at 1,000 connections.
        loop, recorders, known, next_turn = self._loop, self._recorders, self._known, self._exchange.next_turn
        task, parked, in_flight, number = loop.current, loop.parked, self._in_flight, self._number
        write, read, clock = os.write, os.read, time.monotonic_ns
        record_prompt = [recorder.prompt.append for recorder in recorders]
        record_dispatch = [recorder.dispatch.append for recorder in recorders]
        try:
            while True:
                request, request_bytes, expected_status, kind = next_turn()
                sock, intended_ns = yield from self._connection(recorders[kind])
                fd, reader = sock.fileno(), ResponseReader(known)
                # Look once at what came before anyone was parked here: an edge is told only once.
                loop.resume_soon(task)
                sent_ns = clock()
                lateness_ns = sent_ns - intended_ns
                keep_alive = True
                try:
                    while keep_alive:
                        in_flight[number] = sent_ns
                        try:
                            sent_bytes = write(fd, request)
                        except BlockingIOError:
                            sent_bytes = 0
                        if sent_bytes != request_bytes:
                            yield from wait_sent(loop, sock, request[sent_bytes:])
                            loop.resume_soon(task)  # it may have taken the event that told of the answer
                        while True:
                            parked[fd] = task
                            yield
                            try:
                                data = read(fd, _RECEIVE_BYTES)
                                break
                            except BlockingIOError:
                                continue
                        if data == known.message:
                            head = known.head
                        else:
                            head = reader.feed(data) or (yield from self._receive_rest(sock, reader, data))
                        # One reading of the clock ends this request and begins the next, which is sent at once.
                        done_ns = clock()
                        if head.status == expected_status:
                            if lateness_ns:
                                recorders[kind].late.append((lateness_ns, done_ns - sent_ns))
                            else:
                                record_prompt[kind](done_ns - sent_ns)
                            record_dispatch[kind](done_ns - loop.batch_ns)
                        else:
                            recorders[kind].outcomes[Outcome.STATUS] += 1
                        keep_alive = head.keep_alive
                        if keep_alive:
                            request, request_bytes, expected_status, kind = next_turn()
                        sent_ns, lateness_ns = done_ns, 0
                    self._end_connection()
                except REQUEST_FAILURES as error:
                    yield from self._fail(error, recorders[kind])
        except Cancelled:
            if in_flight[number]:
                recorders[kind].outcomes[Outcome.CUT] += 1
            raise
        finally:
            self._end_connection()

    def expire(self, now_ns: int) -> None:
        """End the connection if its request is overdue.

        No exception is thrown into the user: it learns of the end from its socket, like of any other.
        """
        sent_ns = self._in_flight[self._number]
        if sent_ns and now_ns - sent_ns > self._exchange.timeout_ns and self._socket is not None:
            self._timed_out = True
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                if error.errno != errno.ENOTCONN:  # it has ended by itself meanwhile
                    raise

    async def _connection(self, recorder: Recorder) -> tuple[socket.socket, int]:
        """Return an open connection, and when the user began to want it."""
        while True:
            intended_ns = time.monotonic_ns()
            outcome = Outcome.OK if self._socket is not None else await self.open()
            if self._socket is not None:
                self._timed_out = False
                return self._socket, intended_ns
            recorder.outcomes[outcome] += 1
            await self._loop.sleep(_PAUSE_AFTER_REFUSAL_NS)

    async def _fail(self, error: Exception, recorder: Recorder) -> None:
        """Count a request that ended with `error`, and its connection with it."""
        self._end_connection()
        recorder.outcomes[Outcome.TIMEOUT if self._timed_out else outcome_of(error)] += 1
        # A peer that ends each connection at once would otherwise keep this user from ever suspending.
        await self._loop.yield_now()

    def _end_connection(self) -> None:
        self._in_flight[self._number] = 0
        if self._socket is not None:
            discard(self._loop, self._socket)
            self._socket = None

    async def _receive_rest(self, sock: socket.socket, reader: ResponseReader, data: bytes) -> ResponseHead:
        """Receive the rest of a response that did not come whole. Raises as `ResponseReader` does."""
        pieces = 0
        while data:
            pieces += 1
            if pieces % _PIECES_BEFORE_YIELDING == 0:  # an endless body must not starve the others
                await self._loop.yield_now()
            try:
                data = sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                await self._loop.wait_event(sock.fileno())
                continue
            if data and (head := reader.feed(data)) is not None:
                return head
        if self._timed_out:
            raise ResponseCutShort  # the end is our own doing and completes nothing
        return reader.feed_end()


class ClosedLoad:
    """`connections` users on one loop."""

    def __init__(self, loop: Loop, exchanges: Sequence[Exchange], recorders: Sequence[Recorder]) -> None:
        self._loop = loop
        self._timeout_ns = max((exchange.timeout_ns for exchange in exchanges), default=0)
        known = {exchange.method: KnownResponses(exchange.method) for exchange in exchanges}
        in_flight = [0] * len(exchanges)
        self._users = [
            ClosedUser(loop, exchange, recorders, known[exchange.method], in_flight, number)
            for number, exchange in enumerate(exchanges)
        ]

    async def open(self) -> None:
        """Open the connections, a backlog's worth at a time. What fails is tried again, and counted, by `run`."""
        for first in range(0, len(self._users), _OPENING_AT_ONCE):
            async with self._loop.task_group() as group:
                for user in self._users[first : first + _OPENING_AT_ONCE]:
                    group.start(user.open(), "open a connection")

    async def run(self) -> None:
        """Let all users send until cancelled."""
        async with self._loop.task_group() as group:
            for user in self._users:
                group.start(user.run(), "closed-loop user")
            while True:
                await self._loop.sleep(min(max(self._timeout_ns // 20, 1_000_000), 100_000_000))
                now_ns = time.monotonic_ns()
                for user in self._users:
                    user.expire(now_ns)
