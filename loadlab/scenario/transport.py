"""httpx's transport on loadlab's loop: the requests of one user, sent, answered and recorded.

httpx hands over each request as it goes to a server, so redirects and answers to challenges are requests of their own
(httpx, "Custom Transports"). Each is timed from then until the last byte of its answer has been read, the wait for a
connection included. What fails is counted, and raised as the exception that httpx has for it.
"""

import time
from typing import Any

import httpx

from loadlab.kernel.tasks import Task
from loadlab.load.failures import REQUEST_FAILURES, Failure
from loadlab.load.requests import IDEMPOTENT
from loadlab.protocols.answers import ResponseCutShort
from loadlab.scenario.answer import Answer, AnswerBody
from loadlab.scenario.destinations import Destination
from loadlab.scenario.exchange import BodyTrace, Exchange
from loadlab.scenario.failures import Timeouts, failure_in, raise_as_httpx, timeout_ns
from loadlab.scenario.pool import Pool
from loadlab.scenario.worker_state import WorkerState


class UserTransport(httpx.AsyncBaseTransport):
    """Sends the requests of one user.

    With `recorded` they count, and wait while the gate of the worker is closed. `next_name` names the next one.
    """

    def __init__(self, state: WorkerState, pool: Pool) -> None:
        self.state = state
        self.pool = pool
        self.recorded = True
        self.next_name: str | None = None
        self.waiting: set[Task] = set()  # tasks that send a request, or wait for the head of its answer
        self._unread: dict[AnswerBody, Answer] = {}  # answers whose bodies the scenario has still to read

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the answer once its head has come. Raises httpx.TransportError."""
        state = self.state
        head = format_head(request)
        destination = state.destinations.known(request.url) or await state.destinations.find(request.url)
        exchange = await self.begin(request)
        self.waiting.add(task := state.loop.current)
        try:
            body = await self._wait_answer(exchange, head, destination)
        except BaseException as error:
            exchange.give_up(error)
            raise
        finally:
            self.waiting.discard(task)
        responses = body.responses
        extensions = {"http_version": responses.version, "reason_phrase": responses.reason}
        answer = Answer(responses.status, headers=responses.fields, stream=body, extensions=extensions)
        if state.tracer is not None:
            body.trace = BodyTrace(answer)
        if responses.ended and body.trace is None:
            answer.whole = body.finish_whole()
            answer.took_ns = time.monotonic_ns() - exchange.begun_ns
        else:
            exchange.pause()
            self._unread[body] = answer
        return answer

    async def begin(self, request: httpx.Request) -> Exchange:
        """Return the exchange for a request, once the gate allows to begin one."""
        if self.recorded and self.state.gate.shut:
            await self.state.gate.wait()
        return Exchange(self.state, request, *self._recorder_of(request))

    def abandon(self) -> None:
        """Close the answers that the scenario has left unread."""
        for body, answer in [*self._unread.items()]:
            body.finish()
            answer.abandon()

    def let_go(self, body: AnswerBody) -> None:
        """Take note that an answer has been read or closed."""
        self._unread.pop(body, None)

    def _recorder_of(self, request: httpx.Request) -> tuple[int | None, frozenset[int]]:
        """Return the number of what records a request, None if it does not count, and the statuses as expected."""
        samples, extensions = self.state.samples, request.extensions
        statuses = expected_statuses(extensions["expect_status"]) if "expect_status" in extensions else samples.statuses
        name, self.next_name = self.next_name or extensions.get("name"), None
        if not self.recorded:
            return None, statuses
        if name is None:
            return samples.request(request.method, request.url.raw_path), statuses
        return samples.named("request", str(name)), statuses

    async def _wait_answer(self, exchange: Exchange, head: bytes, destination: Destination | Failure) -> AnswerBody:
        """Send a request; return the body of its answer once the head has come.

        It is sent again where the server had ended the connection that it had kept.
        """
        request, recorder = exchange.request, exchange.recorder
        limits: Timeouts = request.extensions.get("timeout", {})
        if isinstance(destination, Failure):
            exchange.fail(destination, b"", reused=False)
            raise_as_httpx(destination, request, "connect")
        while True:
            taken = await self.pool.take(
                destination, timeout_ns(limits, "connect"), timeout_ns(limits, "pool"), recorder
            )
            if isinstance(taken, Failure):
                exchange.fail(taken, b"", reused=False)
                raise_as_httpx(taken, request, "connect")
            body = AnswerBody(self, exchange, taken)
            try:
                await body.send(head)
                await body.wait_head()
                return body
            except REQUEST_FAILURES as error:
                received = body.responses.raw_head
                self.pool.close(taken)
                if error is body.own_error:
                    raise
                if taken.reused and not received and self._may_be_sent_again(request, error):
                    recorder.retried += 1
                    continue
                failure = failure_in(body.phase, error)
                exchange.fail(failure, received, taken.reused)
                raise_as_httpx(failure, request, body.phase)
            except BaseException:
                self.pool.close(taken)
                raise

    def _may_be_sent_again(self, request: httpx.Request, error: Exception) -> bool:
        """Return whether a request may go out once more: it may never have reached the server (RFC 9112, 9.3.1)."""
        closed = isinstance(error, ResponseCutShort | ConnectionResetError | BrokenPipeError)
        is_whole = isinstance(request.stream, httpx.ByteStream)
        return closed and is_whole and self.state.retry and request.method in IDEMPOTENT


def format_head(request: httpx.Request) -> bytes:
    """Return the head of a request as it is sent. Raises httpx.LocalProtocolError for a line end within a field."""
    fields = request.headers.raw
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b\r\n" % field for field in fields]
    head = b"".join(lines) + b"\r\n"
    if not head.count(b"\n") == head.count(b"\r") == len(fields) + 2 or b"\0" in head:
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
