"""The other end of a TLS connection in memory, and certificates of a private CA."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trustme

ServerSetup = Callable[[ssl.SSLContext], None]


class MemoryServer:
    """A TLS server between two buffers: takes bytes that a client sent, returns bytes to send to it."""

    def __init__(self, certificate: trustme.LeafCert, setup: ServerSetup | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        if setup is not None:
            setup(context)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def shake_hands(self, received: bytes) -> bytes:
        """Go on with the handshake; return what is to be sent. Raises ssl.SSLError."""
        self._incoming.write(received)
        with suppress(ssl.SSLWantReadError):
            self._ssl.do_handshake()
        return self.pending()

    def pending(self) -> bytes:
        """Return what is to be sent: also the alert, after an error."""
        return self._outgoing.read()

    def decrypt(self, received: bytes) -> bytes:
        """Return the data of all records that are complete."""
        self._incoming.write(received)
        pieces = []
        while True:
            try:
                pieces.append(self._ssl.read(1 << 20))
            except ssl.SSLWantReadError:
                return b"".join(pieces)
            if not pieces[-1]:
                return b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        """Return the records for `data`."""
        self._ssl.write(data)
        return self.pending()

    def close_notify(self) -> bytes:
        """Return the record that ends the session."""
        with suppress(ssl.SSLWantReadError):
            self._ssl.unwrap()
        return self.pending()


def shake_hands(client: ssl.SSLContext, server: MemoryServer, server_name: str) -> ssl.SSLError | None:
    """Have both ends agree, and the client read until the server has nothing to say; return the client's error."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(incoming, outgoing, server_hostname=server_name)
    step: Callable[[], object] = client_side.do_handshake
    for _ in range(4):
        try:
            step()
            step = client_side.read
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            return error
        try:
            answer = server.shake_hands(outgoing.read())
        except ssl.SSLError:
            answer = server.pending()
        incoming.write(answer)
    return None


def write_pem(blob: trustme.Blob, path: Path) -> str:
    """Write a certificate or key to a file; return its path."""
    blob.write_to_path(str(path))
    return str(path)
