"""A server that holds all connections, answers requests, and ends connections on command."""

import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class HoldingServer:
    """Listens on a port of 127.0.0.1 with a small backlog; one thread with one epoll serves all connections.

    `resets` counts the connections that a client ended with a reset, `pieces` what else was received.
    """

    def __init__(self, backlog: int = 16) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()
        self.resets = 0
        self.pieces = 0
        self._held: dict[int, tuple[socket.socket, str]] = {}  # with the address of the other end
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake_up, self._woken = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._order(self._stop)
        self._thread.join()
        for sock in (*(sock for sock, _ in self._held.values()), self._listener, self._wake_up, self._woken):
            sock.close()

    def peers(self) -> list[str]:
        """Return the address of each connection's other end, without its port."""
        return [host for _, host in list(self._held.values())]

    def end(self, connections: int, with_reset: bool) -> None:
        """Close so many of the connections."""
        self._order(lambda: self._end(connections, with_reset))

    def freeze(self) -> None:
        """Neither accept nor answer any more."""
        self._order(self._stop)
        self._thread.join()

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)
        self._wake_up.send(b"!")

    def _serve(self) -> None:
        with select.epoll() as epoll:
            epoll.register(self._listener, select.EPOLLIN)
            epoll.register(self._woken, select.EPOLLIN)
            while not self._stopping:
                for fd, _ in epoll.poll():
                    if fd == self._woken.fileno():
                        self._woken.recv(1)
                        self._orders.get()()
                    elif fd == self._listener.fileno():
                        with suppress(BlockingIOError):
                            sock, (host, _) = self._listener.accept()
                            self._held[sock.fileno()] = sock, host
                            epoll.register(sock, select.EPOLLIN)
                    elif fd in self._held:
                        self._answer(self._held[fd][0])

    def _answer(self, sock: socket.socket) -> None:
        try:
            if sock.recv(65_536):
                self.pieces += 1
                sock.send(RESPONSE)
                return
        except ConnectionResetError:
            self.resets += 1
        del self._held[sock.fileno()]
        sock.close()

    def _end(self, connections: int, with_reset: bool) -> None:
        for _ in range(connections):
            _, (sock, _) = self._held.popitem()
            if with_reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            sock.close()

    def _stop(self) -> None:
        self._stopping = True
