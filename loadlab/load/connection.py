"""The connection of a user: opened again whenever it ends, encrypted, begun and taken leave of as its protocol asks.

What the peer says while no request is under way is listened to here, where a protocol lets it speak unasked. The loop
of requests and answers is `user`.
"""

import errno
import socket
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import (
    PlainTransport,
    Transport,
    connect_nowait,
    discard,
    reset_on_close,
    wait_established,
    wait_read,
)
from loadlab.kernel.tasks import CancelScope
from loadlab.kernel.tls import TlsTransport
from loadlab.load.exchange import PIECES_IN_A_TURN, RECEIVE_BYTES, Exchange
from loadlab.load.failures import REQUEST_FAILURES, Failure, connecting_failure
from loadlab.protocols.answers import AnswerReader, Answers, ResponseCutShort, ResponseHead
from loadlab.protocols.opening_answers import readers_for
from loadlab.protocols.openings import Greeting, Opening
from loadlab.recording.recorder import Recorder


class UserConnection:
    """The connection of user `number`. A base of `User`: an object of its own would be a cache miss for each request.

    Of each user `in_flight` has when its request was sent, 0 if there is none, and `kinds` of which kind that is, or
    its next one.
    """

    __slots__ = ("_answers", "_ended", "_exchange", "_in_flight", "_kinds", "_loop", "_number", "_reader", "_recorders",
                 "_socket", "_timed_out", "_tls", "_transport")  # fmt: skip

    def __init__(
        self,
        loop: Loop,
        exchange: Exchange,
        recorders: Sequence[Recorder],
        answers: Sequence[Answers],
        in_flight: list[int],
        kinds: list[int],
        number: int,
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._recorders = recorders  # by kind of request
        self._answers = answers  # by kind of request
        self._in_flight = in_flight
        self._kinds = kinds
        self._number = number
        self._socket: socket.socket | None = None
        self._reader: AnswerReader  # of the connection, or the last one
        self._timed_out = False
        self._ended = False  # whether the peer has ended the connection, as far as was heard between requests
        self._tls = TlsTransport(loop, exchange.tls) if exchange.tls is not None else None
        self._transport: Transport = self._tls or PlainTransport(loop)

    async def open(self) -> Failure | None:
        """Connect; return None or why not."""
        exchange, loop = self._exchange, self._loop
        self._timed_out = self._ended = False
        begun_ns = time.monotonic_ns()
        try:
            sock, established = connect_nowait(loop, exchange.address, exchange.source)
            if not established:
                with loop.time_scope(exchange.timeout_ns) as scope:
                    await wait_established(loop, sock, exchange.address)
                if scope.cancelled:
                    return connecting_failure(TimeoutError())
            if exchange.per_request:
                reset_on_close(sock)
        except OSError as error:
            return connecting_failure(error)
        recorder, deadline_ns = self._recorders[self._kinds[self._number]], begun_ns + exchange.timeout_ns
        recorder.connect.append(time.monotonic_ns() - begun_ns)
        if self._tls is not None:
            shaking = self._shake_hands(self._tls, sock, recorder)
            if (failure := await self._carry_out(shaking, "TLS handshake", sock, deadline_ns)) is not None:
                return failure
        self._reader = self._answers[self._kinds[self._number]].new_reader()
        if exchange.opening is not None:
            agreeing = self._exchange_opening(exchange.opening, sock, recorder)
            missed = "answer to the opening handshake"
            if (failure := await self._carry_out(agreeing, missed, sock, deadline_ns)) is not None:
                if failure.status is not None:
                    recorder.count_status(failure.status, as_expected=False)
                return failure
        self._socket = sock
        recorder.opened += 1
        return None

    def listen(self) -> None:
        """Hear what the peer says unasked while no request is under way, and answer it: it may be a ping.

        That the peer has ended the connection is found again when the next request is to be sent.
        """
        sock = self._socket
        if sock is None or self._in_flight[self._number] or self._loop.parked[sock.fileno()] is not True:
            return
        if self._has_ended(sock):
            self._loop.parked[sock.fileno()] = True

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

    async def _carry_out(
        self, step: Coroutine[None, None, None], missed: str, sock: socket.socket, deadline_ns: int
    ) -> Failure | None:
        """Take a step in opening a connection before the deadline; otherwise close it and return why not.

        `missed` is what has not come about then.
        """
        failure: Failure | None = connecting_failure(TimeoutError(), missed)
        try:
            with CancelScope(self._loop, deadline_ns):
                await step
                failure = None
        except REQUEST_FAILURES as error:
            failure = connecting_failure(error, missed)
        finally:
            if failure is not None:
                discard(self._loop, sock)
        return failure

    async def _shake_hands(self, tls: TlsTransport, sock: socket.socket, recorder: Recorder) -> None:
        """Agree on a TLS session. Raises TlsError or OSError."""
        begun_ns = time.monotonic_ns()
        await tls.wait_handshake(sock)
        recorder.handshake.append(time.monotonic_ns() - begun_ns)

    async def _exchange_opening(self, opening: Opening, sock: socket.socket, recorder: Recorder) -> None:
        """Begin the conversation. Raises as `wait_opened` does, and as a reader that overhears."""
        begun_ns = time.monotonic_ns()
        self._loop.watch_sending(sock.fileno())
        behind = await wait_opened(self._loop, self._transport, sock, opening)
        recorder.upgrade.append(time.monotonic_ns() - begun_ns)
        if behind:
            self._reader.overhear(behind)
            await self._send_reply(sock, self._reader)

    async def _send_reply(self, sock: socket.socket, reader: AnswerReader) -> None:
        """Send what the protocol has to say to the peer now, such as the answer to a ping."""
        reply, reader.reply = reader.reply, b""
        await self._transport.wait_sent(sock, reply)

    def _send_reply_nowait(self, sock: socket.socket) -> bool:
        """Send it where the connection is over or has little to send; return whether the socket took all of it."""
        reply, self._reader.reply = self._reader.reply, b""
        try:
            return self._transport.write(sock.fileno(), reply) == len(reply)
        except OSError:
            return False

    def _send_reply_behind(self, sock: socket.socket, head: ResponseHead) -> ResponseHead:
        """Send what the protocol has to say behind an answer; return what that says, and if this was the end of it.

        An answer that is complete stays one if its connection turns out to be of no more use.
        """
        if self._send_reply_nowait(sock) and head.keep_alive:
            return head
        self._ended = True
        return replace(head, keep_alive=False)

    def _take_leave(self, sock: socket.socket) -> None:
        """Tell a peer that has not ended the connection that it is over, if the protocol has a word for that."""
        farewell = self._answers[0].farewell
        if farewell and not self._ended:
            with suppress(OSError):
                self._transport.write(sock.fileno(), farewell)

    def _has_ended(self, sock: socket.socket) -> bool:
        """Hear what the peer has said unasked, and answer it; return whether it has ended the connection.

        Clears the event that is kept for it.
        """
        fd = sock.fileno()
        self._loop.parked[fd] = None
        try:
            for _ in range(PIECES_IN_A_TURN):
                data = self._transport.read(fd, RECEIVE_BYTES)
                if not data:
                    raise ResponseCutShort
                self._reader.overhear(data)
            self._loop.parked[fd] = True  # there may be more
        except BlockingIOError:
            pass
        except REQUEST_FAILURES:
            self._ended = True
        if self._reader.reply and not self._send_reply_nowait(sock):
            self._ended = True
        return self._ended

    def _end_connection(self) -> None:
        self._in_flight[self._number] = 0
        if self._socket is not None:
            if self._tls is not None:
                self._tls.end_session(self._socket)
            discard(self._loop, self._socket)
            self._socket = None


async def wait_opened(loop: Loop, transport: Transport, sock: socket.socket, opening: Opening) -> bytes:
    """Carry out `opening` on a connection that is registered with the loop, for sending too.

    Returns the bytes that came behind the answer, where a server speaks first. Raises OpeningRefused,
    MalformedResponse, ResponseTooLarge, ResponseCutShort, or OSError. Wrap it in a time scope to bound it.
    """
    if not isinstance(opening, Greeting):
        await transport.wait_sent(sock, opening.request)
    reader = readers_for(opening)()
    while data := await wait_read(loop, transport, sock, RECEIVE_BYTES):
        if (behind := reader.feed(data)) is not None:
            loop.parked[sock.fileno()] = True  # there may be more, of which the event has been taken
            return behind
    raise ResponseCutShort("the server ended the connection before its answer was complete")
