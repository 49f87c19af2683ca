"""The addresses of this machine's interfaces, and from which of them a server can be reached (netdevice(7))."""

import array
import fcntl
import socket
import struct
from typing import Final

_SIOCGIFCONF: Final = 0x8912  # from <linux/sockios.h>
_IFREQ_BYTES: Final = 40
_MOST_INTERFACES: Final = 4096


def list_addresses() -> list[str]:
    """Return the IPv4 addresses of all interfaces but loopback's, those that were added to one included."""
    return [address for interface, address in _interfaces() if interface != "lo"]


def sources_towards(host: str) -> list[str]:
    """Return the IPv4 addresses of the interface through which the kernel reaches `host`; the one it would take first.

    Empty where it has no route, or `host` is an IPv6 address.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # sends nothing: the kernel chooses an address
            chosen: str = probe.getsockname()[0]
    except OSError:
        return []
    interfaces = _interfaces()
    through = {interface for interface, address in interfaces if address == chosen}
    others = [address for interface, address in interfaces if interface in through and address != chosen]
    return [chosen, *others]


def _interfaces() -> list[tuple[str, str]]:
    """Return (interface, IPv4 address) pairs."""
    buffer = array.array("B", bytes(_IFREQ_BYTES * _MOST_INTERFACES))
    address, length = buffer.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, _SIOCGIFCONF, struct.pack("iL", length, address))
    filled, _ = struct.unpack("iL", answer)
    entries = buffer.tobytes()
    return [
        # The name, up to 16 bytes, then a sockaddr_in: family, port, address. An alias is called like eth0:1.
        (
            entries[start : start + 16].split(b"\0")[0].decode().partition(":")[0],
            socket.inet_ntoa(entries[start + 20 : start + 24]),
        )
        for start in range(0, filled, _IFREQ_BYTES)
    ]
