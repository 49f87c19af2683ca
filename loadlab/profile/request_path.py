"""Paths of requests, as a profile writes them and as they are sent: "/items?page=2", "/straße"."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, TypeGuard
from urllib.parse import quote as percent_encode

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.values import describe, quotes_hint

_RULE: Final = "must be a request path that starts with /, such as /health"
_LONGEST_NAME: Final = 64
_NEVER_SENT: Final = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})  # control characters, halves of pairs, spaces


def path_as_sent(path: str) -> str:
    """Return a path in ASCII, with what is not percent-encoded as UTF-8, as browsers do; "%" stays as it is."""
    return "".join(character if character.isascii() else percent_encode(character) for character in path)


def request_name(path: str) -> str:
    """Return the default name of a request: its path as it is sent, without the slash and what names cannot contain."""
    return re.sub("[.,]", ";", path_as_sent(path).removeprefix("/"))[:_LONGEST_NAME] or "/"


def is_request_path(value: object) -> TypeGuard[str]:
    """Return whether a value of the profile is a path that can be sent."""
    try:
        RequestTarget().read(value)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """A path with its query, kept as it is written: without a fragment, spaces and control characters."""

    def read(self, value: object) -> str:
        """Return the path; raise ValueError with a sentence if it is none."""
        if not isinstance(value, str):
            raise ValueError(f"{_RULE}, not {describe(value)}{quotes_hint(value)}")
        if "://" in value and not value.startswith("/"):
            raise ValueError(f"{_RULE}, not {describe(value)}; the server is set by target.address")
        if not value.startswith("/"):
            raise ValueError(f"{_RULE}, not {describe(value)}")
        for character in value:
            if unicodedata.category(character) in _NEVER_SENT:
                raise ValueError(f"{describe(value)} contains {_name(character)}; write {percent_encode(character)}")
        if "#" in value:
            fragment = value[value.index("#") :]
            raise ValueError(
                f"{describe(fragment)} is a fragment, which is never sent to a server; remove it, or write %23 for #"
            )
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^/[^\s\x00-\x1f\x7f-\x9f#]*$"}


def _name(character: str) -> str:
    return "a space" if character == " " else f"the character U+{ord(character):04X}"
