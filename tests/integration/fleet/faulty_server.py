"""A server that answers at random, as it should or with a fault, and does not listen for a part of the time."""

import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

RESET: Final = b"\x01\x00\x00\x00\x00\x00\x00\x00"

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# What is sent for a request, and whether the connection ends then.
ANSWERS: Final[Sequence[tuple[bytes, bool]]] = (
    (OK, False),
    (OK, True),  # an end that was not announced
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", True),
    (OK[:-1], True),
    (b"", True),
    (b"nonsense\r\n\r\n", False),
    (OK + b"more", False),
    (b"", False),  # silence
)


class FaultyServer:
    """Answers at random, and does not listen for a part of the time."""

    def __init__(self, weights: Sequence[int], seed: int, away: tuple[float, float]) -> None:
        self._weights = weights
        self._random = random.Random(seed)
        self._away = away
        self._reserved = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._reserved.getsockname()
        self._ends = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]

    @contextmanager
    def serving(self) -> Iterator[None]:
        self._threads[0].start()
        try:
            yield
        finally:
            self._ends.set()
            self._threads[0].join()
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            for thread in self._threads[1:]:
                thread.join()
            for sock in self._open:
                sock.close()

    def _listen(self) -> None:
        began = time.monotonic()
        listener: socket.socket | None = self._reserved
        while not self._ends.is_set():
            passed = time.monotonic() - began
            if self._away[0] <= passed < self._away[1]:
                if listener is not None:
                    listener.close()
                listener = None
                time.sleep(0.005)
                continue
            listener = listener or socket.create_server(self.address)
            listener.settimeout(0.005)
            with suppress(TimeoutError):
                sock, _ = listener.accept()
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()
        if listener is not None:
            listener.close()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            while sock.recv(65_536):
                ((answer, ends),) = self._random.choices(ANSWERS, self._weights)
                if answer:
                    sock.sendall(answer)
                if ends:
                    if self._random.random() < 0.5:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    break
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
