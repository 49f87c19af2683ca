"""WebSockets of a server on asyncio's interface: the package `websockets`, as its users have it, behind our own HTTP.

Its server listens at an address of its own, where nobody connects; so its own code makes everything that belongs to a
connection. A connection whose request asks for a WebSocket is given to it, with the request: on the same port, and
under the same loop. Its defaults are left as they are (it pings every 20 s, `ping_seconds`) but for two: compression is
off, and messages may be as long as those of the other servers here.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from websocket import MAX_MESSAGE_BYTES


class WebSockets:
    """Takes over connections and sends back each message that comes on them. To be made by `start`."""

    def __init__(self, server: Server, ping_seconds: int) -> None:
        self._server = server
        self._ping_seconds = ping_seconds or None

    @classmethod
    async def start(cls, ping_seconds: int) -> "WebSockets":
        """Return them ready; 0 for no pings. To be called in the loop."""
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)  # what clients do wrong is no news here
        unreachable = socket.socket(socket.AF_UNIX)
        unreachable.bind("")  # the kernel chooses a name, and no file is made
        return cls(await serve(echo, unix=True, sock=unreachable), ping_seconds)

    def take_over(self, transport: asyncio.Transport, received: bytes) -> None:
        """Go on with a connection of which so much has been received, from the request for a WebSocket on."""
        protocol = ServerProtocol(select_subprotocol=select_first, max_size=MAX_MESSAGE_BYTES)
        connection = ServerConnection(
            protocol, self._server, ping_interval=self._ping_seconds, ping_timeout=self._ping_seconds
        )
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.data_received(received)

    def abort(self) -> None:
        """Break all connections: when the loop ends, none is to wait for its client's answer to a close frame."""
        for connection in self._server.connections:
            connection.transport.abort()


async def echo(connection: ServerConnection) -> None:
    """Send back each message."""
    async for message in connection:
        await connection.send(message)


def select_first(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Accept the first subprotocol that is offered."""
    return offered[0] if offered else None
