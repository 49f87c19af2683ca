"""An open WebSocket of a scenario's. What opens it is `websocket_opening`.

Messages are no requests: a step around them times them. Pings of the server are answered while the scenario waits for a
message, and while it closes.
"""

import os
from contextlib import suppress
from types import TracebackType
from typing import Final, NoReturn, Self

import httpx

from loadlab.kernel.tasks import Task
from loadlab.load.exchange import RECEIVE_BYTES
from loadlab.load.failures import REQUEST_FAILURES, Failure, request_failure
from loadlab.protocols.answers import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.protocols.close_codes import explain_close
from loadlab.protocols.websocket_frames import NORMAL_CLOSURE, encode_close, encode_message
from loadlab.protocols.websocket_messages import Close, Message, WebSocketMessages
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.failures import RequestFailed, Timeouts, raise_as_httpx, timeout_ns
from loadlab.scenario.pool import Connection
from loadlab.scenario.timing import Stopwatch
from loadlab.scenario.transport import UserTransport

_GOING_AWAY: Final = 1001
_MASK_BYTES: Final = 4
_LOOK_EVERY_NS: Final = 1_000_000
_END_NS: Final = 1_000_000_000
"""How long a server may take to end the connection of a WebSocket that both sides have closed."""


class WebSocketClosed(Exception):
    """A WebSocket was closed with `code` and `reason`, by either side; 1005 stands for no code."""

    def __init__(self, code: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason


class WebSocket:
    """An open WebSocket. `response` is the answer to its handshake, `subprotocol` what the server chose, if anything.

    One coroutine may receive while others send. One that is dropped without having been closed ends its connection.
    """

    def __init__(
        self, transport: UserTransport, connection: Connection, response: httpx.Response, received: bytes
    ) -> None:
        """`received` is what came behind the answer."""
        self.response = response
        self.subprotocol: str | None = response.headers.get("sec-websocket-protocol")
        self._transport = transport
        self._state = transport.state
        self._loop = transport.state.loop
        self._request = response.request
        self._limits: Timeouts = response.request.extensions.get("timeout", {})
        self._connection = connection
        self._incoming = WebSocketMessages()
        self._is_receiving = self._is_closing = self._is_over = False
        self._receiver: Task | None = None  # while it waits for an event
        self._sender: Task | None = None  # while it waits until a message has gone out
        self._failure: Failure | None = None  # why it is over, unless it was closed
        self._closed = Close(NORMAL_CLOSURE, "")
        if received:
            self._take(received)

    async def send(self, message: Message) -> None:
        """Send a text message, or a binary one if it is bytes.

        Raises WebSocketClosed if the WebSocket was closed, and httpx.TransportError if its connection has ended.
        """
        if not isinstance(message, str | bytes):
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}")
        await self._wait_gate()
        if self._is_closing:
            self._raise_end("write")
        payload = message.encode() if isinstance(message, str) else message
        await self._send(encode_message(payload, isinstance(message, str), os.urandom(_MASK_BYTES)))
        if self._state.tracer is not None:
            self._state.tracer.message_sent(self._request.url.path, message)

    async def receive(self, timeout: float | None = None) -> Message:
        """Return the next message: str if it is text, bytes if it is binary.

        Waits for `timeout` seconds; without, as long as for any answer. Raises httpx.ReadTimeout if nothing came in
        time, and can be called again; WebSocketClosed if the WebSocket was closed, or httpx.TransportError if its
        connection has ended.
        """
        if self._is_receiving:
            raise RuntimeError("another coroutine receives from this WebSocket")
        await self._wait_gate()
        limit_ns = timeout_ns(self._limits, "read") if timeout is None else round(timeout * 1e9)
        watch, messages = Stopwatch(self._state.gate), self._incoming.messages
        self._is_receiving = True
        try:
            while not messages:
                await self._receive_more(watch, limit_ns)
        finally:
            self._is_receiving = False
        message = messages.popleft()
        if self._state.tracer is not None:
            self._state.tracer.message_received(self._request.url.path, message)
        return message

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the WebSocket, and wait until the server has done so too; messages that come meanwhile are dropped.

        Waits as long as for any answer. That the connection ends in another way is no error. Raises ValueError for a
        code that is not a client's to use: it may be 1000, or 3000 to 4999.
        """
        if code != NORMAL_CLOSURE and not 3000 <= code < 5000:
            raise ValueError(
                f"a client closes a WebSocket with 1000, or with a code from 3000 to 4999, not with {code}"
            )
        if self._is_over or self._is_closing:
            return
        closing = encode_close(code, reason)
        self._is_closing, self._closed = True, Close(code, reason)
        with suppress(httpx.TransportError, WebSocketClosed):
            await self._send(closing)
            if self._is_receiving:  # who receives finds the server's answer
                return
            with self._loop.time_scope(timeout_ns(self._limits, "read")):
                await self._wait_close()
        self._end(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            self._write_nowait(encode_close())
            self._end(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Return the next message, as `receive` does, until the WebSocket is closed in good order."""
        try:
            return await self.receive()
        except WebSocketClosed as closed:
            if closed.code in (NORMAL_CLOSURE, _GOING_AWAY):
                raise StopAsyncIteration from None
            raise

    def __del__(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._connection.close(self._loop)

    async def _wait_gate(self) -> None:
        if self._transport.recorded and self._state.gate.shut:
            await self._state.gate.wait()

    async def _receive_more(self, watch: Stopwatch, limit_ns: int) -> None:
        """Take what comes next, within the limit; the silence between windows does not count."""
        if self._is_over:
            self._raise_end("read")
        data: bytes | None = None
        try:
            with self._loop.time_scope(limit_ns - watch.elapsed_ns()):
                data = await self._wait_read()
        except REQUEST_FAILURES as error:
            self._end(request_failure(error))
            return
        if data is not None:
            self._take(data)
            await self._send_reply()
            return
        await self._wait_gate()
        if watch.elapsed_ns() >= limit_ns:
            raise_as_httpx(Failure(Outcome.TIMEOUT, "no message in time"), self._request, "read")

    async def _wait_close(self) -> None:
        """Wait until the server has closed the WebSocket, and then, for a while, until it ends the connection."""
        with suppress(*REQUEST_FAILURES):
            while self._incoming.close is None and not self._is_over:
                self._take(await self._wait_read())
                self._incoming.messages.clear()
            with self._loop.time_scope(_END_NS):
                while await self._wait_read():
                    pass

    async def _wait_read(self) -> bytes:
        """Return what has come; b"" at the end of the connection, or when it has been ended here."""
        connection = self._connection
        while not self._is_over:
            with suppress(BlockingIOError):
                return connection.transport.read(connection.fd, RECEIVE_BYTES)
            if self._sender is not None:  # which waits for an event, and only one can
                await self._loop.sleep(_LOOK_EVERY_NS)
                continue
            self._receiver = self._loop.current
            try:
                await self._loop.wait_event(connection.fd)
            finally:
                self._receiver = None
        return b""

    def _take(self, data: bytes) -> None:
        """Take bytes that have come, b"" for the end of the connection, and end it here too if they say so."""
        incoming = self._incoming
        if self._is_over:
            return
        try:
            if not data:
                raise ResponseCutShort("the server ended the connection without closing the WebSocket")
            incoming.feed(data)
        except (MalformedResponse, ResponseTooLarge, ResponseCutShort) as error:
            self._write_nowait(incoming.reply)
            self._end(request_failure(error))
        if incoming.close is not None and not self._is_closing:
            self._write_nowait(incoming.reply)
            self._closed = incoming.close
            self._end(None)
        elif incoming.close is not None and self._is_receiving:
            self._end(None)

    async def _send_reply(self) -> None:
        """Send what the protocol has to say to the server now; behind a message that is going out, its sender does."""
        if self._incoming.reply and self._sender is None and not self._is_over:
            reply, self._incoming.reply = self._incoming.reply, b""
            with suppress(httpx.TransportError):  # it is found by who receives
                await self._send(reply)

    async def _send(self, data: bytes) -> None:
        """Send a frame, behind others. Raises as `send` does."""
        while self._sender is not None:
            await self._loop.sleep(_LOOK_EVERY_NS)
        if self._is_over:
            self._raise_end("write")
        try:
            sent_bytes = self._connection.transport.write(self._connection.fd, data)
        except BlockingIOError:
            sent_bytes = 0
        except REQUEST_FAILURES as error:
            self._fail_to_send(error)
            self._raise_end("write")
        if sent_bytes != len(data):
            await self._send_rest(data[sent_bytes:])
            await self._send_reply()

    async def _send_rest(self, rest: bytes) -> None:
        loop, is_sent, fd = self._loop, False, self._connection.fd
        self._sender = loop.current
        try:
            if self._receiver is not None:  # it looks now and then instead of waiting for an event
                loop.resume_soon(self._receiver)
                await loop.yield_now()
            with loop.time_scope(timeout_ns(self._limits, "write")):
                await self._connection.transport.wait_sent(self._connection.sock, rest)
                is_sent = True
            if not is_sent:
                self._end(Failure(Outcome.TIMEOUT, "a message could not be sent in time"))
        except REQUEST_FAILURES as error:
            self._fail_to_send(error)
        finally:
            self._sender = None
            if not is_sent:  # nothing can follow a part of a frame
                self._end(Failure(Outcome.CLOSED_EARLY, "a message was sent in part only"))
        if self._is_over:
            self._raise_end("write")
        loop.parked[fd] = True  # it may have taken the event that reported a message

    def _fail_to_send(self, error: Exception) -> None:
        """End it because a message could not be sent; a server that has closed it before has said why."""
        with suppress(*REQUEST_FAILURES):
            while not self._is_over:
                self._take(self._connection.transport.read(self._connection.fd, RECEIVE_BYTES))
        if not self._is_over:
            self._end(request_failure(error))

    def _write_nowait(self, data: bytes) -> None:
        """Send what is said last, if the socket takes it at once."""
        if data and self._sender is None and not self._is_over:
            with suppress(OSError):
                self._connection.transport.write(self._connection.fd, data)

    def _end(self, failure: Failure | None) -> None:
        """End the connection: because of a failure, or as the WebSocket was closed."""
        if self._is_over:
            return
        self._is_over, self._failure = True, failure
        self._connection.close(self._loop)
        for task in (self._receiver, self._sender):
            if task is not None:
                self._loop.resume_soon(task)
        if self._state.tracer is not None:
            code, reason = (None, failure.reason) if failure is not None else self._closed
            self._state.tracer.websocket_ended(self._request.url.path, code, reason)

    def _raise_end(self, phase: str) -> NoReturn:
        """Raise why it is over."""
        if self._failure is not None:
            raise_as_httpx(self._failure, self._request, phase)
        code, reason = self._closed
        by_server = self._incoming.close is not None and not self._is_closing
        text = explain_close(code, reason) if by_server else "this WebSocket has been closed"
        cause = RequestFailed(Failure(Outcome.CLOSED_EARLY, text, status=code))
        raise WebSocketClosed(code, reason, text) from cause
