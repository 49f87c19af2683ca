"""Where the requests of a scenario go: to the target of its trial, or to another server that it may ask as well."""

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address
from loadlab.kernel.tls import TlsClient
from loadlab.load.failures import Failure
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.threads import Threads
from loadlab.tls import TlsSettings

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, eq=False)
class Destination:
    """A server: where to connect, over TLS with `tls`. Compared by identity, as there is one for each origin."""

    address: Address
    tls: TlsClient | None
    is_target: bool = False


class Destinations:
    """The servers that the users of a worker ask, by scheme and authority of a URL.

    Requests go to the target, to other servers on this machine, and to the hosts `allow_remote`.
    """

    def __init__(
        self, loop: Loop, threads: Threads, target: Destination, authority: str, allow_remote: Collection[str]
    ) -> None:
        """`authority` is the target's: host and port as its URL has them."""
        self._loop = loop
        self._threads = threads
        self.target = target
        self.base_url = f"{'http' if target.tls is None else 'https'}://{authority}"
        self._allow_remote = frozenset(allow_remote)
        url = httpx.URL(self.base_url)
        self._known = {(url.raw_scheme, url.netloc): target}

    def known(self, url: httpx.URL) -> Destination | None:
        """Return where a URL leads, if that is known already, as that of the target is."""
        return self._known.get((url.raw_scheme, url.netloc))

    async def find(self, url: httpx.URL) -> Destination | Failure:
        """Return where a URL leads, or why nowhere. Raises httpx.UnsupportedProtocol if it must not be asked."""
        if (known := self.known(url)) is not None:
            return known
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol '{url.scheme}://'.")
        port = url.port or _PORTS[url.scheme]
        address = "127.0.0.1" if url.host == "localhost" else url.host
        if not _is_loopback(address):
            if self._allow_remote.isdisjoint((url.host.lower(), url.raw_host.decode("ascii").lower())):
                raise httpx.UnsupportedProtocol(
                    f"{url.host} is not this machine: name it in allow_remote of the profile, or with --allow-remote"
                )
            found = await self._resolve(url.host, port)
            if isinstance(found, Failure):
                return found
            address = found
        tls = TlsClient(TlsSettings(url.host)) if url.scheme == "https" else None
        return self._known.setdefault((url.raw_scheme, url.netloc), Destination((address, port), tls))

    async def _resolve(self, host: str, port: int) -> str | Failure:
        try:
            found = await self._threads.call(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            return Failure(Outcome.UNREACHABLE, f"no address for {host}: {error.strerror}")
        return str(found[0][4][0])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
