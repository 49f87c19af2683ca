"""One client of an event loop: everything a loop does with a socket except waiting for it."""

import enum
import socket

import blocking
from http_protocol import Request, RequestReader

_RECEIVE_BYTES = 64 * 1024
_NOTHING = memoryview(b"")  # one for all: each takes 320 bytes, more than all else here


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
        self._unsent = _NOTHING
        self.fd = client.fileno()
        self.interest = Interest.READ

    def proceed(self) -> bool:
        """Do once what the socket was waited for, answering what is complete; return whether the socket was ready.

        A broken connection is reported as ready too. There is no branch for that: its next read or write fails.
        """
        if self.interest is Interest.WRITE:
            return self.send_rest()
        requests = self.receive()
        return self.send(blocking.answer_all(requests)) if requests else requests is not None

    def receive(self) -> list[Request] | None:
        """Read once; return the requests that this completes, None if there was nothing to read, now or ever."""
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.close()
            return None
        return self._reader.feed(data)

    def send(self, unsent: bytes | memoryview) -> bool:
        """Write as much as there is room for, and keep the rest; return whether there was any room."""
        try:
            sent = self._socket.send(unsent)
            if sent == len(unsent):
                self.interest = Interest.READ
                if self._reader.finished:
                    self._socket.shutdown(socket.SHUT_WR)
                return True
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return False
        self._unsent = memoryview(unsent)[sent:]
        self.interest = Interest.WRITE
        return sent > 0

    def send_rest(self) -> bool:
        """Write on where `send` had to stop; return like it."""
        return self.send(self._unsent)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        self.interest = Interest.NOTHING


class WaitingConnection(Connection):
    """A connection that, once a request has begun, reads on until it is complete, and blocks for that.

    It is what `readline` on a client's socket does in an event loop. Nothing is wrong with it as long as every request
    comes in one packet; but a client that sends half a request makes the loop, and all others with it, wait for the
    rest.
    """

    __slots__ = ()

    def receive(self) -> list[Request] | None:
        """Read until no request is left half done; return like that of any connection."""
        requests = super().receive()
        while requests is not None and self._reader.midway:
            self._socket.setblocking(True)
            more = super().receive()
            if more is None:
                return requests or None
            self._socket.setblocking(False)
            requests += more
        return requests
