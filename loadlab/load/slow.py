"""Slow senders: connections that are at work, but send their request a byte at a time.

They are what tells a server that reads when there is something to read from one that waits for the whole of a request.
"""

import socket
import time
from collections.abc import Sequence

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import discard, wait_connected, wait_received, wait_sent
from loadlab.load.requests import Turn
from loadlab.load.user import (
    PAUSE_AFTER_REFUSAL_NS,
    RECEIVE_BYTES,
    REQUEST_FAILURES,
    Exchange,
    outcome_of,
    outcome_of_connecting,
)
from loadlab.protocols.http1 import KnownResponses, ResponseHead, ResponseReader
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder


class SlowSender:
    """A user that sends a byte every `pace_ns`. Its times count from its last byte: before, the server owes nothing."""

    def __init__(self, loop: Loop, exchange: Exchange, pace_ns: int, recorders: Sequence[Recorder]) -> None:
        self._loop = loop
        self._exchange = exchange
        self._pace_ns = pace_ns
        self._recorders = recorders  # by kind of request
        self._known = KnownResponses(exchange.method)

    async def run(self) -> None:
        """Send one request after the other, on one connection after the other, until cancelled."""
        loop, exchange = self._loop, self._exchange
        while True:
            turn = exchange.next_turn()
            outcomes = self._recorders[turn[3]].outcomes
            with loop.time_scope(exchange.timeout_ns) as connecting:
                try:
                    sock = await wait_connected(loop, exchange.address, exchange.source)
                except OSError as error:
                    outcomes[outcome_of_connecting(error)] += 1
                    await loop.sleep(PAUSE_AFTER_REFUSAL_NS)
                    continue
            if connecting.cancelled:
                outcomes[Outcome.CONNECT_TIMEOUT] += 1
                continue
            try:
                while await self._exchange_one(sock, turn):
                    turn = exchange.next_turn()
                    outcomes = self._recorders[turn[3]].outcomes
            except REQUEST_FAILURES as error:
                outcomes[outcome_of(error)] += 1
                await loop.yield_now()
            finally:
                discard(loop, sock)

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
        if waiting.cancelled:
            recorder.outcomes[Outcome.TIMEOUT] += 1
            return False
        done_ns = time.monotonic_ns()
        if head.status == expected_status:
            recorder.prompt.append(done_ns - sent_ns)
            recorder.prompt_dispatch.append(done_ns - loop.batch_ns)
        else:
            recorder.outcomes[Outcome.STATUS] += 1
        return head.keep_alive

    async def _receive(self, sock: socket.socket) -> ResponseHead:
        reader = ResponseReader(self._known)
        while data := await wait_received(self._loop, sock, RECEIVE_BYTES):
            if (head := reader.feed(data)) is not None:
                return head
        return reader.feed_end()
