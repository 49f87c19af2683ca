"""What a load speaks, and what is exchanged once on each new connection before it carries messages or is left idle."""

from typing import Literal

import msgspec

from loadlab.protocols.answers import AnswerEnd

Protocol = Literal["http", "websocket", "tcp", "events"]
"""What a load speaks."""


class Upgrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """A WebSocket's opening handshake (RFC 6455, 4.1): `request` is sent, and the answer has to prove `accept`.

    `subprotocols` are those that the request offers; the server has to agree to one of them.
    """

    request: bytes
    accept: str
    subprotocols: tuple[str, ...] = ()


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """What a server says first, up to an end that is known."""

    end: AnswerEnd


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """An HTTP request, whose answer is read; the connection is kept alive."""

    request: bytes


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """An HTTP request for a stream of events, of whose answer the head is read."""

    request: bytes


IdleOpening = Upgrade | Asked | Subscription
Opening = IdleOpening | Greeting
