"""One user of the target: what both models of load are made of.

In the closed model it sends its next request as soon as the last one is answered, or after a pause; in the open model
when the schedule has one for it. `User.run` is the hot path of the load: per request one write, one wake-up,
one read, one comparison with the last response, one reading of the clock and two appends.

What carries the bytes is a `Transport`, and what an answer is, HTTP's or that of a WebSocket, is known to `Answers`.
"""

import socket
import time
import types
from collections.abc import Generator, Sequence
from itertools import pairwise

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import ask_for_stamps
from loadlab.load.answer_check import KEPT_BYTES
from loadlab.load.connection import UserConnection
from loadlab.load.exchange import PAUSE_AFTER_REFUSAL_NS, PIECES_IN_A_TURN, RECEIVE_BYTES, Exchange, is_expected
from loadlab.load.failures import REQUEST_FAILURES, request_failure
from loadlab.load.pacing import Gate, Pacing
from loadlab.protocols.answers import AnswerReader, Answers, ResponseCutShort, ResponseHead
from loadlab.recording.recorder import Recorder


class User(UserConnection):
    """One user and its connection, which is opened again whenever it ends. Without `pacing` it sends at once.

    While `gate` is closed it begins no request and opens no connection. Each request that it begins has one outcome.
    In the closed model a request begins when the user wants to send it, and fails if it cannot connect. In the open
    model users connect ahead, and only those that are connected are given requests; one that has to connect again for a
    request keeps trying until that is overdue. (With a connection for each request it is as in the closed model.)
    """

    __slots__ = ("_connects_ahead", "_gate", "_pacing")

    def __init__(
        self,
        loop: Loop,
        exchange: Exchange,
        recorders: Sequence[Recorder],
        answers: Sequence[Answers],
        gate: Gate,
        pacing: Pacing | None,
        in_flight: list[int],
        kinds: list[int],
        number: int,
    ) -> None:
        super().__init__(loop, exchange, recorders, answers, in_flight, kinds, number)
        self._gate = gate
        self._pacing = pacing
        self._connects_ahead = pacing is not None and pacing.needs_connection and not exchange.per_request

    @types.coroutine
    def run(self) -> Generator[None, None, None]:
        """Send one request after the other until cancelled."""
        # One generator that yields by itself. Resuming a coroutine goes through every coroutine that awaits within it,
        # and awaiting `suspend()` would make another one for each request: together 0.3 us of 2.0 us user time per
        # request at 64 connections, 1.0 us at 1,000.
        # The transport's calls (without TLS os.write and os.read), the parsers of responses and the list of times are
        # shared by all users: with a thousand of them, each object that is a connection's own is a cache miss. That was
        # 0.5 us of 2.9 at 1,000 connections.
        # Asking the gate before each request, and each answer whether it is late, costs 12 ns together. What other
        # protocols need costs plain HTTP 0.12 us of 4.8 at 64 connections, 0.16 of 6.3 at 1,000.
        loop, recorders, next_turn = self._loop, self._recorders, self._exchange.next_turn
        task, parked, in_flight, number, pacing = loop.current, loop.parked, self._in_flight, self._number, self._pacing
        transport, clock, timeout_ns = self._transport, time.monotonic_ns, self._exchange.timeout_ns
        write, read, receive_stamped = transport.write, transport.read, transport.receive_stamped
        speaks_unasked = self._answers[0].speaks_unasked
        has_ended = self._has_ended if speaks_unasked else transport.has_spoken
        gate, shut, kinds, reuses = self._gate, self._gate.shut, self._kinds, not self._exchange.per_request
        answers, wanted = self._answers[0], self._exchange.kinds
        mixes_answers = any(each is not answers for each in self._answers)
        needs_sent = any(each.needs_sent for each in self._answers)
        times_pieces = any(kind.streams for kind in wanted)
        record_prompt = [recorder.prompt.append for recorder in recorders]
        record_dispatch = [recorder.prompt_dispatch.append for recorder in recorders]
        record_late = [recorder.late.extend for recorder in recorders]
        drawn = False  # whether there is a request that was drawn and is still to be sent
        # When the request to be sent was intended, if the pacing said so or it is sent again, and in which window.
        granted_ns = moves = 0
        try:
            while True:
                if not drawn:
                    request, request_bytes, usual_status, kind, stamped = next_turn()
                    kinds[number] = kind
                drawn = True
                if self._socket is None:
                    if shut or (granted_ns and gate.moves != moves):
                        granted_ns = in_flight[number] = 0  # of a window that is over
                        yield from gate.wait()
                    if not granted_ns and pacing is not None and not self._connects_ahead:
                        granted_ns, moves = (yield from pacing.wait_turn(number, clock())), gate.moves
                    wanted_ns = granted_ns or clock()
                    yield from self._connect(recorders[kind], granted_ns, wanted_ns)
                    if self._socket is None:
                        drawn = self._connects_ahead and in_flight[number] == granted_ns
                        granted_ns = in_flight[number]
                        continue
                else:
                    wanted_ns = clock()
                sock = self._socket
                assert sock is not None
                fd, reader = sock.fileno(), self._reader
                if mixes_answers:  # it was opened for a request of any kind
                    self._reader = reader = answers.take_over(reader)
                if granted_ns and gate.moves != moves:
                    granted_ns = in_flight[number] = 0
                sent_ns = clock()
                lateness_ns = sent_ns - (granted_ns or wanted_ns)
                keep_alive, reused = True, False  # whether it was open for a while before the request
                has_stamps = False  # asked for with the first request that needs one: most short connections have none
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
                            if parked[fd] is True and reused and has_ended(sock):
                                break  # and send what was granted on another connection
                            lateness_ns, granted_ns = sent_ns - granted_ns, 0
                        elif shut:
                            in_flight[number] = 0
                            yield from gate.wait()
                            sent_ns, lateness_ns, reused = clock(), 0, True
                            if parked[fd] is True and has_ended(sock):
                                break
                        elif parked[fd] is True and (reused or speaks_unasked) and has_ended(sock):
                            break
                        in_flight[number] = sent_ns
                        if stamped and not has_stamps:
                            ask_for_stamps(sock)
                            has_stamps = True
                        if mixes_answers and self._answers[kind] is not answers:
                            answers = self._answers[kind]
                            self._reader = reader = answers.take_over(reader)
                        if needs_sent:
                            reader.sent = request
                        try:
                            sent_bytes = write(fd, request)
                        except BlockingIOError:
                            sent_bytes = 0
                        if sent_bytes != request_bytes:
                            loop.watch_sending(fd)
                            yield from transport.wait_sent(sock, request[sent_bytes:])
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
                        pieces_ns = None
                        # A frame that is incomplete may have anything in it, also what looks like an answer.
                        if data == answers.message and not (speaks_unasked and reader.begun):
                            head = answers.head
                        elif (complete := reader.feed(data)) is not None:
                            head = complete
                            if speaks_unasked and reader.reply:
                                head = self._send_reply_behind(sock, complete)
                        else:
                            kept = None if wanted[kind].check is None else [data]
                            if times_pieces and wanted[kind].streams:
                                pieces_ns = [clock()] if reader.has_body(data) else []
                            head = yield from self._receive_rest(
                                sock, reader, answers.buffer, len(data), kept, pieces_ns
                            )
                            if kept is not None:
                                data = b"".join(kept)
                            arrived_ns = 0  # of its first piece only
                        # One reading of the clock ends this request and begins the next, which is sent at once.
                        done_ns = clock()
                        service_ns = done_ns - sent_ns
                        if service_ns > timeout_ns:
                            raise TimeoutError
                        if head.status == usual_status or is_expected(
                            head.status, data, wanted[kind], recorders[kind], service_ns, reused
                        ):
                            if lateness_ns:
                                record_late[kind]((lateness_ns, service_ns, done_ns - loop.batch_ns))
                            else:
                                record_prompt[kind](service_ns)
                                record_dispatch[kind](done_ns - loop.batch_ns)
                            if arrived_ns:
                                recorders[kind].client.append(done_ns - arrived_ns)
                            if times_pieces and wanted[kind].streams:
                                _record_pieces(recorders[kind], sent_ns, pieces_ns or [done_ns])
                        keep_alive = reuses and head.keep_alive
                        if keep_alive:
                            request, request_bytes, usual_status, kind, stamped = next_turn()
                            kinds[number] = kind
                        else:
                            drawn = False
                            recorders[kind].surplus += head.surplus
                        sent_ns, lateness_ns, reused = done_ns, 0, True
                    self._take_leave(sock)
                    self._end_connection()
                    # What was granted is under way, though it needs another connection first.
                    in_flight[number], moves = granted_ns, gate.moves
                except REQUEST_FAILURES as error:
                    if reused and not reader.begun and self._retries(error, kind):
                        recorders[kind].retried += 1
                        self._end_connection()
                        moves = gate.moves
                        granted_ns = in_flight[number] = sent_ns - lateness_ns
                    else:
                        yield from self._fail(error, kind, reader.received, sent_ns, reused)
                        drawn = False
        finally:
            if self._socket is not None:
                self._take_leave(self._socket)
            self._end_connection()

    async def _connect(self, recorder: Recorder, granted_ns: int, wanted_ns: int) -> None:
        """Try to open a connection, for the request granted at that time (0: none) or wanted at that other one.

        If it fails, so has the request, unless it was granted to a user that connects ahead, and is not overdue yet:
        then it is still in flight.
        """
        if granted_ns or not self._connects_ahead:
            self._in_flight[self._number] = wanted_ns
        begun_ns = time.monotonic_ns()
        failure = await self.open()
        if failure is None:
            return
        now_ns = time.monotonic_ns()
        recorder.fail_to_connect(failure.outcome, failure.reason, failure.errno, now_ns - begun_ns)
        if not self._connects_ahead or (granted_ns and now_ns - granted_ns > self._exchange.timeout_ns):
            recorder.outcomes[failure.outcome] += 1
            self._in_flight[self._number] = 0
        await self._loop.sleep(PAUSE_AFTER_REFUSAL_NS)

    def _retries(self, error: Exception, kind: int) -> bool:
        """Return whether a request that ended with `error`, without a byte of its answer, is sent again.

        A server may end a connection that it keeps alive at any time, so the request may never have reached it
        (RFC 9112, 9.3.1).
        """
        closed = isinstance(error, ResponseCutShort | ConnectionResetError | BrokenPipeError)
        exchange = self._exchange
        return closed and not self._timed_out and exchange.retry and exchange.kinds[kind].idempotent

    async def _fail(self, error: Exception, kind: int, received: bytes, sent_ns: int, reused: bool) -> None:
        """Count a request that ended with `error`, and its connection with it."""
        if self._socket is not None and self._reader.reply:
            self._send_reply_nowait(self._socket)
        self._end_connection()
        failure = request_failure(TimeoutError() if self._timed_out else error)
        after_ns = time.monotonic_ns() - sent_ns
        if failure.status is not None:
            self._recorders[kind].count_status(failure.status, as_expected=False)
        self._recorders[kind].fail(failure.outcome, failure.reason, failure.errno, received, after_ns, reused)
        # Otherwise a peer that ends each connection at once would keep this user from ever suspending.
        await self._loop.yield_now()

    async def _receive_rest(
        self,
        sock: socket.socket,
        reader: AnswerReader,
        buffer: memoryview,
        received: int,
        kept: list[bytes] | None,
        pieces_ns: list[int] | None,
    ) -> ResponseHead:
        """Receive the rest of a response of which so many bytes came first; add it to what is `kept`, up to a limit.

        When each piece of its body came is added to `pieces_ns`. Raises as `AnswerReader` does.
        """
        transport, pieces, total = self._transport, 0, received
        while received:
            if reader.reply:
                await self._send_reply(sock, reader)
            pieces += 1
            if pieces % PIECES_IN_A_TURN == 0:  # an endless body must not starve the others
                await self._loop.yield_now()
            try:
                piece = transport.receive_piece(sock, buffer)
            except BlockingIOError:
                await self._loop.wait_event(sock.fileno())
                continue
            received = len(piece)
            if kept is not None and total < KEPT_BYTES:
                kept.append(bytes(piece))
                total += received
            if not piece:
                break
            head = reader.feed(piece)
            if pieces_ns is not None and reader.has_body(piece):
                pieces_ns.append(time.monotonic_ns())
            if head is not None:
                return self._send_reply_behind(sock, head) if reader.reply else head
        if self._timed_out:
            raise ResponseCutShort  # `expire` ended it, so the end completes nothing
        if transport.cut_short and reader.begun:
            raise ResponseCutShort("the connection ended without an end of the TLS session: the answer may be cut")
        return reader.feed_end()


def _record_pieces(recorder: Recorder, sent_ns: int, pieces_ns: Sequence[int]) -> None:
    """Record when the body of an answer began, and the time between its pieces, which came then."""
    recorder.first.append(pieces_ns[0] - sent_ns)
    recorder.gap.extend(later - earlier for earlier, later in pairwise(pieces_ns))
