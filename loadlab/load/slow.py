"""Slow senders: active connections that send their request a byte at a time.

They distinguish a server that reads what is there from one that waits for a whole request.
"""

import socket
import time
from collections.abc import Sequence

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import PlainTransport, Transport, discard, wait_read
from loadlab.kernel.tls import TlsTransport
from loadlab.load.answer_check import KEPT_BYTES
from loadlab.load.connecting import wait_connection
from loadlab.load.exchange import PAUSE_AFTER_REFUSAL_NS, RECEIVE_BYTES, Exchange, is_expected, parsers_of
from loadlab.load.failures import REQUEST_FAILURES, Failure, request_failure
from loadlab.load.pacing import Gate
from loadlab.load.requests import Turn
from loadlab.protocols.answers import ResponseHead
from loadlab.protocols.http1 import ResponseReader
from loadlab.recording.recorder import Recorder


class SlowSender:
    """A user that sends a byte every `pace_ns`. Its times count from its last byte: before, the server owes nothing.

    While `gate` is closed it begins no request and opens no connection. `kind_in_flight` is that of the request from
    its wish to connect, or its first byte, to the end of its answer, otherwise None. Requests are not sent again.
    """

    def __init__(self, loop: Loop, exchange: Exchange, pace_ns: int, recorders: Sequence[Recorder], gate: Gate) -> None:
        self._loop = loop
        self._exchange = exchange
        self._pace_ns = pace_ns
        self._recorders = recorders  # by kind of request
        self._gate = gate
        self._parsers = parsers_of(exchange.kinds)
        self._tls = TlsTransport(loop, exchange.tls) if exchange.tls is not None else None
        self._transport: Transport = self._tls or PlainTransport(loop)
        self.kind_in_flight: int | None = None

    async def run(self) -> None:
        """Send one request after the other, on one connection after the other, until cancelled."""
        while True:
            await self._gate.wait()
            turn = self._exchange.next_turn()
            self.kind_in_flight = turn[3]
            sock = await wait_connection(self._loop, self._exchange, self._tls, self._recorders[turn[3]])
            if sock is None:
                self.kind_in_flight = None
                await self._loop.sleep(PAUSE_AFTER_REFUSAL_NS)
                continue
            try:
                await self._use(sock, turn)
            finally:
                discard(self._loop, sock)

    async def _use(self, sock: socket.socket, turn: Turn) -> None:
        """Send requests, the first of them `turn`, until the connection cannot be used any more."""
        reused = False
        while True:
            if self._gate.closed:
                self.kind_in_flight = None
                await self._gate.wait()
                if self._transport.has_spoken(sock):
                    return
            kind = self.kind_in_flight = turn[3]
            reader = ResponseReader(self._parsers[kind])
            begun_ns = time.monotonic_ns()
            try:
                head = await self._exchange_one(sock, turn, reader, reused)
            except REQUEST_FAILURES as error:
                self._fail(request_failure(error), kind, reader.received, begun_ns, reused)
                self.kind_in_flight = None
                await self._loop.yield_now()
                return
            finally:
                self.kind_in_flight = None
            if not head.keep_alive or self._exchange.per_request:
                return
            turn, reused = self._exchange.next_turn(), True

    def _fail(self, failure: Failure, kind: int, received: bytes, begun_ns: int, reused: bool) -> None:
        after_ns = time.monotonic_ns() - begun_ns
        self._recorders[kind].fail(failure.outcome, failure.reason, failure.errno, received, after_ns, reused)

    async def _exchange_one(
        self, sock: socket.socket, turn: Turn, reader: ResponseReader, reused: bool
    ) -> ResponseHead:
        """Send one request, slowly; return what its answer says, which has been recorded."""
        loop, timeout_ns = self._loop, self._exchange.timeout_ns
        request, request_bytes, usual_status, kind, _stamped = turn
        recorder = self._recorders[kind]
        for position in range(request_bytes):
            if position:
                await loop.sleep(self._pace_ns)
            await self._transport.wait_sent(sock, request[position : position + 1])
        sent_ns = time.monotonic_ns()
        with loop.time_scope(timeout_ns) as waiting:
            head, answer = await self._receive(sock, reader)
        done_ns = time.monotonic_ns()
        if waiting.cancelled or done_ns - sent_ns > timeout_ns:
            raise TimeoutError
        wanted, service_ns = self._exchange.kinds[kind], done_ns - sent_ns
        if head.status == usual_status or is_expected(head.status, answer, wanted, recorder, service_ns, reused):
            recorder.prompt.append(service_ns)
            recorder.prompt_dispatch.append(done_ns - loop.batch_ns)
        return head

    async def _receive(self, sock: socket.socket, reader: ResponseReader) -> tuple[ResponseHead, bytes]:
        """Return what an answer says, and its beginning."""
        answer = b""
        while data := await wait_read(self._loop, self._transport, sock, RECEIVE_BYTES):
            if len(answer) < KEPT_BYTES:
                answer += data
            if (head := reader.feed(data)) is not None:
                return head, answer
        return reader.feed_end(), answer
