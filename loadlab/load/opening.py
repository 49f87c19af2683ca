"""The exchange with which a connection begins, carried out on a socket."""

import socket

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Transport
from loadlab.protocols.openings import Opening


async def wait_opened(loop: Loop, transport: Transport, sock: socket.socket, opening: Opening) -> bytes:
    """Carry out the opening exchange."""
    raise NotImplementedError
