"""The transport of a connection over TLS: what a user reads and writes, encrypted, over the kernel's sockets.

OpenSSL gets no descriptor: it encrypts and decrypts between two buffers in memory (ssl.MemoryBIO), so a whole answer
takes one read of the socket, where OpenSSL by itself makes two or three. Facts that this file stands on:

- An edge is reported once. So before waiting one reads until EAGAIN or a short read, and nothing that has been received
  is kept in the buffers: `read` returns all records that came whole.
- Records that carry no data (tickets for a later session, which a TLS 1.3 server sends unasked after the handshake)
  are no answer, nor is an idle connection that received them of no use.
- The end of a TLS session is a record (close_notify), which may come with the last data, and without an end of the
  connection. What ends otherwise may have been cut by anyone, and this matters where the end completes the response.
- Each connection has a handshake of its own: sessions are not resumed, so that what is measured is a full handshake.
  (wrk resumes them where the server lets it.)
"""

import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import receive_stamped, wait_received, wait_sent
from loadlab.tls import TlsError, TlsSession, TlsSettings, explain_failure, explain_plain_text, make_context

_RECORD_BYTES: Final = 16 * 1024
"""The most that one record carries (RFC 8446, 5.1)."""

_ENCRYPTED_AT_ONCE: Final = 256 * 1024
"""Of a request: of what is longer, no more is kept encrypted."""

_RECEIVE_BYTES: Final = 32 * 1024


class TlsClient:
    """What the connections of one process share: the settings, and the context made of them.

    `session` is what the first handshake agreed on.
    """

    def __init__(self, settings: TlsSettings) -> None:
        """Raise TlsSettingsError if a file of the settings is of no use."""
        self.settings = settings
        self._context = make_context(settings)
        self.session: TlsSession | None = None

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return the TLS side of a new connection between two buffers."""
        return self._context.wrap_bio(incoming, outgoing, server_hostname=self.settings.server_name)


class TlsTransport:
    """One user's TLS, over one connection after the other; each begins with `wait_handshake`.

    It is a `Transport`. `cut_short` is whether the connection ended without the end of its session (RFC 8446, 6.1).
    """

    # What `read` and `write` call is bound once for each connection, and it is OpenSSL's own object that they call:
    # ssl.SSLObject would add a call in Python to each. Together that was 0.5 us of 11 us per request.
    __slots__ = ("_client", "_decrypt", "_encrypt", "_ended", "_incoming", "_loop", "_outgoing", "_sent_bytes", "_ssl",
                 "_take_encrypted", "_take_received", "_unsent", "cut_short")  # fmt: skip

    def __init__(self, loop: Loop, client: TlsClient) -> None:
        self._loop = loop
        self._client = client
        self._ended = True  # whether the peer has ended the session
        self.cut_short = False

    async def wait_handshake(self, sock: socket.socket) -> None:
        """Agree with the server on a session over a connection that is registered with the loop.

        Raises TlsError, or OSError as recv(2) and send(2) do. Wrap it in a time scope to bound it.
        """
        self._begin()
        incoming, outgoing = self._incoming, self._outgoing
        first = b""
        while True:
            try:
                self._ssl.do_handshake()
                break
            except ssl.SSLWantReadError:
                await wait_sent(self._loop, sock, outgoing.read())
            except ssl.SSLError as error:
                self._send_alert(sock)
                raise TlsError(explain_plain_text(first) or explain_failure(error, self._client.settings)) from None
            received = await wait_received(self._loop, sock, _RECEIVE_BYTES)
            first = first or received
            if received:
                incoming.write(received)
            else:
                incoming.write_eof()
        if outgoing.pending:
            await wait_sent(self._loop, sock, outgoing.read())
        if self._client.session is None:
            version, cipher = self._ssl.version(), self._ssl.cipher()
            self._client.session = TlsSession(version or "", cipher[0] if cipher else "")

    def write(self, fd: int, data: bytes) -> int:
        """Send `data` and return its length; or 0 if the socket did not take all of it: `wait_sent` sends the rest.

        Raises TlsError or OSError.
        """
        if len(data) > _ENCRYPTED_AT_ONCE:
            return 0
        try:
            self._encrypt(data)
            encrypted = self._take_encrypted()
            sent_bytes = os.write(fd, encrypted)
        except BlockingIOError:
            sent_bytes = 0
        except ssl.SSLError as error:
            raise self._failure(error) from None
        if sent_bytes == len(encrypted):
            return len(data)
        self._unsent, self._sent_bytes = memoryview(encrypted)[sent_bytes:], len(data)
        return 0

    async def wait_sent(self, sock: socket.socket, rest: bytes) -> None:
        """Send all of `rest`; if `write` has returned 0, what was given to it. The socket is watched for sending."""
        fresh = memoryview(rest)[self._sent_bytes :]
        self._sent_bytes = 0
        while True:
            await wait_sent(self._loop, sock, self._unsent)
            self._unsent = memoryview(b"")
            if not fresh:
                return
            try:
                self._encrypt(fresh[:_ENCRYPTED_AT_ONCE])
            except ssl.SSLError as error:
                raise self._failure(error) from None
            fresh = fresh[_ENCRYPTED_AT_ONCE:]
            self._unsent = memoryview(self._take_encrypted())

    def read(self, fd: int, limit_bytes: int, receive: Callable[[int, int], bytes] = os.read) -> bytes:
        """Return what has come, about `limit_bytes` at most, or b"" at the end.

        Raises BlockingIOError if nothing has come whole: there will be an event. Raises TlsError or OSError.
        """
        while not self._ended:
            received = receive(fd, limit_bytes)
            if not received:
                self._ended = self.cut_short = True
                break
            self._take_received(received)
            try:
                data = self._decrypt(_RECORD_BYTES)
            except ssl.SSLWantReadError:
                if len(received) < limit_bytes:
                    raise BlockingIOError from None
                continue
            except ssl.SSLError as error:
                raise self._failure(error) from None
            if not data:
                self._ended = True
            elif self._incoming.pending:
                return self._decrypt_rest(fd, data)
            return data
        return b""

    def receive_stamped(self, sock: socket.socket, limit_bytes: int) -> tuple[bytes, int]:
        """Read like `read`; return the data, and when the last of it arrived in monotonic ns (0 if unknown)."""
        arrived_ns = 0

        def receive(fd: int, limit_bytes: int) -> bytes:
            nonlocal arrived_ns
            received, arrived_ns = receive_stamped(sock, limit_bytes)
            return received

        return self.read(sock.fileno(), limit_bytes, receive), arrived_ns

    def receive_piece(self, sock: socket.socket, buffer: memoryview) -> bytes:
        """Read like `read`, about as much as `buffer` holds, which is not used."""
        return self.read(sock.fileno(), len(buffer))

    def has_spoken(self, sock: socket.socket) -> bool:
        """Return whether the peer has ended a connection on which nothing is expected, or sent data unasked.

        Clears the event that is kept for it, and takes what has come.
        """
        fd = sock.fileno()
        self._loop.parked[fd] = None
        try:
            self.read(fd, _RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def end_session(self, sock: socket.socket) -> None:
        """Report to the peer that nothing more is sent, as far as the socket takes it at once. Never fails."""
        if self._ended or self._unsent:
            return
        with suppress(ssl.SSLError):  # it wants the peer's end, for which nobody waits
            self._ssl.unwrap()
        self._send_alert(sock)

    def _begin(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = self._client.wrap(self._incoming, self._outgoing)
        openssl = self._ssl._sslobj  # type: ignore[attr-defined]  # it has no public name
        self._encrypt: Callable[[bytes | memoryview], int] = openssl.write
        self._decrypt: Callable[[int], bytes] = openssl.read
        self._take_encrypted, self._take_received = self._outgoing.read, self._incoming.write
        self._unsent = memoryview(b"")  # encrypted, and not taken by the socket yet
        self._sent_bytes = 0  # of the data in hand: what has been encrypted
        self._ended = self.cut_short = False

    def _decrypt_rest(self, fd: int, first: bytes) -> bytes:
        pieces = [first]
        while self._incoming.pending:
            try:
                data = self._decrypt(_RECORD_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                raise self._failure(error) from None
            if not data:
                self._ended = True
                self._loop.parked[fd] = True  # as if there had been an event for it
                break
            pieces.append(data)
        return b"".join(pieces)

    def _failure(self, error: ssl.SSLError) -> TlsError:
        return TlsError(explain_failure(error, self._client.settings))

    def _send_alert(self, sock: socket.socket) -> None:
        """Send what OpenSSL has left for the peer, if the socket takes it at once."""
        if alert := self._take_encrypted():
            with suppress(OSError):
                sock.send(alert)
