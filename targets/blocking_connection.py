"""One client served from its first request to its last by whoever has nothing else to do: a process or a thread."""

import socket

import blocking
from http_protocol import RequestReader

_RECEIVE_BYTES = 64 * 1024


def serve_client(client: socket.socket) -> None:
    """Answer a client until it closes, and close; block wherever there is something to wait for.

    After the last response to a client that asked to close, the connection is closed for writing only, and read until
    the client closes too: closing it with bytes unread would send a reset, which may overtake the response.
    """
    reader = RequestReader()
    with client:
        try:
            client.setblocking(True)
            while data := client.recv(_RECEIVE_BYTES):
                if reader.finished:
                    continue
                responses = blocking.answer_all(reader.feed(data))
                if responses:
                    client.sendall(responses)
                if reader.finished:
                    client.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the client is gone
