"""The URL that `loadlab hit` is given, taken apart: forgiving where curl is, else with a sentence on what is wrong."""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from loadlab.errors import LoadlabError
from loadlab.profile.address import Address, TcpAddress, format_address, parse_address
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.template import literal_path
from loadlab.units import quote

UrlProtocol = Literal["http", "websocket", "tcp"]

_URL: Final = re.compile(r"(?:([^/?#]*)://)?([^/?#]*)([^#]*)(#.*)?", re.DOTALL)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PROTOCOLS: Final[Mapping[str, UrlProtocol]] = {
    "http": "http",
    "https": "http",
    "ws": "websocket",
    "wss": "websocket",
    "tcp": "tcp",
    "tls": "tcp",
}
_NO_PORT: Final = 1  # of a URL whose connections go to a Unix socket; nobody measures tcpmux
_OVER_TLS: Final = frozenset({"https", "wss", "tls"})
_HERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
_NEVER_SENT: Final = frozenset({"Cc", "Cs"})  # control characters, bytes of an argument that are not UTF-8


@dataclass(frozen=True, slots=True)
class Url:
    """Where a URL leads: what is spoken there, to which address, and what is requested.

    `scheme` is one of http, https, ws, wss, tcp and tls. `path` has the query, and is written as a profile has it; over
    plain TCP it means nothing. `authorization` is the value of that header, from user:password in the URL. `notes` are
    sentences on what of the URL is not taken as it stands.
    """

    scheme: str
    address: TcpAddress
    path: str
    authorization: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def protocol(self) -> UrlProtocol:
        """What is spoken, as `load.protocol` has it."""
        return _PROTOCOLS[self.scheme]

    @property
    def over_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in _OVER_TLS

    @property
    def host(self) -> str:
        """The host, without the brackets of an IPv6 address."""
        return self.address.host

    def __str__(self) -> str:
        """Return the URL without its credentials."""
        if self.protocol == "tcp":
            return f"{self.scheme}://{format_address(self.address).removesuffix(f':{_NO_PORT}')}"
        usual = f":{_DEFAULT_PORTS[self.scheme]}"
        return f"{self.scheme}://{format_address(self.address).removesuffix(usual)}{self.path}"


def parse_url(text: str, over_socket: bool = False) -> Url:
    """Return what a URL says. Without a scheme it is http, as for curl. Raises LoadlabError with a sentence.

    With `over_socket` connections go to a Unix socket, and the URL needs no port.
    """
    for character in text:
        if unicodedata.category(character) in _NEVER_SENT:
            raise LoadlabError(f"the URL contains the character U+{ord(character):04X}; write it percent-encoded")
    found = _URL.fullmatch(text.strip())
    assert found is not None
    scheme, authority, path, fragment = found.groups()
    scheme = "http" if scheme is None else scheme.lower()
    if scheme not in _PROTOCOLS:
        raise LoadlabError(_about_scheme(scheme))
    user, at, place = authority.rpartition("@")
    shown = text if not at else text.replace(f"{user}@", "", 1)
    place, notes = _reachable(place)
    usual = _DEFAULT_PORTS.get(scheme, _NO_PORT if over_socket else None)
    address = _read_address(place, scheme, usual, shown)
    if _PROTOCOLS[scheme] == "tcp" and (path.removeprefix("/") or at):
        what = f"the path {quote(path)}" if path.removeprefix("/") else "the user before the @"
        raise LoadlabError(
            f"{quote(shown)}: {what} means nothing over {scheme}://; write it in --message if it is sent"
        )
    if fragment:
        notes.append(f"{quote(fragment)} is not sent: a fragment is for browsers only")
    return Url(
        scheme=scheme,
        address=address,
        path=literal_path(path if path.startswith("/") else f"/{path}"),
        authorization=f"Basic {b64encode(unquote(user).encode()).decode()}" if at else None,
        notes=tuple(notes),
    )


def _reachable(place: str) -> tuple[str, list[str]]:
    """Return host and port to connect to; where a server prints that it listens at all addresses, this machine's."""
    for everywhere, here in _HERE.items():
        if place == everywhere or place.startswith(f"{everywhere}:"):
            note = f"{everywhere} stands for all addresses of this machine; {here} is measured"
            return here + place.removeprefix(everywhere), [note]
    return place, []


def _about_scheme(scheme: str) -> str:
    advice = did_you_mean(scheme, _PROTOCOLS) or f"; it speaks {', '.join(_PROTOCOLS)}"
    return f"{quote(f'{scheme}://')} is no scheme that loadlab speaks{advice}"


def _read_address(place: str, scheme: str, usual_port: int | None, shown: str) -> TcpAddress:
    if place.rstrip(":") in _PROTOCOLS:
        raise LoadlabError(f"{quote(shown)} is no URL; write it like {place.rstrip(':')}://localhost:8000/")
    if place.count(":") > 1 and "[" not in place:
        raise LoadlabError(f"{quote(shown)}: write an IPv6 address in brackets, like {scheme}://[::1]:8000/")
    if not place or place.startswith(":"):
        raise LoadlabError(f"{quote(shown)} names no host; write it like {scheme}://localhost:8000/")
    host, _, port = place.rpartition(":") if re.search(r":\d*$|:[^\]]*$", place) else (place, "", "")
    if not port and usual_port is None:
        raise LoadlabError(f"{quote(shown)} names no port; write it like {scheme}://{host}:6379")
    try:
        address: Address = parse_address(f"{host}:{port or usual_port}")
    except ValueError as error:
        if not re.fullmatch("[0-9]*", port) or (port and not 0 < int(port) < 1 << 16):
            raise LoadlabError(
                f"{quote(shown)}: the port must be a number from 1 to 65535, not {quote(port)}"
            ) from None
        reason = str(error) if "connect to" in str(error) else f"{quote(host)} is neither a host name nor an IP address"
        raise LoadlabError(f"{quote(shown)}: {reason}") from None
    assert isinstance(address, TcpAddress)
    return address
