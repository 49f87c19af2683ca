"""`user.websocket(path)`: opens a WebSocket. The handshake is a request, recorded by the name "WEBSOCKET /path"."""

import os
from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import httpx

from loadlab.kernel.sockets import wait_read
from loadlab.load.exchange import RECEIVE_BYTES
from loadlab.load.failures import REQUEST_FAILURES, Failure, request_failure
from loadlab.protocols.answers import OpeningRefused, ResponseCutShort
from loadlab.protocols.upgrade import (
    KEY_BYTES,
    accept_for,
    check_upgrade,
    end_of_head,
    offered_subprotocols,
    upgrade_request,
)
from loadlab.protocols.whole_response import WholeResponses
from loadlab.scenario.destinations import Destination
from loadlab.scenario.exchange import BodyTrace, Exchange
from loadlab.scenario.failures import raise_as_httpx, timeout_ns
from loadlab.scenario.pool import Connection
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.websocket import WebSocket

_METHOD: Final = "WEBSOCKET"
_SWITCHING: Final = 101
_SCHEMES: Final = {"ws:": "http:", "wss:": "https:"}
_OF_REQUESTS: Final = frozenset({"connection", "accept-encoding"})


class WebSocketOpening:
    """To be awaited, `ws = await user.websocket("/chat")`, or entered, `async with user.websocket("/chat") as ws`."""

    def __init__(
        self,
        transport: UserTransport,
        http: httpx.AsyncClient,
        path: str,
        subprotocols: Sequence[str],
        headers: Mapping[str, str],
    ) -> None:
        self._transport = transport
        self._http = http
        self._path = path
        self._subprotocols = offered_subprotocols(",".join(subprotocols), headers)
        self._headers = headers
        self._opened: WebSocket

    def __await__(self) -> Generator[Any, Any, WebSocket]:
        return self._open().__await__()

    async def __aenter__(self) -> WebSocket:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    async def _open(self) -> WebSocket:
        """Return the WebSocket. Raises httpx.TransportError, or httpx.HTTPStatusError if the server refuses it."""
        transport = self._transport
        request = self._request()
        handshake, accept = self._handshake(request)
        destinations = transport.state.destinations
        destination = destinations.known(request.url) or await destinations.find(request.url)
        exchange = await transport.begin(request)
        transport.waiting.add(task := transport.state.loop.current)
        try:
            return await self._agree(exchange, destination, handshake, accept)
        except BaseException as error:
            exchange.give_up(error)
            raise
        finally:
            transport.waiting.discard(task)

    def _request(self) -> httpx.Request:
        """Return the request with what the client of the user sends with each: base URL, headers, cookies, auth."""
        scheme, colon, rest = self._path.partition(":")
        url = _SCHEMES.get(scheme + colon, scheme + colon) + rest
        extensions = {"expect_status": _SWITCHING}
        request = self._http.build_request("GET", url, headers=self._headers, extensions=extensions)
        if self._http.auth is not None:
            signing = self._http.auth.auth_flow(request)
            request = next(signing)
            signing.close()
        request.method = _METHOD
        return request

    async def _agree(
        self, exchange: Exchange, destination: Destination | Failure, handshake: bytes, accept: str
    ) -> WebSocket:
        request, state, pool = exchange.request, exchange.state, self._transport.pool
        limits = request.extensions["timeout"]
        connection: Connection | Failure
        if isinstance(destination, Failure):
            connection = destination
        else:
            connection = await pool.open(destination, timeout_ns(limits, "connect"), exchange.recorder)
        if isinstance(connection, Failure):
            exchange.fail(connection, b"", reused=False)
            raise_as_httpx(connection, request, "connect")
        pool.give_away(connection)
        received = bytearray()
        try:
            with state.loop.time_scope(timeout_ns(limits, "read")) as scope:
                await connection.transport.wait_sent(connection.sock, handshake)
                head, behind = await self._wait_head(connection, received)
            if scope.cancelled:
                raise TimeoutError
            refusal = self._refusal(head, accept)
        except REQUEST_FAILURES as error:
            connection.close(state.loop)
            failure = request_failure(error)
            exchange.fail(failure, bytes(received), reused=False)
            raise_as_httpx(failure, request, "read")
        except BaseException:
            connection.close(state.loop)
            raise
        response = _response(head, request)
        trace = BodyTrace(response) if state.tracer is not None else None
        exchange.answer(response.status_code, 0, reused=False, trace=trace)
        if refusal is not None:
            connection.close(state.loop)
            raise httpx.HTTPStatusError(str(refusal), request=request, response=response)
        state.loop.parked[connection.fd] = True  # there may be more, of which the event has been taken
        return WebSocket(self._transport, connection, response, behind)

    def _handshake(self, request: httpx.Request) -> tuple[bytes, str]:
        """Return the handshake as it is sent, and what proves that it was accepted."""
        fields = {name: value for name, value in request.headers.items() if name not in _OF_REQUESTS}
        if any(character in value for value in fields.values() for character in "\r\n\0"):
            raise httpx.LocalProtocolError("a header has a line end or a null character in it")
        key = os.urandom(KEY_BYTES)
        path, authority = request.url.raw_path.decode("ascii"), request.headers["host"]
        return upgrade_request(path, authority, fields, self._subprotocols, key), accept_for(key)

    async def _wait_head(self, connection: Connection, received: bytearray) -> tuple[bytes, bytes]:
        """Return the head of the answer, and what came behind it; `received` takes all of it."""
        while not (end := end_of_head(bytes(received))):
            data = await wait_read(self._transport.state.loop, connection.transport, connection.sock, RECEIVE_BYTES)
            if not data:
                raise ResponseCutShort("the server ended the connection before its answer was complete")
            received += data
        return bytes(received[:end]), bytes(received[end:])

    def _refusal(self, head: bytes, accept: str) -> OpeningRefused | None:
        """Return that a server has refused, with a status; None if it has accepted. Raises MalformedResponse."""
        try:
            check_upgrade(head, accept, self._subprotocols)
        except OpeningRefused as refused:
            return refused
        return None


def _response(head: bytes, request: httpx.Request) -> httpx.Response:
    responses = WholeResponses()
    responses.begin(is_head_request=True)
    responses.feed(head)
    return httpx.Response(responses.status, headers=responses.fields, content=b"", request=request)
