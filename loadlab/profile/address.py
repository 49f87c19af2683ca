"""Addresses of servers: a host and a port ("localhost:8080", "[::1]:8080"), or a Unix socket ("unix:/run/app.sock")."""

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.values import describe

_UNIX: Final = "unix:"
_ABSTRACT: Final = "@"
_LONGEST_PATH_BYTES: Final = 107  # sockaddr_un(7): 108 with the final NUL
_RULE: Final = (
    'must be a host and a port, such as localhost:8080 or "[::1]:8080", or a Unix socket, such as unix:/run/app.sock'
)
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_NAME: Final = 253
_PATTERN: Final = r"unix:[/@].+|[^:/@\[\]\s]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}"
_DEFAULT_PORTS: Final = {False: 80, True: 443}


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host, which is an IP address or a name, and a port."""

    host: str
    port: int

    @property
    def is_name(self) -> bool:
        """Whether the host is a name, which has to be resolved."""
        return not _is_ip(self.host)


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The absolute path of a Unix socket, or an abstract name, which begins with "@" (unix(7))."""

    path: str


Address: TypeAlias = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Return the address that `text` is; raise ValueError with a sentence if it is none."""
    if "://" in text:
        raise ValueError(f"must be an address such as localhost:8080, with the path in load.path, not {describe(text)}")
    if text.startswith(_UNIX):
        return _parse_unix(text)
    host, _, port = text.rpartition(":")
    try:
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
            raise ValueError
        address = TcpAddress(_parse_host(host), int(port))
    except ValueError:
        raise ValueError(f"{_RULE}, not {describe(text)}") from None
    if not address.is_name and ip_address(address.host).is_unspecified:
        raise ValueError(f"must be an address to connect to, such as 127.0.0.1:{port}, not {describe(text)}")
    return address


def format_address(address: Address) -> str:
    """Return an address as `parse_address` reads it."""
    if isinstance(address, UnixAddress):
        return f"{_UNIX}{address.path}"
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def socket_address(address: Address) -> tuple[str, int] | str:
    """Return an address as connect(2) takes it."""
    if isinstance(address, TcpAddress):
        return address.host, address.port
    return f"\0{address.path[1:]}" if address.path.startswith(_ABSTRACT) else address.path


def authority_of(address: Address, over_tls: bool = False) -> str:
    """Return what the header Host says: the host, and the port unless it is the scheme's own (RFC 9110, 7.2).

    A Unix socket has neither; servers expect localhost then, as curl sends it.
    """
    if isinstance(address, UnixAddress):
        return "localhost"
    return format_address(address).removesuffix(f":{_DEFAULT_PORTS[over_tls]}")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of a server, kept as text in the form of `format_address`."""

    def read(self, value: object) -> str:
        """Return the address; raise ValueError with a sentence if it is not one."""
        if not isinstance(value, str):
            raise ValueError(f"{_RULE}, not {describe(value)}")
        return format_address(parse_address(value))

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^(?:unix:[/@].+|[^:/@\[\]\s]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5})$",
        }


def _parse_host(text: str) -> str:
    """Return an IP address in its usual form, or a name in lower case and ASCII; raise ValueError if it is neither."""
    if text.startswith("[") and text.endswith("]"):
        ip = ip_address(text[1:-1])
        if ip.version != 6:
            raise ValueError
        return str(ip)
    name = text if text.isascii() else text.encode("idna").decode("ascii")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError
    # What ends in a number is an IP address or a slip, and never a name.
    return str(ip_address(name)) if name.rstrip(".").rpartition(".")[2].isdecimal() else name.lower()


def _parse_unix(text: str) -> UnixAddress:
    path = text.removeprefix(_UNIX)
    if len(path) < 2 or path[0] not in f"/{_ABSTRACT}" or "\0" in path:
        raise ValueError(f"must have the absolute path of a socket, such as unix:/run/app.sock, not {describe(text)}")
    size = len(os.fsencode(path))
    if size > _LONGEST_PATH_BYTES:
        raise ValueError(f"the path of a Unix socket has at most {_LONGEST_PATH_BYTES} bytes, this one has {size}")
    return UnixAddress(path)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
