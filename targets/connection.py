"""One client of an event loop: everything a loop does with a socket except waiting for it."""

import enum
import socket

import blocking
from handlers import answer
from http_protocol import RequestReader

_RECEIVE_BYTES = 64 * 1024


class Interest(enum.Enum):
    """What a connection waits for: never two things at once."""

    READ = enum.auto()
    WRITE = enum.auto()
    NOTHING = enum.auto()
    """The connection is closed, and its descriptor is free for the next one."""


class Connection:
    """A client's non-blocking socket with what is unfinished in either direction.

    While a response waits for room in the socket's buffer, nothing more is read: a client that sends requests and
    never reads the answers fills its own buffers, not this server's memory. A connection whose turn is over is closed
    for writing only, and read until the client closes too: closing it with bytes unread would send a reset, which may
    overtake the last response.
    """

    __slots__ = ("_reader", "_socket", "_unsent", "fd", "interest")

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        self._socket = client
        self._reader = RequestReader()
        self._unsent = memoryview(b"")
        self.fd = client.fileno()
        self.interest = Interest.READ

    def proceed(self) -> bool:
        """Do what the socket was waited for; return whether `interest` has changed.

        A broken connection is reported as ready too. There is no branch for that: its next read or write fails.
        """
        before = self.interest
        try:
            if before is Interest.READ:
                self._read()
            else:
                self._write(self._unsent)
        except OSError:
            self._close()
        return self.interest is not before

    def _read(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._close()
            return
        response = b"".join([blocking.run(answer(request)) for request in self._reader.feed(data)])
        if response:
            self._write(response)

    def _write(self, unsent: bytes | memoryview) -> None:
        try:
            sent = self._socket.send(unsent)
        except BlockingIOError:
            sent = 0
        if sent < len(unsent):
            self._unsent = memoryview(unsent)[sent:]
            self.interest = Interest.WRITE
            return
        self.interest = Interest.READ
        if self._reader.finished:
            self._socket.shutdown(socket.SHUT_WR)

    def _close(self) -> None:
        self._socket.close()
        self.interest = Interest.NOTHING
