"""The connections of one user: kept alive and used again, a few to each server."""

import socket
import time
from collections import deque
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import PlainTransport, Transport, ask_for_stamps, discard, reset_on_close
from loadlab.kernel.tasks import Task, suspend
from loadlab.kernel.tls import TlsTransport
from loadlab.load.connecting import try_connection
from loadlab.load.failures import Failure
from loadlab.protocols.whole_response import WholeResponses
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder
from loadlab.scenario.destinations import Destination

MOST_TO_A_SERVER: Final = 6
"""Connections of a user to one server at the same time, as browsers have; further requests wait for one."""


class Connection:
    """A connection of a user, registered with the loop. `reused` is whether it was kept for its next request."""

    __slots__ = ("_has_stamps", "_tls", "destination", "fd", "is_encrypted", "responses", "reused", "sock", "transport")

    def __init__(
        self, sock: socket.socket, destination: Destination, transport: Transport, tls: TlsTransport | None
    ) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.destination = destination
        self.transport = transport
        self.responses = WholeResponses()
        self.reused = self._has_stamps = False
        self.is_encrypted = tls is not None
        self._tls = tls

    def ask_for_stamps(self) -> None:
        """Have the kernel record when data arrives, from now on."""
        if not self._has_stamps:
            self._has_stamps = True
            ask_for_stamps(self.sock)

    def close(self, loop: Loop) -> None:
        """End the connection, and its session of TLS."""
        if self._tls is not None:
            self._tls.end_session(self.sock)
        self.responses.close()
        discard(loop, self.sock)


class _ToServer:
    """The connections of a user to one server: those that are idle, how many there are, and who waits for one."""

    __slots__ = ("count", "idle", "waiting")

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.count = 0
        self.waiting: deque[Task] = deque()


class Pool:
    """The connections of one user. `source` is the local address that those to the target leave from, if not None.

    A pool that `keeps` none closes each behind its answer.
    """

    __slots__ = ("_by_server", "_keeps", "_loop", "_plain", "_source")

    def __init__(self, loop: Loop, plain: PlainTransport, source: str | None, keeps: bool = True) -> None:
        self._loop = loop
        self._plain = plain
        self._source = source
        self._keeps = keeps
        self._by_server: dict[Destination, _ToServer] = {}

    async def take(
        self, destination: Destination, timeout_ns: int, wait_ns: int, recorder: Recorder
    ) -> Connection | Failure:
        """Return a connection to use, the last that became idle or a new one, or why there is none.

        If there are as many as there may be it waits for one, for at most `wait_ns`.
        """
        server, deadline_ns = self._server(destination), 0
        while True:
            while server.idle:
                connection = server.idle.pop()
                if self._loop.parked[connection.fd] is not True or not connection.transport.has_spoken(connection.sock):
                    return connection
                self.close(connection)
            if server.count < MOST_TO_A_SERVER:
                return await self.open(destination, timeout_ns, recorder)
            now_ns = time.monotonic_ns()
            deadline_ns = deadline_ns or now_ns + wait_ns
            with self._loop.time_scope(deadline_ns - now_ns) as scope:
                await self._wait_for_one(server)
            if scope.cancelled:
                reason = f"all {MOST_TO_A_SERVER} connections of this user to the server are in use"
                return Failure(Outcome.TIMEOUT, reason)

    async def open(self, destination: Destination, timeout_ns: int, recorder: Recorder) -> Connection | Failure:
        """Return a new connection, or why there is none; count the attempt."""
        loop, server = self._loop, self._server(destination)
        tls = TlsTransport(loop, destination.tls) if destination.tls is not None else None
        source = self._source if destination.is_target else None
        server.count += 1
        made: socket.socket | Failure | None = None
        try:
            made = await try_connection(loop, destination.address, source, timeout_ns, tls, recorder)
        finally:
            if not isinstance(made, socket.socket):
                self._make_room(server)
        if isinstance(made, Failure):
            return made
        return Connection(made, destination, tls or self._plain, tls)

    def give_back(self, connection: Connection) -> None:
        """Take a connection back behind a complete answer; another request may use it."""
        if self._keeps:
            self.keep(connection)
        else:
            reset_on_close(connection.sock)
            self.close(connection)

    def keep(self, connection: Connection) -> None:
        """Keep a connection for the next request; the server may end it meanwhile."""
        server = self._server(connection.destination)
        connection.reused = True
        server.idle.append(connection)
        self._wake_next(server)

    def give_away(self, connection: Connection) -> None:
        """Leave a connection to who closes it; it is none of the pool's any more."""
        self._make_room(self._server(connection.destination))

    def close(self, connection: Connection) -> None:
        """Close a connection that is of no more use."""
        connection.close(self._loop)
        self._make_room(self._server(connection.destination))

    def close_all(self) -> None:
        """Close all connections that nobody uses."""
        for server in self._by_server.values():
            for connection in server.idle:
                connection.close(self._loop)
            server.count -= len(server.idle)
            server.idle.clear()

    def _server(self, destination: Destination) -> _ToServer:
        server = self._by_server.get(destination)
        if server is None:
            server = self._by_server[destination] = _ToServer()
        return server

    async def _wait_for_one(self, server: _ToServer) -> None:
        task = self._loop.current
        server.waiting.append(task)
        try:
            await suspend()
        except BaseException:
            if task not in server.waiting:  # it had been its turn
                self._wake_next(server)
            raise
        finally:
            if task in server.waiting:  # woken by something else
                server.waiting.remove(task)

    def _make_room(self, server: _ToServer) -> None:
        server.count -= 1
        self._wake_next(server)

    def _wake_next(self, server: _ToServer) -> None:
        if server.waiting:
            self._loop.resume_soon(server.waiting.popleft())
