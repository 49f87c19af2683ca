"""Opens idle connections by the round: all of a round are begun, and then looked through in order.

To begin one is to connect and to send the request that opens it, such as a WebSocket's handshake. Over loopback a
connection is established by then, and while this process begins the rest of the round, the server answers the first of
it. So most answers are there when their turn comes, and no task waits for one of them. Where one is not there yet the
loop waits: first for the last of the round, since a server mostly answers in the order in which it was asked.

With TLS each connection has a task as long as it is being opened: a handshake goes back and forth.
"""

import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import (
    Address,
    PlainTransport,
    Transport,
    discard,
    is_connected,
    reset_on_close,
    unconnected,
    wait_connected,
    wait_progress,
    wait_read,
    wait_sent,
)
from loadlab.kernel.tls import TlsClient, TlsTransport
from loadlab.protocols.answers import ANSWER_FAILURES, ResponseCutShort
from loadlab.protocols.openings import IdleOpening

if TYPE_CHECKING:
    from loadlab.protocols.opening_answers import OpeningReader

_ANSWER_BYTES: Final = 16 * 1024
# For the last answer of a round, before the first is looked for: those of a server that answers some only are kept.
_LAST_PATIENCE_NS: Final = 200_000_000
# What send(2) says while connect(2) is under way: of TCP, and of a Unix socket whose server's backlog is full.
_NOT_CONNECTED_YET: Final = frozenset({errno.EAGAIN, errno.ENOTCONN})

OPENING_FAILURES: Final = (OSError, *ANSWER_FAILURES)
"""Why a connection could not be opened; TlsError is an OSError."""

Keep = Callable[[int, TlsTransport | None, bytes], None]
"""Takes an open connection: its descriptor, its TLS session if there is one, and what came behind the answer."""


class Opener:
    """Opens connections to `address`, over TLS if that is given, with an `opening` exchange on each if there is one."""

    def __init__(
        self,
        loop: Loop,
        address: Address,
        tls: TlsClient | None = None,
        opening: IdleOpening | None = None,
    ) -> None:
        self._loop = loop
        self._address = address
        self._tls = tls
        self._opening = opening
        if opening is not None:
            # Not imported otherwise, so that a process that only holds connections has no parser in its memory.
            from loadlab.protocols.opening_answers import readers_for

            self._new_reader = readers_for(opening)
        self._unsent: dict[int, bytes] = {}  # of the request, by descriptor, where it could not be sent at once

    async def open_round(self, sources: Iterable[str | None], keep: Keep) -> None:
        """Open a connection from each of these local addresses (None: the kernel's choice) and hand them to `keep`.

        Those behind the first that fails are closed. Raises what that failed with, one of OPENING_FAILURES. Wrap it in
        a time scope to bound it.
        """
        begun: deque[socket.socket] = deque()
        try:
            for source in sources:
                begun.append(self._begin(source))
            if self._tls is not None:
                await self._open_encrypted(self._tls, begun, keep)
                return
            if self._opening is not None:
                with self._loop.time_scope(_LAST_PATIENCE_NS):
                    await self._wait_spoken(begun[-1])
            while begun:
                came = await self._wait_open(begun[0])
                keep(begun.popleft().detach(), None, came)
        finally:
            self._unsent.clear()
            for sock in begun:
                sock.close()

    async def wait_answered(self, source: str | None, request: bytes) -> None:
        """Open one more connection, have `request` answered on it, and close it. Raises OSError."""
        sock = await wait_connected(self._loop, self._address, source)
        transport: Transport = PlainTransport(self._loop)
        try:
            reset_on_close(sock)
            if self._tls is not None:
                transport = encrypted = TlsTransport(self._loop, self._tls)
                await encrypted.wait_handshake(sock)
            await transport.wait_sent(sock, request)
            await wait_read(self._loop, transport, sock, _ANSWER_BYTES)
        finally:
            discard(self._loop, sock)

    def _begin(self, source: str | None) -> socket.socket:
        """Begin to open, from `source` if that is given, and do not wait. Raises OSError as connect(2) does."""
        sock = unconnected(self._address, source)
        try:
            reset_on_close(sock)
            is_connected(sock, self._address)
            if self._opening is not None and self._tls is None:
                self._send_nowait(sock, self._opening.request)
        except BaseException:
            sock.close()
            raise
        return sock

    def _send_nowait(self, sock: socket.socket, request: bytes) -> None:
        try:
            sent_bytes = sock.send(request)
        except OSError as error:
            if error.errno not in _NOT_CONNECTED_YET:
                raise
            sent_bytes = 0
        if sent_bytes < len(request):
            self._unsent[sock.fileno()] = request[sent_bytes:]

    async def _wait_spoken(self, sock: socket.socket) -> None:
        """Wait until the peer has answered, or ended the connection, if all of the request has been sent."""
        if sock.fileno() in self._unsent:
            return
        self._loop.register(sock.fileno(), for_sending=False)  # what has come by now is reported as well
        try:
            await self._loop.wait_event(sock.fileno())
        finally:
            self._loop.unregister(sock.fileno())

    async def _wait_open(self, sock: socket.socket) -> bytes:
        """Wait until a connection without TLS is open; return what came behind the answer."""
        fd = sock.fileno()
        if self._opening is None:
            if not is_connected(sock, self._address):
                await self._wait_established(sock)
            return b""
        reader = self._new_reader()
        if fd in self._unsent:
            await self._wait_established(sock)
        else:
            with suppress(BlockingIOError):
                if (behind := _fed(reader, os.read(fd, _ANSWER_BYTES))) is not None:
                    return behind
        self._loop.register(fd)
        try:
            await wait_sent(self._loop, sock, self._unsent.pop(fd, b""))
            return await self._wait_answer(PlainTransport(self._loop), sock, reader)
        finally:
            self._loop.unregister(fd)

    async def _open_encrypted(self, tls: TlsClient, begun: deque[socket.socket], keep: Keep) -> None:
        """Open all, at the same time, as the server works while this process does; hand them over."""
        opened: dict[int, tuple[TlsTransport, bytes]] = {}
        failures: list[Exception] = []

        async def open_one(sock: socket.socket) -> None:
            try:
                opened[sock.fileno()] = await self._wait_encrypted(tls, sock)
            except OPENING_FAILURES as error:
                failures.append(error)

        try:
            async with self._loop.task_group() as group:
                for sock in begun:
                    group.start(open_one(sock), "open over TLS")
        finally:
            while begun and begun[0].fileno() in opened:
                session, came = opened[begun[0].fileno()]
                keep(begun.popleft().detach(), session, came)
        if failures:
            raise failures[0]

    async def _wait_encrypted(self, tls: TlsClient, sock: socket.socket) -> tuple[TlsTransport, bytes]:
        if not is_connected(sock, self._address):
            await self._wait_established(sock)
        session = TlsTransport(self._loop, tls)
        self._loop.register(sock.fileno())
        try:
            await session.wait_handshake(sock)
            if self._opening is None:
                return session, b""
            await session.wait_sent(sock, self._opening.request)
            return session, await self._wait_answer(session, sock, self._new_reader())
        finally:
            self._loop.unregister(sock.fileno())

    async def _wait_established(self, sock: socket.socket) -> None:
        """Wait until a connection that was begun is established. Raises OSError as connect(2) does."""
        self._loop.register(sock.fileno())
        try:
            while not is_connected(sock, self._address):
                await wait_progress(self._loop, sock, self._address)
        finally:
            self._loop.unregister(sock.fileno())

    async def _wait_answer(self, transport: Transport, sock: socket.socket, reader: "OpeningReader") -> bytes:
        """Read the answer, or the rest of it; return what came behind it."""
        while True:
            piece = await wait_read(self._loop, transport, sock, _ANSWER_BYTES)
            if (behind := _fed(reader, piece)) is not None:
                return behind


def _fed(reader: "OpeningReader", piece: bytes) -> bytes | None:
    if not piece:
        raise ResponseCutShort("the server ended the connection before its answer was complete")
    return reader.feed(piece)
