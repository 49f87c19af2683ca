"""The limits that loadlab sets for one process and one local address, and the processes and threads of a server.

`fleet.division` divides connections by the limits, `targets` describes servers by their footprint, and `host` judges
machines by both.
"""

from dataclasses import dataclass
from typing import Final, Literal

# The default range holds 28,000 local ports for each pair of source and destination, but connect(2) searches ever
# longer for a free one: 33,000 connections a second up to 10,000 per pair, 4,400 a second at 19,000.
PORTS_PER_SOURCE: Final = 10_000
_DEFAULT_PORTS: Final = 28_232  # net.ipv4.ip_local_port_range: 32768 to 60999
WIDEST_PORTS: Final = 64_512  # 1024 to 65535
# Descriptors of a process itself: standard streams, epoll, files of the interpreter, room to accept in.
RESERVED_DESCRIPTORS: Final = 40
MAX_PROCESSES: Final = 256


@dataclass(frozen=True, slots=True)
class Footprint:
    """The processes and threads of a server: `listeners` are processes that share its port, the pools work for them.

    `per_connection` is what it starts for each connection, if anything.
    """

    listeners: int = 1
    pool_processes: int = 0
    pool_threads: int = 0
    per_connection: Literal["process", "thread"] | None = None


def ports_per_source(local_ports: int) -> int:
    """Return how many of the local ports that the kernel gives to connections are to be used of one address.

    connect(2) takes every other port first, and searches long when few of those are left. So it is a part of the range:
    with 64,512 ports it stayed quick up to 30,000 connections.
    """
    return PORTS_PER_SOURCE * local_ports // _DEFAULT_PORTS


def processes_for(connections: int, open_files: int) -> int | None:
    """Return the fewest processes that can hold `connections` with `open_files` each; None if there are too many."""
    if connections == 0:
        return 0
    capacity = open_files - RESERVED_DESCRIPTORS
    needed = -(-connections // capacity) if capacity > 0 else MAX_PROCESSES + 1
    return needed if needed <= MAX_PROCESSES else None
