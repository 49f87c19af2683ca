"""A server that keeps connections open and writes each response in two pieces, with Nagle's algorithm on.

`nagle_server.py [nodelay] [close]`: with `nodelay` it sets TCP_NODELAY, with `close` it ends each connection after one
response. It prints its port, and ends by a signal.
"""

import socket
import sys
import threading
from typing import Final

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
_BODY: Final = b"done"


def serve(connection: socket.socket, options: set[str]) -> None:
    """Answer whatever comes in one piece, until the client ends the connection."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, "nodelay" in options)
        while connection.recv(65536):
            connection.sendall(_HEAD)
            connection.sendall(_BODY)
            if "close" in options:
                return


def main() -> None:
    """Serve on a free port, a thread for each connection."""
    options = set(sys.argv[1:])
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, options), daemon=True).start()


if __name__ == "__main__":
    main()
