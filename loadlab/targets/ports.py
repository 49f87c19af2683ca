"""A free port for a program that is to listen on it, without holding it meanwhile.

The kernel takes the ports of outgoing connections from one range (ip_local_port_range). A port of that range may be
taken by any connection between our look and the program's bind(2), and by the load itself; so one outside is chosen
where there is room.
"""

import contextlib
import errno
import random
import socket
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from loadlab.errors import TrialFailed

_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST: Final = 10_000  # below are the ports that other servers commonly use
_LAST: Final = 65_535
_WORTH_IT: Final = 100
_TRIES: Final = 200


def choose_port(avoided: Collection[int] = (), ports_of_connections: Path = _RANGE) -> int:
    """Return a port that nobody uses on this machine, on any address. Raises TrialFailed where none is found."""
    candidates = _candidates(ports_of_connections)
    for port in random.sample(candidates, k=min(_TRIES, len(candidates))):
        if port not in avoided and is_free(port):
            return port
    raise TrialFailed("there is no free port for the target; stop other servers, or name its address (target.address)")


def is_free(port: int) -> bool:
    """Return whether a server may listen on that port, on any address of both families."""
    return all(map(_binds, _wildcards(port)))


def _candidates(ports_of_connections: Path) -> list[int]:
    first, last = _range(ports_of_connections)
    outside = [*range(_FIRST, min(first, _LAST + 1)), *range(max(last + 1, _FIRST), _LAST + 1)]
    return outside if len(outside) >= _WORTH_IT else [*range(_FIRST, _LAST + 1)]


def _range(file: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError, ValueError):
        first, last = map(int, file.read_text(encoding="ascii").split())
        return first, last
    return 32_768, 60_999


def _wildcards(port: int) -> Iterator[tuple[socket.AddressFamily, tuple[str, int]]]:
    yield socket.AF_INET, ("0.0.0.0", port)
    if socket.has_ipv6:
        yield socket.AF_INET6, ("::", port)


def _binds(where: tuple[socket.AddressFamily, tuple[str, int]]) -> bool:
    family, address = where
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        # A machine without IPv6 cannot have it in use.
        return error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
    return True
