"""Slow senders: active connections that send their request a byte at a time.

They distinguish a server that reads what is there from one that waits for a whole request.
"""

import socket
import time
from collections.abc import Sequence

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import discard, has_spoken, wait_connected, wait_received, wait_sent
from loadlab.load.pacing import Gate
from loadlab.load.requests import Turn
from loadlab.load.user import (
    PAUSE_AFTER_REFUSAL_NS,
    RECEIVE_BYTES,
    REQUEST_FAILURES,
    Exchange,
    outcome_of,
    outcome_of_connecting,
)
from loadlab.protocols.http1 import ResponseHead, ResponseParsers, ResponseReader
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder


class SlowSender:
    """A user that sends a byte every `pace_ns`. Its times count from its last byte: before, the server owes nothing.

    While `gate` is closed it begins no request and opens no connection. `in_flight` is 1 from a request's first byte
    to the end of its answer, otherwise 0.
    """

    def __init__(self, loop: Loop, exchange: Exchange, pace_ns: int, recorders: Sequence[Recorder], gate: Gate) -> None:
        self._loop = loop
        self._exchange = exchange
        self._pace_ns = pace_ns
        self._recorders = recorders  # by kind of request
        self._gate = gate
        self._parsers = ResponseParsers(exchange.method)
        self.in_flight = 0

    async def run(self) -> None:
        """Send one request after the other, on one connection after the other, until cancelled."""
        while True:
            await self._gate.wait()
            turn = self._exchange.next_turn()
            outcome, sock = await self._connect()
            if sock is None:
                self._recorders[turn[3]].outcomes[outcome] += 1
                await self._loop.sleep(PAUSE_AFTER_REFUSAL_NS)
                continue
            try:
                await self._use(sock, turn)
            finally:
                discard(self._loop, sock)

    async def _connect(self) -> tuple[Outcome, socket.socket | None]:
        """Return OK and a connection, or why there is none."""
        exchange = self._exchange
        with self._loop.time_scope(exchange.timeout_ns):
            try:
                return Outcome.OK, await wait_connected(self._loop, exchange.address, exchange.source)
            except OSError as error:
                return outcome_of_connecting(error), None
        return Outcome.CONNECT_TIMEOUT, None

    async def _use(self, sock: socket.socket, turn: Turn) -> None:
        """Send requests, the first of them `turn`, until the connection cannot be used any more."""
        while True:
            if self._gate.closed:
                await self._gate.wait()
                if has_spoken(self._loop, sock):
                    return
            self.in_flight = 1
            try:
                if not await self._exchange_one(sock, turn):
                    return
            except REQUEST_FAILURES as error:
                self._recorders[turn[3]].outcomes[outcome_of(error)] += 1
                await self._loop.yield_now()
                return
            finally:
                self.in_flight = 0
            turn = self._exchange.next_turn()

    async def _exchange_one(self, sock: socket.socket, turn: Turn) -> bool:
        """Send one request, slowly, and receive its answer; return whether the connection can be used again."""
        loop = self._loop
        request, request_bytes, expected_status, kind, _stamped = turn
        recorder = self._recorders[kind]
        for position in range(request_bytes):
            if position:
                await loop.sleep(self._pace_ns)
            await wait_sent(loop, sock, request[position : position + 1])
        sent_ns = time.monotonic_ns()
        with loop.time_scope(self._exchange.timeout_ns) as waiting:
            head = await self._receive(sock)
        done_ns = time.monotonic_ns()
        if waiting.cancelled or done_ns - sent_ns > self._exchange.timeout_ns:
            recorder.outcomes[Outcome.TIMEOUT] += 1
            return False
        if head.status == expected_status:
            recorder.prompt.append(done_ns - sent_ns)
            recorder.prompt_dispatch.append(done_ns - loop.batch_ns)
        else:
            recorder.count_status(head.status)
        return head.keep_alive

    async def _receive(self, sock: socket.socket) -> ResponseHead:
        reader = ResponseReader(self._parsers)
        while data := await wait_received(self._loop, sock, RECEIVE_BYTES):
            if (head := reader.feed(data)) is not None:
                return head
        return reader.feed_end()
