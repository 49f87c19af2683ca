"""httpx's transport on loadlab's loop: the requests of one user, sent, answered and recorded.

httpx hands over each request as it goes to a server, so redirects and answers to challenges are requests of their own
(httpx, "Custom Transports"). Each is timed from then until the last byte of its answer has been read, the wait for a
connection included. What fails is counted, and raised as the exception that httpx has for it.
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NoReturn

import httpx

from loadlab.kernel.loop import Loop
from loadlab.load.exchange import RECEIVE_BYTES
from loadlab.load.failures import REQUEST_FAILURES, Failure, request_failure
from loadlab.load.requests import IDEMPOTENT
from loadlab.protocols.answers import ResponseCutShort
from loadlab.protocols.http1 import REST_BYTES
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.pool import Connection, Pool
from loadlab.scenario.samples import name_of_request
from loadlab.scenario.tracing import BODY_BYTES
from loadlab.scenario.worker_state import WorkerState

Timeouts = Mapping[str, float | None]
"""Of httpx: seconds for connect, read, write and pool; None for no limit."""

_NEVER_NS: Final = 10**18
_SWITCHING_PROTOCOLS: Final = 101


class RequestFailed(Exception):
    """Why a request failed: the cause of the exception of httpx's that the scenario gets."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class UserTransport(httpx.AsyncBaseTransport):
    """Sends the requests of one user.

    With `recorded` they count, and wait while the gate of the worker is closed. `next_name` names the next one.
    """

    def __init__(self, state: WorkerState, pool: Pool) -> None:
        self._state = state
        self.pool = pool
        self.recorded = True
        self.next_name: str | None = None
        self.waiting = 0  # requests that wait for the heads of their answers
        self._unread: dict[AnswerBody, None] = {}  # answers whose bodies the scenario has still to read

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the answer once its head has come. Raises httpx.TransportError."""
        state = self._state
        if self.recorded and state.gate.shut:
            await state.gate.wait()
        exchange = Exchange(state, request, *self._recorder_of(request))
        self.waiting += 1
        try:
            body = await self._wait_answer(exchange)
        except BaseException as error:
            exchange.give_up(error)
            raise
        finally:
            self.waiting -= 1
        responses = body.responses
        extensions = {"http_version": responses.version, "reason_phrase": responses.reason}
        answer = Answer(responses.status, headers=responses.fields, stream=body, extensions=extensions)
        if state.tracer is not None:
            body.trace = BodyTrace(answer)
        if responses.ended and body.trace is None:
            body.finish()
        else:
            exchange.pause()
            self._unread[body] = None
        return answer

    def abandon(self) -> None:
        """Close the answers that the scenario has left unread."""
        for body in [*self._unread]:
            body.finish()

    def let_go(self, body: "AnswerBody") -> None:
        """Take note that an answer has been read or closed."""
        self._unread.pop(body, None)

    def _recorder_of(self, request: httpx.Request) -> tuple[int | None, frozenset[int]]:
        """Return the number of what records a request, None if it does not count, and the statuses as expected."""
        samples, extensions = self._state.samples, request.extensions
        statuses = expected_statuses(extensions["expect_status"]) if "expect_status" in extensions else samples.statuses
        if not self.recorded:
            return None, statuses
        name, self.next_name = self.next_name or extensions.get("name"), None
        if name is None:
            return samples.request(request.method, request.url.raw_path), statuses
        return samples.named("request", str(name)), statuses

    async def _wait_answer(self, exchange: "Exchange") -> "AnswerBody":
        """Send a request; return the body of its answer once the head has come.

        It is sent again where the server had ended the connection that it had kept.
        """
        state, request, recorder = self._state, exchange.request, exchange.recorder
        destination = state.destinations.known(request.url) or await state.destinations.find(request.url)
        limits: Timeouts = request.extensions.get("timeout", {})
        while True:
            taken = await self.pool.take(
                destination, timeout_ns(limits, "connect"), timeout_ns(limits, "pool"), recorder
            )
            if isinstance(taken, Failure):
                exchange.fail(taken, b"", reused=False)
                raise_as_httpx(taken, request, "connect")
            body = AnswerBody(self, exchange, taken)
            try:
                await body.send()
                await body.wait_head()
                return body
            except REQUEST_FAILURES as error:
                received = body.responses.raw_head
                self.pool.close(taken)
                if taken.reused and not received and self._may_be_sent_again(request, error):
                    recorder.retried += 1
                    continue
                failure = request_failure(error)
                exchange.fail(failure, received, taken.reused)
                raise_as_httpx(failure, request, body.phase)
            except BaseException:
                self.pool.close(taken)
                raise

    def _may_be_sent_again(self, request: httpx.Request, error: Exception) -> bool:
        """Return whether a request may go out once more: it may never have reached the server (RFC 9112, 9.3.1)."""
        closed = isinstance(error, ResponseCutShort | ConnectionResetError | BrokenPipeError)
        is_whole = isinstance(request.stream, httpx.ByteStream)
        return closed and is_whole and self._state.retry and request.method in IDEMPOTENT


class Exchange:
    """A request until its answer has been read; it has one outcome. `kind` is the number of what records it."""

    __slots__ = ("_is_over", "_traced", "begun_ns", "kind", "recorder", "request", "state", "statuses")

    def __init__(self, state: WorkerState, request: httpx.Request, kind: int | None, statuses: frozenset[int]) -> None:
        self.state = state
        self.request = request
        self.kind = kind
        self.recorder = state.unrecorded if kind is None else state.samples.recorders[kind]
        self.statuses = statuses
        self._is_over = False
        self._traced = 0
        if state.tracer is not None:
            name = name_of_request(request.method, request.url.path) if kind is None else state.samples.labels[kind][1]
            self._traced = state.tracer.request(request, name)
        self.begun_ns = time.monotonic_ns()
        state.under_way[self] = self.begun_ns

    def answer(self, status: int, arrived_ns: int, reused: bool, trace: "BodyTrace | None") -> None:
        """Record an answer that was read just now; `arrived_ns` is when the kernel had it, if that is known."""
        state, recorder = self.state, self.recorder
        done_ns = time.monotonic_ns()
        service_ns = done_ns - self.begun_ns
        expected = status in self.statuses
        if not (expected and state.samples.is_usual(status)):
            recorder.count_status(status, expected)
        if expected:
            recorder.prompt.append(service_ns)
            recorder.prompt_dispatch.append(done_ns - state.loop.batch_ns)
            if arrived_ns:
                recorder.client.append(done_ns - arrived_ns)
        else:
            recorder.fail(Outcome.STATUS, f"status {status}", None, b"", service_ns, reused)
        if trace is not None and state.tracer is not None:
            beginning = bytes(trace.beginning)
            state.tracer.answered(self._traced, trace.answer, beginning, trace.size_bytes, service_ns, expected)
        self._end()

    def fail(self, failure: Failure, received: bytes, reused: bool) -> None:
        """Record that there is no answer, and why."""
        after_ns = time.monotonic_ns() - self.begun_ns
        self.recorder.fail(failure.outcome, failure.reason, failure.errno, received, after_ns, reused)
        self._end()
        if self.state.tracer is not None:
            self.state.tracer.failed(self._traced, failure.reason, after_ns)

    def give_up(self, error: BaseException) -> None:
        """Record that the scenario itself has ended it by `error` before its answer came, if it has no outcome yet."""
        if self._is_over:
            return
        self.recorder.outcomes[Outcome.CUT] += 1
        self._end()
        if self.state.tracer is not None:
            reason = str(error) or type(error).__name__
            self.state.tracer.failed(self._traced, reason, time.monotonic_ns() - self.begun_ns)

    def pause(self) -> None:
        """Take note that the scenario has the next move, not the server."""
        self.state.under_way.pop(self, None)

    def resume(self) -> None:
        """Take note that the server has the next move again."""
        self.state.under_way[self] = self.begun_ns

    def _end(self) -> None:
        self._is_over = True
        self.state.under_way.pop(self, None)


class Answer(httpx.Response):
    """A response that lets go of its stream when it is closed.

    The stream that httpx binds to a response refers back to it, and such circles are seldom looked for under load.
    """

    async def aclose(self) -> None:
        """Close it, and let go of its stream."""
        await super().aclose()
        self.stream = _NOTHING


class BodyTrace:
    """What is shown of an answer: the beginning of its body, as it was read."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.beginning = bytearray()
        self.size_bytes = 0

    def add(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self.size_bytes += len(piece)
        self.beginning += piece[: BODY_BYTES - len(self.beginning)]


class AnswerBody(httpx.AsyncByteStream):
    """One request on its connection, and the body of its answer as httpx reads it.

    `phase` is how far it is: write or read. With a `trace` it is shown.
    """

    def __init__(self, transport: "UserTransport", exchange: Exchange, connection: Connection) -> None:
        self._transport = transport
        self._exchange = exchange
        self._connection = connection
        self._limits: Timeouts = exchange.request.extensions.get("timeout", {})
        self._is_stamped = self._is_over = False
        self._arrived_ns = 0
        self._pieces: list[bytes] = []
        self.phase = "write"
        self.trace: BodyTrace | None = None
        self.responses = connection.responses
        self.responses.begin(exchange.request.method == "HEAD")

    async def send(self) -> None:
        """Send the request. Raises REQUEST_FAILURES."""
        state, request, connection = self._exchange.state, self._exchange.request, self._connection
        loop = state.loop
        state.requests += 1
        self._is_stamped = state.requests % state.stamping.every == 0
        if self._is_stamped:
            connection.ask_for_stamps()
        stream = request.stream
        data = format_head(request)
        if isinstance(stream, httpx.ByteStream):
            data += request.content
        try:
            sent_bytes = connection.transport.write(connection.fd, data)
        except BlockingIOError:
            sent_bytes = 0
        if sent_bytes != len(data):
            await self._wait_sent(loop, data[sent_bytes:])
        if not isinstance(stream, httpx.ByteStream):
            assert isinstance(stream, httpx.AsyncByteStream)
            is_chunked = "transfer-encoding" in request.headers
            async for piece in stream:
                if piece:
                    await self._wait_sent(loop, b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            if is_chunked:
                await self._wait_sent(loop, b"0\r\n\r\n")
        self.phase = "read"

    async def wait_head(self) -> None:
        """Wait until the head of the answer has come. Raises REQUEST_FAILURES."""
        responses, loop = self.responses, self._exchange.state.loop
        with loop.time_scope(timeout_ns(self._limits, "read")) as scope:
            while not responses.has_head:
                await self._receive(loop, RECEIVE_BYTES)
        if scope.cancelled:
            raise TimeoutError

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces as they come. Raises httpx.TransportError."""
        if self._is_over:  # the answer was complete when its head had come, and its connection serves others now
            for piece in self._pieces:
                yield piece
            return
        responses, exchange = self.responses, self._exchange
        while True:
            for piece in responses.take_pieces():
                if self.trace is not None:
                    self.trace.add(piece)
                yield piece
            if responses.ended or self._is_over:
                break
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

    def finish(self) -> None:
        """Record the answer: it has been read, or the scenario does not want the rest of it."""
        if self._is_over:
            return
        responses = self.responses
        self._exchange.answer(responses.status, self._arrived_ns, self._connection.reused, self.trace)
        if responses.ended and responses.keep_alive and responses.status != _SWITCHING_PROTOCOLS:
            self._is_over = True
            self._pieces = responses.take_pieces()
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
                if len(data) >= limit_bytes or connection.is_encrypted:
                    loop.parked[connection.fd] = True  # there may be more, of which no event will tell
        elif connection.transport.cut_short:
            raise ResponseCutShort("the connection ended without an end of the TLS session")
        else:
            self.responses.feed_end()

    async def _wait_sent(self, loop: Loop, rest: bytes) -> None:
        connection = self._connection
        with loop.time_scope(timeout_ns(self._limits, "write")) as scope:
            await connection.transport.wait_sent(connection.sock, rest)
        loop.parked[connection.fd] = True  # it may have taken the event that reported the answer
        if scope.cancelled:
            raise TimeoutError

    def _fail(self, error: Exception) -> NoReturn:
        failure = request_failure(error)
        self._exchange.fail(failure, b"", self._connection.reused)
        self._drop()
        raise_as_httpx(failure, self._exchange.request, "read")

    def _drop(self) -> None:
        self._is_over = True
        self._pieces = self.responses.take_pieces()
        self._transport.let_go(self)
        self._transport.pool.close(self._connection)


class _Nothing(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield


_NOTHING: Final = _Nothing()


def format_head(request: httpx.Request) -> bytes:
    """Return the head of a request as it is sent. Raises httpx.LocalProtocolError for a line end within a field."""
    fields = request.headers.raw
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b\r\n" % field for field in fields]
    head = b"".join(lines) + b"\r\n"
    if head.count(b"\n") != len(fields) + 2 or b"\0" in head:
        raise httpx.LocalProtocolError("a header has a line end or a null character in it")
    return head


def expected_statuses(value: Any) -> frozenset[int]:  # noqa: ANN401 - whatever a scenario passes
    """Return the statuses that `expect_status` means: 404, "2xx", or a list of both. Raises ValueError."""
    listed = value if isinstance(value, list | tuple) else [value]
    statuses: set[int] = set()
    for each in listed:
        if isinstance(each, str) and len(each) == 3 and each[0].isdigit() and each[1:].lower() == "xx":
            statuses.update(range(int(each[0]) * 100, int(each[0]) * 100 + 100))
        elif isinstance(each, int):
            statuses.add(int(each))
        else:
            raise ValueError(
                f'expect_status must be a status such as 404, a class such as "2xx", or a list, not {value!r}'
            )
    return frozenset(statuses)


def timeout_ns(limits: Timeouts, phase: str) -> int:
    """Return the limit of a phase of a request in ns."""
    seconds = limits.get(phase)
    return _NEVER_NS if seconds is None else int(seconds * 1e9)


def raise_as_httpx(failure: Failure, request: httpx.Request, phase: str) -> NoReturn:
    """Raise the exception that httpx has for the failure of a request in a phase: pool, connect, write or read."""
    kind: type[httpx.TransportError]
    match failure.outcome, phase:
        case Outcome.CONNECT_TIMEOUT, _:
            kind = httpx.ConnectTimeout
        case Outcome.TIMEOUT, "connect":
            kind = httpx.PoolTimeout
        case Outcome.TIMEOUT, "write":
            kind = httpx.WriteTimeout
        case Outcome.TIMEOUT, _:
            kind = httpx.ReadTimeout
        case ((Outcome.MALFORMED | Outcome.TOO_LARGE | Outcome.CLOSED_EARLY), _):
            kind = httpx.RemoteProtocolError
        case _, "connect":
            kind = httpx.ConnectError
        case _, "write":
            kind = httpx.WriteError
        case _:
            kind = httpx.ReadError
    raise kind(failure.reason, request=request) from RequestFailed(failure)
