"""The exchange with which a connection begins, carried out on a socket."""

import socket
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Transport, wait_read
from loadlab.protocols.answers import ResponseCutShort
from loadlab.protocols.opening_answers import readers_for
from loadlab.protocols.openings import Greeting, Opening

_RECEIVE_BYTES: Final = 16 * 1024


async def wait_opened(loop: Loop, transport: Transport, sock: socket.socket, opening: Opening) -> bytes:
    """Carry out `opening` on a connection that is registered with the loop, for sending too.

    Returns the bytes that came behind the answer, where a server speaks first. Raises OpeningRefused,
    MalformedResponse, ResponseTooLarge, ResponseCutShort, or OSError. Wrap it in a time scope to bound it.
    """
    if not isinstance(opening, Greeting):
        await transport.wait_sent(sock, opening.request)
    reader = readers_for(opening)()
    while data := await wait_read(loop, transport, sock, _RECEIVE_BYTES):
        if (behind := reader.feed(data)) is not None:
            loop.parked[sock.fileno()] = True  # there may be more, of which the event has been taken
            return behind
    raise ResponseCutShort("the server ended the connection before its answer was complete")
