"""Addresses of servers, written as host and port: "127.0.0.1:8080", "[::1]:8080", "localhost:8080"."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.values import describe

LOCALHOST: Final = "localhost"
"""The one host name that is accepted: only servers on this machine are measured."""

_PATTERN: Final = r"(?:localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_RULE: Final = 'must be localhost or an IP address of this machine, and a port, such as localhost:8080 or "[::1]:8080"'


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port; raise ValueError with a sentence if `text` is not such an address.

    The host is an IP address or LOCALHOST.
    """
    if "://" in text:
        raise ValueError(f"must be an address such as localhost:8080, with the path in load.path, not {describe(text)}")
    host, _, port = text.rpartition(":")
    try:
        if not re.fullmatch(_PATTERN, text) or not 0 < int(port) < 1 << 16:
            raise ValueError
        if host == LOCALHOST:
            return host, int(port)
        ip = ip_address(host.strip("[]"))
        if (ip.version == 6) != host.startswith("["):
            raise ValueError
    except ValueError:
        raise ValueError(f"{_RULE}, not {describe(text)}") from None
    if ip.is_unspecified:
        raise ValueError(f"must be an address to connect to, such as 127.0.0.1:{port}, not {describe(text)}")
    return str(ip), int(port)


def format_address(address: tuple[str, int]) -> str:
    """Return an address as `parse_address` reads it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """The address of a server, kept as text in the form of `format_address`."""

    def read(self, value: object) -> str:
        """Return the address; raise ValueError with a sentence if it is not one."""
        if not isinstance(value, str):
            raise ValueError(f"{_RULE}, not {describe(value)}")
        return format_address(parse_address(value))

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_PATTERN}$"}
