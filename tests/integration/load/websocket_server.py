"""A server of the `websockets` package, on a thread: it pings its clients, if asked to, and drops the silent."""

import asyncio
import logging
import ssl
import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

_QUIET = logging.Logger("websockets")
_QUIET.disabled = True


class WebSocketServer:
    """Listens on a port of 127.0.0.1, and sends back what it is sent.

    Each connection is pinged `ping_every` seconds, and dropped where no pong comes for `silence` seconds.

    `closed` counts the connections that have ended by their close codes, 1006 where there was none.
    """

    def __init__(
        self, ping_every: float | None = None, silence: float | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.closed: Counter[int] = Counter()
        self._ping_every = ping_every
        self._silence = silence
        self._tls = tls
        self._started: Future[Server] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._started.result()
        self.address: tuple[str, int] = next(iter(self._server.sockets)).getsockname()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    @property
    def connections(self) -> int:
        """How many are open."""
        # Copied at once: the thread of the server may add one meanwhile.
        return sum(each.protocol.state is State.OPEN for each in list(self._server.all_connections))

    def close_soon(self, connections: int, code: int) -> None:
        """Begin to close so many of the connections with that code."""

        async def close() -> None:
            chosen = [*self._server.connections][:connections]
            await asyncio.gather(*(connection.close(code) for connection in chosen))

        asyncio.run_coroutine_threadsafe(close(), self._loop)

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with serve(
                self._hold,
                "127.0.0.1",
                0,
                ssl=self._tls,
                ping_interval=self._ping_every,
                ping_timeout=self._silence,
                close_timeout=1,
                compression=None,
                logger=_QUIET,
            ) as server:
                self._started.set_result(server)
                await self._stopped.wait()
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise

    async def _hold(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosedError):
            async for message in connection:
                await connection.send(message)
        assert connection.close_code is not None
        self.closed[connection.close_code] += 1
