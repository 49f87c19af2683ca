"""A subscriber: a user that asks for a stream of events, reads one after the other, and asks again when it ends."""

import socket
import time
import types
from collections.abc import Generator, Sequence
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import PlainTransport, Transport, ask_for_stamps, discard, reset_on_close
from loadlab.kernel.tasks import CancelScope, Task
from loadlab.kernel.tls import TlsTransport
from loadlab.load.connecting import wait_connection
from loadlab.load.entrance import Entrance
from loadlab.load.exchange import PAUSE_AFTER_REFUSAL_NS, PIECES_IN_A_TURN, RECEIVE_BYTES, Exchange
from loadlab.load.failures import REQUEST_FAILURES, Failure, request_failure
from loadlab.load.pacing import Gate
from loadlab.protocols.answers import OpeningRefused, ResponseCutShort
from loadlab.protocols.event_stream import EventStreamReader, KnownPieces
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

_MILLISECOND_NS: Final = 1_000_000
_NONE: Final[list[int]] = []


class Subscriber:
    """One user and its stream. Each event is a sample, timed from the one before; the first from its request.

    A stream is opened when `gate` opens. When the server ends it, or it fails, it is opened again after the time that
    the server has asked for (`retry`), with the id of the last event. Once the gate is closed nothing is recorded; the
    stream is read on until `end`, so that its server is not held up.
    """

    __slots__ = ("_entrance", "_exchange", "_gate", "_known", "_last_event_id", "_loop", "_number", "_opening", "_over",
                 "_overdue", "_recorders", "_since_ns", "_socket", "_task", "_tls", "_transport")  # fmt: skip

    def __init__(
        self,
        loop: Loop,
        exchange: Exchange,
        recorders: Sequence[Recorder],
        gate: Gate,
        entrance: Entrance,
        known: KnownPieces,
        since_ns: list[int],
        number: int,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._recorders = recorders  # by kind of request
        self._gate = gate
        self._entrance = entrance
        self._known = known
        self._since_ns = (
            since_ns  # by subscriber: when the last event came, or the request was sent; 0 without a stream
        )
        self._number = number
        self._tls = TlsTransport(loop, exchange.tls) if exchange.tls is not None else None
        self._transport: Transport = self._tls or PlainTransport(loop)
        self._last_event_id: bytes | None = None
        self._opening: CancelScope | None = None
        self._socket: socket.socket | None = None
        self._task: Task
        self._over = self._overdue = False

    async def run(self) -> None:
        """Read one stream after the other until cancelled."""
        gate = self._gate
        self._task = self._loop.current
        while True:
            await gate.wait()
            moves, self._last_event_id = gate.moves, None
            while gate.moves == moves:
                pause_ns = await self._read_stream()
                self._since_ns[self._number] = 0
                with self._loop.time_scope(pause_ns):
                    await gate.wait_closed()

    def end(self) -> None:
        """End the stream, or the attempt to open one: the gate is closed."""
        self._over = True
        if self._opening is not None:
            self._opening.cancel()
        elif self._socket is not None:
            self._loop.resume_soon(self._task)

    def expire(self, now_ns: int) -> None:
        """End the stream if its next event is overdue. What has come meanwhile is read first, and found to be late."""
        since_ns = self._since_ns[self._number]
        if since_ns and now_ns - since_ns > self._exchange.timeout_ns and self._socket is not None:
            self._overdue = True
            self._loop.resume_soon(self._task)

    async def _read_stream(self) -> int:
        """Open a stream and read it to its end; return for how long to wait then."""
        loop, exchange, gate = self._loop, self._exchange, self._gate
        request, _, _, kind, stamped = exchange.next_turn()
        recorder = self._recorders[kind]
        with CancelScope(loop) as self._opening:
            async with self._entrance:
                self._since_ns[self._number] = time.monotonic_ns()
                self._socket = await wait_connection(loop, exchange, self._tls, recorder)
        self._opening = None
        sock = self._socket
        if sock is None:
            return PAUSE_AFTER_REFUSAL_NS
        reader = EventStreamReader(self._known, self._last_event_id)
        self._over = self._overdue = False
        self._since_ns[self._number] = sent_ns = time.monotonic_ns()
        try:
            await self._send(sock, _with_last_event_id(request, self._last_event_id))
            await self._read_events(sock, reader, kind, stamped)
            recorder.ended += not gate.closed
        except REQUEST_FAILURES as error:
            if not gate.closed:
                self._fail(error, recorder, reader, sent_ns)
        finally:
            if gate.closed:  # by us, so it would be our port that waits for a minute
                reset_on_close(sock)
            elif self._tls is not None:
                self._tls.end_session(sock)
            self._socket = None
            discard(loop, sock)
            reader.close()
        self._last_event_id = reader.last_event_id
        return PAUSE_AFTER_REFUSAL_NS if reader.retry_ms is None else reader.retry_ms * _MILLISECOND_NS

    async def _send(self, sock: socket.socket, request: bytes) -> None:
        try:
            sent_bytes = self._transport.write(sock.fileno(), request)
        except BlockingIOError:
            sent_bytes = 0
        if sent_bytes == len(request):
            return
        with self._loop.time_scope(self._exchange.timeout_ns) as self._opening:
            await self._transport.wait_sent(sock, request[sent_bytes:])
        in_time, self._opening = not self._opening.cancelled, None
        if not in_time:
            raise TimeoutError
        self._loop.parked[sock.fileno()] = True  # it may have taken the event that reported an answer

    @types.coroutine
    def _read_events(
        self, sock: socket.socket, reader: EventStreamReader, kind: int, stamped: bool
    ) -> Generator[None, None, None]:
        """Record one event after the other, until the server or the gate ends the stream."""
        # The hot path: for each event one wake-up, one read, one comparison with what other subscribers have received,
        # one reading of the clock and three appends.
        loop, exchange, recorder, shut = self._loop, self._exchange, self._recorders[kind], self._gate.shut
        task, parked, fd, feed = loop.current, loop.parked, sock.fileno(), reader.feed
        read, clock, unix_clock, timeout_ns = self._transport.read, time.monotonic_ns, time.time_ns, exchange.timeout_ns
        record_prompt, record_dispatch = recorder.prompt.append, recorder.prompt_dispatch.append
        record_gap, record_delay = recorder.gap.append, recorder.delay.append
        since_ns, number, statuses = self._since_ns, self._number, exchange.kinds[kind].statuses
        begins, pieces, arrived_ns, encrypted = True, 0, 0, self._tls is not None
        record_time = recorder.first.append
        if stamped:
            ask_for_stamps(sock)
        while True:
            if parked[fd] is None:
                parked[fd] = task
                yield
            else:  # an edge is reported only once: read what came before this task was parked here
                parked[fd] = None
            if self._over:
                return
            try:
                if stamped:
                    data, arrived_ns = self._transport.receive_stamped(sock, RECEIVE_BYTES)
                else:
                    data = read(fd, RECEIVE_BYTES)
            except BlockingIOError:
                pieces = 0
                if self._overdue:
                    raise TimeoutError from None
                continue
            events = feed(data)
            if shut:
                events = _NONE
            else:
                recorder.received_bytes += len(data)
            if begins and reader.head is not None:
                begins = False
                if reader.head.status not in statuses:
                    raise OpeningRefused(f"status {reader.head.status}", reader.head.status)
                recorder.count_status(reader.head.status, as_expected=False)  # once for all of its events
            if events:
                done_ns = clock()
                service_ns = done_ns - since_ns[number]
                if service_ns > timeout_ns:
                    raise TimeoutError
                since_ns[number] = done_ns
                dispatch_ns = done_ns - loop.batch_ns
                if arrived_ns:
                    recorder.client.append(done_ns - arrived_ns)
                for sent_unix_ns in events:
                    record_prompt(service_ns)
                    record_dispatch(dispatch_ns)
                    record_time(service_ns)
                    record_time = record_gap
                    if sent_unix_ns:
                        record_delay(max(unix_clock() - sent_unix_ns, 0))
                    service_ns = 0  # the others came with it
            if reader.ended or not data:
                if self._overdue:
                    raise TimeoutError
                if not reader.ended and self._transport.cut_short:
                    raise ResponseCutShort("the connection ended without an end of the TLS session")
                reader.feed_end()
                return
            if encrypted or len(data) == RECEIVE_BYTES:  # there may be more, which nothing reports
                parked[fd] = True
                pieces += 1
                if pieces % PIECES_IN_A_TURN == 0:  # a flood must not starve the others
                    loop.resume_soon(task)
                    yield

    def _fail(self, error: Exception, recorder: Recorder, reader: EventStreamReader, sent_ns: int) -> None:
        """Count an event that did not come, or not whole."""
        failure = request_failure(error)
        if failure.outcome is Outcome.TIMEOUT:
            failure = Failure(failure.outcome, "no event in time", failure.errno)
        if failure.status is not None:
            recorder.count_status(failure.status, as_expected=False)
        since_ns = self._since_ns[self._number]
        reused, after_ns = since_ns != sent_ns, time.monotonic_ns() - since_ns
        recorder.fail(failure.outcome, failure.reason, failure.errno, reader.received, after_ns, reused)


def _with_last_event_id(request: bytes, last_event_id: bytes | None) -> bytes:
    """Return the request for a stream that goes on behind that event (HTML standard, 9.2.3)."""
    if not last_event_id:
        return request
    head, end, body = request.partition(b"\r\n\r\n")
    return head + b"\r\nLast-Event-ID: " + last_event_id + end + body
