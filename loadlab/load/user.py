"""One user of the target and its connection: what both models of load are made of.

In the closed model it sends its next request as soon as the last one is answered, or after a pause; in the open model
when the schedule has one for it. `User.run` is the hot path of the load: per request one write, one wake-up,
one read, one comparison with the last response, one reading of the clock and two appends.
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
from loadlab.kernel.sockets import (
    Address,
    ask_for_stamps,
    connect_nowait,
    discard,
    has_spoken,
    receive_stamped,
    wait_established,
    wait_sent,
)
from loadlab.load.pacing import Gate, Pacing
from loadlab.load.requests import NextTurn
from loadlab.protocols.http1 import (
    MalformedResponse,
    ResponseCutShort,
    ResponseHead,
    ResponseParsers,
    ResponseReader,
    ResponseTooLarge,
)
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

RECEIVE_BYTES: Final = 16 * 1024
PAUSE_AFTER_REFUSAL_NS: Final = 50_000_000
"""Before trying again to connect: otherwise a server that is down would keep the client busy."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_PIECES_BEFORE_YIELDING: Final = 16

REQUEST_FAILURES: Final = (OSError, ResponseCutShort, MalformedResponse, ResponseTooLarge)
"""What an exchange may raise that is a result, not a bug."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a user does: send its next turn to `address`, and expect the answer within `timeout_ns`.

    An answer's time is when it is read, for its outcome as for its latency. One that is read after `timeout_ns` is a
    TIMEOUT and ends its connection, even if it had waited in the kernel while this process was held up: a user of this
    program has not seen it in time, and no service time may exceed the timeout. So each request has one outcome.
    (Whether the client was held up is the verdict's affair.)
    """

    address: Address
    source: str | None
    method: str
    timeout_ns: int
    next_turn: NextTurn
    retry: bool = True

    @property
    def retries(self) -> bool:
        """Whether a request may be sent again: not if it might take effect twice (RFC 9110, 9.2.2)."""
        return self.retry and self.method in _IDEMPOTENT


class User:
    """One user and its connection, which is opened again whenever it ends. Without `pacing` it sends at once.

    While `gate` is closed it begins no request and opens no connection.
    """

    __slots__ = ("_exchange", "_gate", "_in_flight", "_loop", "_number", "_pacing", "_parsers", "_recorders", "_socket",
                 "_timed_out")  # fmt: skip

    def __init__(
        self,
        loop: Loop,
        exchange: Exchange,
        recorders: Sequence[Recorder],
        parsers: ResponseParsers,
        gate: Gate,
        pacing: Pacing | None,
        in_flight: list[int],
        number: int,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._recorders = recorders  # by kind of request
        self._parsers = parsers
        self._gate = gate
        self._pacing = pacing
        self._in_flight = in_flight  # by user: when the request in flight was sent, 0 if there is none
        self._number = number
        self._socket: socket.socket | None = None
        self._timed_out = False

    async def open(self) -> Outcome:
        """Connect; return OK or why not."""
        exchange, loop = self._exchange, self._loop
        try:
            sock, established = connect_nowait(loop, exchange.address, exchange.source)
            if not established:
                with loop.time_scope(exchange.timeout_ns) as scope:
                    await wait_established(loop, sock, exchange.address)
                if scope.cancelled:
                    return Outcome.CONNECT_TIMEOUT
            ask_for_stamps(sock)
        except OSError as error:
            return outcome_of_connecting(error)
        self._socket = sock
        return Outcome.OK

    @types.coroutine
    def run(self) -> Generator[None, None, None]:
        """Send one request after the other until cancelled."""
        # One generator that yields by itself. Resuming a coroutine goes through every coroutine that awaits within it,
        # and awaiting `suspend()` would make another one for each request: together 0.3 us of 2.0 us user time per
        # request at 64 connections, 1.0 us at 1,000.
        # os.write and os.read, the parsers of responses and the list of times are shared by all users: with a thousand
        # of them, each object that is a connection's own is a cache miss. That was 0.5 us of 2.9 at 1,000 connections.
        # Asking the gate before each request, and each answer whether it is late, costs 12 ns together.
        loop, recorders, parsers, next_turn = self._loop, self._recorders, self._parsers, self._exchange.next_turn
        task, parked, in_flight, number, pacing = loop.current, loop.parked, self._in_flight, self._number, self._pacing
        write, read, clock, timeout_ns = os.write, os.read, time.monotonic_ns, self._exchange.timeout_ns
        gate, shut = self._gate, self._gate.shut
        record_prompt = [recorder.prompt.append for recorder in recorders]
        record_dispatch = [recorder.prompt_dispatch.append for recorder in recorders]
        record_late = [recorder.late.extend for recorder in recorders]
        unsent = False  # whether the request that was drawn is still to be sent
        # When the request to be sent was intended, if the pacing said so or it is sent again, and in which window.
        granted_ns = moves = 0
        try:
            while True:
                if not unsent:
                    request, request_bytes, expected_status, kind, stamped = next_turn()
                unsent = False
                sock, wanted_ns = yield from self._connection(recorders[kind])
                if granted_ns and gate.moves != moves:
                    granted_ns = in_flight[number] = 0  # of a window that is over
                fd, reader = sock.fileno(), ResponseReader(parsers)
                sent_ns = clock()
                lateness_ns = sent_ns - (granted_ns or wanted_ns)
                keep_alive, reused = True, False  # whether it was open for a while before the request
                if pacing is None:
                    granted_ns = 0
                try:
                    while keep_alive:
                        if pacing is not None:
                            granted_ns = granted_ns or pacing.take_due(sent_ns)
                            if not granted_ns:
                                in_flight[number] = 0
                                granted_ns = yield from pacing.wait_turn(number, sent_ns)
                                sent_ns, reused = clock(), True
                            if parked[fd] is True and reused and has_spoken(loop, sock):
                                unsent = True
                                break  # and send what was granted on another connection
                            lateness_ns, granted_ns = sent_ns - granted_ns, 0
                        elif shut:
                            in_flight[number] = 0
                            yield from gate.wait()
                            sent_ns, lateness_ns, reused = clock(), 0, True
                            if parked[fd] is True and has_spoken(loop, sock):
                                unsent = True
                                break
                        elif parked[fd] is True and reused and has_spoken(loop, sock):
                            unsent = True
                            break
                        in_flight[number] = sent_ns
                        try:
                            sent_bytes = write(fd, request)
                        except BlockingIOError:
                            sent_bytes = 0
                        if sent_bytes != request_bytes:
                            loop.watch_sending(fd)
                            yield from wait_sent(loop, sock, request[sent_bytes:])
                            parked[fd] = True  # it may have taken the event that reported the answer
                        arrived_ns = 0
                        while True:
                            if parked[fd] is None:
                                parked[fd] = task
                                yield
                            else:  # an edge is reported only once: read what came before this task was parked here
                                parked[fd] = None
                            try:
                                if stamped:
                                    data, arrived_ns = receive_stamped(sock, RECEIVE_BYTES)
                                else:
                                    data = read(fd, RECEIVE_BYTES)
                                break
                            except BlockingIOError:
                                continue
                        if data == parsers.message:
                            head = parsers.head
                        elif (complete := reader.feed(data)) is not None:
                            head = complete
                        else:
                            head = yield from self._receive_rest(sock, reader, data)
                            arrived_ns = 0  # of its first piece only
                        # One reading of the clock ends this request and begins the next, which is sent at once.
                        done_ns = clock()
                        service_ns = done_ns - sent_ns
                        if service_ns > timeout_ns:
                            raise TimeoutError
                        if head.status == expected_status:
                            if lateness_ns:
                                record_late[kind]((lateness_ns, service_ns, done_ns - loop.batch_ns))
                            else:
                                record_prompt[kind](service_ns)
                                record_dispatch[kind](done_ns - loop.batch_ns)
                            if arrived_ns:
                                recorders[kind].client.append(done_ns - arrived_ns)
                        else:
                            recorders[kind].count_status(head.status)
                        keep_alive = head.keep_alive
                        if keep_alive:
                            request, request_bytes, expected_status, kind, stamped = next_turn()
                        sent_ns, lateness_ns, reused = done_ns, 0, True
                    self._end_connection()
                    # What was granted is under way, though it needs another connection first.
                    in_flight[number], moves = granted_ns, gate.moves
                except REQUEST_FAILURES as error:
                    if reused and not reader.begun and self._retries(error):
                        recorders[kind].outcomes[Outcome.RETRIED] += 1
                        self._end_connection()
                        unsent, moves = True, gate.moves
                        granted_ns = in_flight[number] = sent_ns - lateness_ns
                    else:
                        yield from self._fail(error, recorders[kind])
        finally:
            self._end_connection()

    def expire(self, now_ns: int) -> None:
        """End the connection if its request is overdue.

        No exception is thrown into the user: it learns of the end from its socket, like of any other. If the answer has
        come meanwhile, that is read first, and found to be late.
        """
        sent_ns = self._in_flight[self._number]
        if sent_ns and now_ns - sent_ns > self._exchange.timeout_ns and self._socket is not None:
            self._timed_out = True
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                if error.errno != errno.ENOTCONN:  # it has ended meanwhile
                    raise

    async def _connection(self, recorder: Recorder) -> tuple[socket.socket, int]:
        """Return an open connection, and when the user first needed it."""
        while True:
            if self._socket is None and self._gate.closed:
                self._in_flight[self._number] = 0
                await self._gate.wait()
            intended_ns = time.monotonic_ns()
            outcome = Outcome.OK if self._socket is not None else await self.open()
            if self._socket is not None:
                self._timed_out = False
                return self._socket, intended_ns
            recorder.outcomes[outcome] += 1
            await self._loop.sleep(PAUSE_AFTER_REFUSAL_NS)

    def _retries(self, error: Exception) -> bool:
        """Return whether a request that ended with `error`, without a byte of its answer, is sent again.

        A server may end a connection that it keeps alive at any time, so the request may never have reached it
        (RFC 9112, 9.3.1).
        """
        closed = isinstance(error, ResponseCutShort | ConnectionResetError | BrokenPipeError)
        return closed and not self._timed_out and self._exchange.retries

    async def _fail(self, error: Exception, recorder: Recorder) -> None:
        """Count a request that ended with `error`, and its connection with it."""
        self._end_connection()
        recorder.outcomes[Outcome.TIMEOUT if self._timed_out else outcome_of(error)] += 1
        # Otherwise a peer that ends each connection at once would keep this user from ever suspending.
        await self._loop.yield_now()

    def _end_connection(self) -> None:
        self._in_flight[self._number] = 0
        if self._socket is not None:
            discard(self._loop, self._socket)
            self._socket = None

    async def _receive_rest(self, sock: socket.socket, reader: ResponseReader, data: bytes) -> ResponseHead:
        """Receive the rest of a response that did not come whole. Raises as `ResponseReader` does."""
        buffer, received, pieces = self._parsers.buffer, len(data), 0
        while received:
            pieces += 1
            if pieces % _PIECES_BEFORE_YIELDING == 0:  # an endless body must not starve the others
                await self._loop.yield_now()
            try:
                received = sock.recv_into(buffer)
            except BlockingIOError:
                await self._loop.wait_event(sock.fileno())
                continue
            if received and (head := reader.feed(buffer[:received])) is not None:
                return head
        if self._timed_out:
            raise ResponseCutShort  # `expire` ended it, so the end completes nothing
        return reader.feed_end()


def outcome_of_connecting(error: OSError) -> Outcome:
    """Return why a connection could not be made. Raises `error` again where it means a bug."""
    return Outcome.CONNECT_TIMEOUT if isinstance(error, TimeoutError) else outcome_of(error)


def outcome_of(error: Exception) -> Outcome:
    """Return how a request ended that was ended by `error`. Errors that mean a bug are raised again."""
    for kind, outcome in _OUTCOME_BY_ERROR.items():
        if isinstance(error, kind):
            return outcome
    if isinstance(error, OSError) and error.errno in _OUTCOME_BY_ERRNO:
        return _OUTCOME_BY_ERRNO[error.errno]
    raise error


_OUTCOME_BY_ERROR: Final[dict[type[Exception], Outcome]] = {
    TimeoutError: Outcome.TIMEOUT,  # also the kernel's, which gives up on a peer that acknowledges nothing
    MalformedResponse: Outcome.MALFORMED,
    ResponseTooLarge: Outcome.TOO_LARGE,
    ResponseCutShort: Outcome.CLOSED_EARLY,
}
_OUTCOME_BY_ERRNO: Final[dict[int, Outcome]] = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.EMFILE: Outcome.NO_FILE_DESCRIPTOR,
    errno.ENFILE: Outcome.NO_FILE_DESCRIPTOR,
    errno.EADDRNOTAVAIL: Outcome.NO_LOCAL_PORT,
    errno.EADDRINUSE: Outcome.NO_LOCAL_PORT,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EHOSTDOWN: Outcome.UNREACHABLE,
    errno.ENETDOWN: Outcome.UNREACHABLE,
    errno.EPERM: Outcome.UNREACHABLE,  # a firewall on this host
    errno.EACCES: Outcome.UNREACHABLE,
    errno.ENOBUFS: Outcome.NO_MEMORY,
    errno.ENOMEM: Outcome.NO_MEMORY,
}
