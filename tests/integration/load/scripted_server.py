"""A server that plays a script with each connection: what a real one does on its good and its bad days."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_FIN_WAIT_1 = 4  # TCP_FIN_WAIT1 of <netinet/tcp.h>; tcpi_state is the first byte of TCP_INFO


class Peer:
    """One accepted connection, as a script sees it. A script that returns has the connection closed."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""  # the last request

    def receive_request(self) -> bool:
        """Wait for a whole request without a body; False once the client has closed."""
        self.received = b""
        while not self.received.endswith(b"\r\n\r\n"):
            piece = self.sock.recv(65_536)
            if not piece:
                return False
            self.received += piece
        return True

    def wait_closed(self) -> None:
        """Wait until the client closes."""
        while self.sock.recv(65_536):
            pass

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        """Send no more, and wait until the client's kernel knows that."""
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _FIN_WAIT_1:
            time.sleep(0.001)

    def reset_on_close(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


Script = Callable[[Peer], None]


class ScriptedServer:
    """Listens on a port of 127.0.0.1 and plays `script` with each connection on a thread of its own.

    With `tls` it shakes hands first, and ends the session when the script is over.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept_all)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept; so does it below for whoever reads or writes
        self._threads[0].join()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept_all(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open.add(sock)
                thread = threading.Thread(target=self._play, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _play(self, sock: socket.socket) -> None:
        with suppress(OSError):  # the client may leave at any point of a script
            if self._tls is None:
                self._script(Peer(sock))
            else:
                sock = encrypted = self._encrypt(sock, self._tls)
                self._play_encrypted(encrypted)
        with self._lock:
            self._open.remove(sock)
            sock.close()

    def _encrypt(self, sock: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        encrypted = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.remove(sock)
            self._open.add(encrypted)
        return encrypted

    def _play_encrypted(self, sock: ssl.SSLSocket) -> None:
        try:
            self._script(Peer(sock))
            sock.setblocking(False)
            sock.unwrap()
        except ssl.SSLWantReadError:
            pass  # the end of the session has been sent, and nobody waits for that of the client
        except ssl.SSLError:
            while socket.socket.recv(sock, 65_536):  # with anything unread a reset would overtake the alert
                pass
        except ValueError:
            pass  # it was shut down meanwhile
