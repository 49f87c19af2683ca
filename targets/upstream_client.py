"""The HTTP client behind the handler `upstream`: GET requests that never block, over connections that are kept open.

Each request under way has a connection of its own. When its answer is complete the connection waits for the next
request, so there are as many as there were requests at the same time.
"""

import errno
import os
import re
import socket
from dataclasses import dataclass

from waits import Failure, LoopSteps, Readable, Watching, Writable

_RECEIVE_BYTES = 64 * 1024
_STILL_CONNECTING = (errno.EINPROGRESS, errno.EALREADY)
_STATUS_LINE = re.compile(rb"HTTP/1\.1 (([0-9]{3}) ?[^\r]*)\r\n")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CONNECTION_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response; `status` is the code with its phrase."""

    status: str
    body: bytes
    keep_alive: bool


def parse_response(received: bytes) -> Response | None:
    """Return the response that was received, None while some of it is missing. Raises Failure if it is none.

    It knows what the servers here send: a Content-Length, no other framing.
    """
    head, end_of_head, rest = received.partition(b"\r\n\r\n")
    if not end_of_head:
        return None
    head += b"\r\n"
    status, length = _STATUS_LINE.match(head), _CONTENT_LENGTH.search(head)
    if status is None or length is None:
        raise Failure("the upstream server answered something other than HTTP/1.1 with a Content-Length")
    body_bytes = int(length[1])
    if len(rest) < body_bytes:
        return None
    keep_alive = len(rest) == body_bytes and _CONNECTION_CLOSE.search(head) is None
    return Response(status[1].decode("latin-1"), rest[:body_bytes], keep_alive)


class UpstreamClient:
    """Asks one server."""

    def __init__(self, address: tuple[str, int], watching: Watching) -> None:
        """Look up the server's name, once: that blocks. Raises Failure."""
        self._watching = watching
        self._idle: list[socket.socket] = []
        self._name = "{}:{}".format(*address)
        try:
            family, _, _, _, socket_address = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise Failure(f"the upstream server at {self._name} is not known: {error.strerror}") from error
        self._family, self._address = family, socket_address

    def fetch(self, path: str) -> LoopSteps[bytes]:
        """Return the body of the answer to a GET request. Raises Failure."""
        request = f"GET {path} HTTP/1.1\r\nHost: {self._name}\r\n\r\n".encode("ascii")
        try:
            response = yield from self._ask(request)
        except OSError as error:
            reason = error.strerror or error
            raise Failure(f"the upstream server at {self._name} did not answer: {reason}") from error
        if not response.status.startswith("200"):
            raise Failure(f"the upstream server answered {response.status}")
        return response.body

    def _ask(self, request: bytes) -> LoopSteps[Response]:
        if self._idle:
            try:
                return (yield from self._exchange(self._idle.pop(), request))
            except ConnectionError:
                # The server may close an idle connection whenever it likes, even as we send. That says nothing of the
                # request, and a GET may be repeated: once, on a fresh connection.
                pass
        connection = yield from self._connect()
        return (yield from self._exchange(connection, request))

    def _connect(self) -> LoopSteps[socket.socket]:
        connection = socket.socket(self._family)
        connection.setblocking(False)
        self._watching.register(connection.fileno())
        try:
            # Called again, connect(2) says how far it got.
            while (error := connection.connect_ex(self._address)) in _STILL_CONNECTING:
                yield Writable(connection.fileno())
            if error not in (0, errno.EISCONN):
                raise OSError(error, os.strerror(error))
        except BaseException:
            self._close(connection)
            raise
        return connection

    def _exchange(self, connection: socket.socket, request: bytes) -> LoopSteps[Response]:
        """Send a request and receive its response; keep the connection if it can serve another one."""
        try:
            unsent = memoryview(request)
            while unsent:
                try:
                    unsent = unsent[connection.send(unsent) :]
                except BlockingIOError:
                    yield Writable(connection.fileno())
            received = b""
            while (response := parse_response(received)) is None:
                try:
                    data = connection.recv(_RECEIVE_BYTES)
                except BlockingIOError:
                    yield Readable(connection.fileno())
                    continue
                if not data:
                    raise ConnectionError("it closed the connection before its answer was complete")
                received += data
        except BaseException:
            self._close(connection)
            raise
        if response.keep_alive:
            self._idle.append(connection)
        else:
            self._close(connection)
        return response

    def _close(self, connection: socket.socket) -> None:
        self._watching.unregister(connection.fileno())
        connection.close()
