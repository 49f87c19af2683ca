"""The answer to a request of a scenario: a request on its connection, and what comes for it, as httpx reads it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, NoReturn, Protocol

import httpx

from loadlab.kernel.loop import Loop
from loadlab.load.exchange import RECEIVE_BYTES
from loadlab.load.failures import REQUEST_FAILURES
from loadlab.protocols.answers import ResponseCutShort
from loadlab.protocols.http1 import REST_BYTES
from loadlab.scenario.exchange import BodyTrace, Exchange
from loadlab.scenario.failures import Timeouts, failure_in, raise_as_httpx, timeout_ns
from loadlab.scenario.pool import Connection, Pool

_SWITCHING_PROTOCOLS: Final = 101


class UnreadAnswers(Protocol):
    """Who keeps account of the answers whose bodies a user has still to read, and has the connections."""

    pool: Pool

    def let_go(self, body: "AnswerBody") -> None:
        """Take note that an answer has been read or closed."""


class Answer(httpx.Response):
    """A response that lets go of its stream when it is closed.

    The stream that httpx binds to a response refers back to it, and such circles are seldom looked for under load.
    `whole` is the body, as it was transferred, of an answer that was complete when its head had come, after `took_ns`.
    """

    whole: bytes | None = None
    took_ns = 0

    async def aread(self) -> bytes:
        """Read the body and return it."""
        if self.whole is None:
            return await super().aread()
        # httpx's own way through four asynchronous generators takes 20 us; by its synchronous one it is 9.
        self.stream = httpx.ByteStream(self.whole)
        content = self.read()
        self.elapsed = timedelta(microseconds=self.took_ns / 1000)
        return content

    async def aclose(self) -> None:
        """Close it, and let go of its stream."""
        await super().aclose()
        self.stream = _NOTHING

    def abandon(self) -> None:
        """Let go of its stream, which nobody will read any more, without closing it."""
        self.stream = _ABANDONED


class AnswerBody(httpx.AsyncByteStream):
    """One request on its connection, and the body of its answer as httpx reads it.

    `phase` is how far it is: write or read. `own_error` is that of the scenario where it fails to come up with the body
    of the request. With a `trace` it is shown.
    """

    def __init__(self, transport: UnreadAnswers, exchange: Exchange, connection: Connection) -> None:
        self._transport = transport
        self._exchange = exchange
        self._connection = connection
        self._limits: Timeouts = exchange.request.extensions.get("timeout", {})
        self._is_stamped = self._is_over = self._is_whole = False
        self._arrived_ns = 0
        self._pieces: list[bytes] = []
        self._unsent_for: ConnectionError | None = None  # why not all of the request could be sent
        self.own_error: Exception | None = None
        self.phase = "write"
        self.trace: BodyTrace | None = None
        self.responses = connection.responses
        self.responses.begin(exchange.request.method == "HEAD")

    async def send(self, head: bytes) -> None:
        """Send the request. Raises REQUEST_FAILURES, or `own_error`.

        A server may answer, and end the connection, before all has been sent; so whether there is an answer is seen
        when it is read.
        """
        state, request, connection = self._exchange.state, self._exchange.request, self._connection
        loop = state.loop
        state.requests += 1
        self._is_stamped = state.requests % state.stamping.every == 0
        if self._is_stamped:
            connection.ask_for_stamps()
        stream = request.stream
        is_whole = isinstance(stream, httpx.ByteStream)
        data = head + request.read() if is_whole else head
        try:
            sent_bytes = connection.transport.write(connection.fd, data)
        except BlockingIOError:
            sent_bytes = 0
        except ConnectionError as error:
            self._unsent_for = error
            loop.parked[connection.fd] = True  # there may be an answer
        if self._unsent_for is None and sent_bytes != len(data):
            await self._wait_sent(loop, data[sent_bytes:])
        if not is_whole:
            assert isinstance(stream, httpx.AsyncByteStream)  # httpx has refused others
            await self._send_pieces(loop, stream)
        self.phase = "read"

    async def wait_head(self) -> None:
        """Wait until the head of the answer has come. Raises REQUEST_FAILURES."""
        responses, loop = self.responses, self._exchange.state.loop
        try:
            with loop.time_scope(timeout_ns(self._limits, "read")) as scope:
                while not responses.has_head:
                    await self._receive(loop, RECEIVE_BYTES)
        except (ConnectionError, ResponseCutShort):
            if self._unsent_for is None or responses.raw_head:
                raise
            self.phase = "write"
            raise self._unsent_for from None
        if scope.cancelled:
            raise TimeoutError
        if self._unsent_for is not None:
            responses.keep_alive = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces as they come. Raises httpx.TransportError."""
        if self._is_whole:  # it was complete when its head had come, and its connection serves others now
            for piece in self._pieces:
                yield piece
            return
        responses, exchange = self.responses, self._exchange
        while True:
            for piece in responses.take_pieces():
                if self.trace is not None:
                    self.trace.add(piece)
                yield piece
            if self._is_over:  # its iteration has ended, and with that its connection
                raise httpx.StreamClosed
            if responses.ended:
                break
            if exchange.kind is not None and exchange.outlasts_window:
                await exchange.state.gate.wait()
            exchange.resume()
            try:
                await self._receive_in_time()
            except REQUEST_FAILURES as error:
                self._fail(error)
            except BaseException as error:
                self._drop()
                exchange.give_up(error)
                raise
            exchange.pause()
        self.finish()

    async def aclose(self) -> None:
        """Close it: what was not read of it is dropped, with its connection."""
        self.finish()

    def finish_whole(self) -> bytes:
        """Record an answer that is complete; return its body."""
        self.finish()
        return b"".join(self._pieces)

    def finish(self) -> None:
        """Record the answer: it has been read, or the scenario does not want the rest of it."""
        if self._is_over:
            return
        responses = self.responses
        self._exchange.recorder.surplus += responses.surplus
        self._exchange.answer(responses.status, self._arrived_ns, self._connection.reused, self.trace)
        self._is_whole, self._pieces = responses.ended, responses.take_pieces()
        if responses.ended and responses.keep_alive and responses.status != _SWITCHING_PROTOCOLS:
            self._is_over = True
            self._transport.let_go(self)
            self._transport.pool.give_back(self._connection)
        else:
            self._drop()

    async def _receive_in_time(self) -> None:
        loop = self._exchange.state.loop
        with loop.time_scope(timeout_ns(self._limits, "read")) as scope:
            await self._receive(loop, REST_BYTES)
        if scope.cancelled:
            raise TimeoutError

    async def _receive(self, loop: Loop, limit_bytes: int) -> None:
        """Take what comes next of the answer."""
        connection = self._connection
        while True:
            was_kept = loop.parked[connection.fd] is True
            await loop.wait_event(connection.fd)
            try:
                if self._is_stamped and not self._arrived_ns:
                    data, self._arrived_ns = connection.transport.receive_stamped(connection.sock, limit_bytes)
                else:
                    data = connection.transport.read(connection.fd, limit_bytes)
                break
            except BlockingIOError:
                continue
        if data:
            self.responses.feed(data)
            if not self.responses.ended:
                self._arrived_ns = 0  # of its first piece only
                if was_kept or len(data) >= limit_bytes or connection.is_encrypted:
                    loop.parked[connection.fd] = True  # there may be more, or an end, that no event reports again
        elif connection.transport.cut_short:
            raise ResponseCutShort("the connection ended without an end of the TLS session")
        else:
            self.responses.feed_end()

    async def _send_pieces(self, loop: Loop, stream: httpx.AsyncByteStream) -> None:
        """Send a body piece by piece, as the scenario comes up with it."""
        is_chunked = "transfer-encoding" in self._exchange.request.headers
        pieces = aiter(stream)
        while self._unsent_for is None:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                break
            except Exception as error:
                self.own_error = error
                raise
            if piece:
                await self._wait_sent(loop, b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        if is_chunked and self._unsent_for is None:
            await self._wait_sent(loop, b"0\r\n\r\n")

    async def _wait_sent(self, loop: Loop, rest: bytes) -> None:
        connection = self._connection
        try:
            with loop.time_scope(timeout_ns(self._limits, "write")) as scope:
                await connection.transport.wait_sent(connection.sock, rest)
        except ConnectionError as error:
            self._unsent_for = error
        loop.parked[connection.fd] = True  # it may have taken the event that reported the answer
        if scope.cancelled:
            raise TimeoutError

    def _fail(self, error: Exception) -> NoReturn:
        failure = failure_in("read", error)
        self._exchange.fail(failure, b"", self._connection.reused)
        self._drop()
        raise_as_httpx(failure, self._exchange.request, "read")

    def _drop(self) -> None:
        self._is_over = True
        self._transport.let_go(self)
        self._transport.pool.close(self._connection)


class _Nothing(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield


class _Abandoned(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise httpx.StreamClosed
        yield b""


_NOTHING: Final = _Nothing()
_ABANDONED: Final = _Abandoned()
