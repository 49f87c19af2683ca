"""Where the servers of a run are: their names resolved, once in the whole run, and those of other machines refused.

A name may have several addresses, of both families, and a server often listens at one of them alone (node takes the
first that localhost has, which may be ::1). The first that accepts a connection is taken, and kept for the run: a name
that changes its address meanwhile is not followed.
"""

import socket
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.profile.address import Address, TcpAddress, UnixAddress, format_address, socket_address

LOCALHOST: Final = "localhost"
_LOOPBACK: Final = ("127.0.0.1", "::1")
_CONNECT_SECONDS: Final = 2.0
_ANY_PORT: Final = 9


class NotResolvable(LoadlabError):
    """A name that has no address; the text says what to do."""


class NotAllowed(LoadlabError):
    """An address of another machine, which must not be loaded unless the user says so."""


class Names:
    """The addresses of a run's servers. `allow_remote` are hosts of other machines that may be loaded."""

    def __init__(self, allow_remote: Collection[str] = ()) -> None:
        self._allowed = {host.lower().strip("[]") for host in allow_remote}
        self._resolved: dict[str, tuple[str, ...] | str] = {}  # its IP addresses, or why it has none
        self._chosen: dict[Address, Address] = {}

    def resolve(self, address: Address) -> Address:
        """Return an address with an IP address for its host: the first of a name's that accepts a connection.

        Where none does, it is the first. Raises NotResolvable, and NotAllowed.
        """
        if address not in self._chosen:
            candidates = self.candidates(address)
            found = next(filter(accepts, candidates), None) if len(candidates) > 1 else candidates[0]
            if found is None:
                return candidates[0]  # and look again next time
            self._chosen[address] = found
        return self._chosen[address]

    def candidates(self, address: Address) -> Sequence[Address]:
        """Return the addresses that an address may stand for, at least one. Raises as `resolve` does."""
        if isinstance(address, UnixAddress):
            return [address]
        return [TcpAddress(ip, address.port) for ip in self._permitted(address)]

    def check(self, address: Address) -> None:
        """Raise NotAllowed if the address is of another machine only, and must not be loaded."""
        if isinstance(address, TcpAddress):
            try:
                self._permitted(address)
            except NotResolvable:
                return  # a result of its trial

    def _permitted(self, address: TcpAddress) -> Sequence[str]:
        ips = self._resolve(address.host) if address.is_name else (address.host,)
        if address.host in self._allowed:
            return ips
        if permitted := [ip for ip in ips if ip in self._allowed or is_of_this_machine(ip)]:
            return permitted
        known_as = f" ({ips[0]})" if address.is_name else ""
        raise NotAllowed(
            f"{format_address(address)}{known_as} is not on this machine, and loadlab loads other machines only if "
            f"asked to: add --allow-remote {address.host}, or allow_remote: [{address.host}] in the profile"
        )

    def _resolve(self, host: str) -> tuple[str, ...]:
        if host not in self._resolved:
            self._resolved[host] = _look_up(host)
        found = self._resolved[host]
        if isinstance(found, str):
            raise NotResolvable(f"the name {host} cannot be resolved ({found}); check it, or name an IP address")
        return found


def is_of_this_machine(ip: str) -> bool:
    """Return whether an IP address is one of this machine's, in this network namespace."""
    wanted = ip_address(ip)
    if wanted.is_loopback:
        return True
    # What goes to an own address comes from it too. Connecting sends nothing over UDP; and whether bind(2) works says
    # less, as the kernel may be set to allow any address there (ip_nonlocal_bind).
    with socket.socket(socket.AF_INET6 if wanted.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ip, _ANY_PORT))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == wanted


def _look_up(host: str) -> tuple[str, ...] | str:
    """Return the IP addresses of a host, or why there is none."""
    if host == LOCALHOST:  # whatever /etc/hosts lacks (RFC 6761, 6.3)
        return _LOOPBACK
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return str(error.strerror)
    ips = [str(address[0]) for *_, address in found]
    # IPv4 first, whatever the resolver prefers: it is what a server on this machine listens on as a rule.
    return tuple(dict.fromkeys(sorted(ips, key=lambda ip: ":" in ip)))


def accepts(address: Address) -> bool:
    """Return whether a server accepts connections at an address whose host is an IP address."""
    at = socket_address(address)
    family = socket.AF_UNIX if isinstance(at, str) else socket.AF_INET6 if ":" in at[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(at)
            # A port in the range of outgoing connections may be connected to itself, if nobody listens there.
            return isinstance(at, str) or probe.getsockname() != probe.getpeername()
        except OSError:
            return False
