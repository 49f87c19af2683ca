"""The servers that the tests here go through, one after the other, each with the options that make it another one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """A target with some of its options, and what distinguishes it from others as far as a client sees.

    `idle` is how many idle connections a test may ask it to hold; `own_protocol` whether it speaks HTTP through
    targets/http_protocol.py, and so in the same words; `waits_together` whether several handlers can wait at the same
    time; `program` what it needs to be installed.
    """

    name: str
    arguments: tuple[str, ...] = ()
    idle: int = 1000
    own_protocol: bool = True
    waits_together: bool = True
    program: str | None = None

    def __str__(self) -> str:
        return " ".join((self.name, *self.arguments))


ARCHITECTURES = (
    Architecture("select", waits_together=False),
    Architecture("poll", waits_together=False),
    Architecture("epoll", waits_together=False),
    Architecture("epoll", ("--trigger", "edge"), waits_together=False),
    Architecture("epoll", ("--processes", "3"), waits_together=False),
    Architecture("fork", idle=50),
    Architecture("thread"),
    Architecture("epoll-threads", ("--pool", "3")),
    Architecture("epoll-processes", ("--pool", "3")),
    Architecture("callback"),
    Architecture("coroutine"),
    Architecture("coroutine", ("--blocking",), waits_together=False),
    Architecture("coroutine", ("--processes", "2")),
    Architecture("asyncio"),
    Architecture("uvloop"),
    Architecture("node", own_protocol=False, program="node"),
)

STREAMING = ("callback", "coroutine", "asyncio", "uvloop", "node")
"""The servers that speak WebSocket, streams of events and raw TCP as well."""
