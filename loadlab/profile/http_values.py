"""The values of HTTP in a profile: request paths, methods, names and values of headers, and statuses.

A path is written as a user would ("/items?page=2", "/straße") and sent in ASCII, as browsers do.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias, TypeGuard
from urllib.parse import quote as percent_encode

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.masking import mask_text
from loadlab.profile.template import Column, parse_template
from loadlab.profile.values import Count, describe, quotes_hint

_RULE: Final = "must be a request path that starts with /, such as /health"
_LONGEST_NAME: Final = 64
_NEVER_SENT: Final = frozenset({"Cc", "Cs"})  # control characters, halves of pairs
# What the URL standard encodes in a path or query, and a "%" that encodes nothing.
_ENCODED: Final = re.compile(r"""[^!-~]+|["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})""")
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def path_as_sent(path: str) -> str:
    """Return a path in ASCII: what cannot stand in a URL is percent-encoded as UTF-8, and so is a lone "%"."""
    return _ENCODED.sub(lambda found: percent_encode(found.group(), safe=""), path)


def path_parts(path: str) -> tuple[str | Column, ...]:
    """Return a path as it is sent, with the columns of its template apart; raise ValueError if it is no template."""
    return tuple(path_as_sent(part) if isinstance(part, str) else part for part in parse_template(path))


def template_as_sent(path: str) -> str:
    """Return a path as it is sent, with its columns as they are written."""
    return "".join(part if isinstance(part, str) else f"{{{{{part.name}}}}}" for part in path_parts(path))


def request_name(path: str) -> str:
    """Return the default name of a request: its path as it is sent, without the slash and what names cannot contain."""
    try:
        sent = template_as_sent(path)
    except ValueError:  # no template, which is reported where it is written
        sent = path_as_sent(path)
    name = re.sub("[.,]", ";", mask_text(sent).removeprefix("/"))
    return re.sub("[^!-~]", "_", name)[:_LONGEST_NAME] or "/"


def is_request_path(value: object) -> TypeGuard[str]:
    """Return whether a value of the profile is a path that can be sent."""
    try:
        RequestTarget().read(value)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """A path with its query, kept as it is written: without a fragment and control characters.

    It may be a template. One that begins with a column has whole paths in that column.
    """

    def read(self, value: object) -> str:
        """Return the path; raise ValueError with a sentence if it is none."""
        if not isinstance(value, str):
            raise ValueError(f"{_RULE}, not {describe(value)}{quotes_hint(value)}")
        if "://" in value and not value.startswith("/"):
            raise ValueError(f"{_RULE}, not {describe(value)}; the server is set by target.address")
        if not value.startswith(("/", "{{")):
            raise ValueError(f"{_RULE}, not {describe(value)}")
        for part in parse_template(value):
            if isinstance(part, str):
                check_path(part)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^(?:/|\{\{)[^\x00-\x1f\x7f-\x9f#]*$"}


def check_path(path: str) -> None:
    """Raise ValueError with a sentence if a path, or a part of one, cannot be sent."""
    for character in path:
        if unicodedata.category(character) in _NEVER_SENT:
            encoded = percent_encode(character, errors="replace")
            raise ValueError(f"{describe(path)} contains the character U+{ord(character):04X}; write {encoded}")
    if "#" in path:
        fragment = path[path.index("#") :]
        raise ValueError(
            f"{describe(fragment)} is a fragment, which is never sent to a server; remove it, or write %23 for #"
        )


@dataclass(frozen=True, slots=True)
class Method:
    """The method of a request: any token, in capitals if it is one of HTTP's own."""

    def read(self, value: object) -> str:
        """Return the method; raise ValueError with a sentence if it is none that can be measured."""
        if not isinstance(value, str) or not re.fullmatch(_TOKEN, value):
            raise ValueError(f"must be a method such as GET or POST, not {describe(value)}")
        if value not in _METHODS and value.upper() in _METHODS:
            raise ValueError(f"must be in capitals, as methods are case-sensitive: {value.upper()}")
        if value.upper() == "CONNECT":
            raise ValueError("CONNECT opens a tunnel, which cannot be measured; use another method")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_TOKEN}$"}


_FRAMING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transfer-encoding": "requests are sent with Content-Length",
        "trailer": "requests are sent with Content-Length, and so without trailers",
        "upgrade": "loadlab speaks HTTP/1.1 only",
    }
)


@dataclass(frozen=True, slots=True)
class HeaderName:
    """The name of a header: a token, and none that would change how requests are framed."""

    def read(self, value: object) -> str:
        """Return the name; raise ValueError with a sentence if it cannot be one."""
        if not isinstance(value, str) or not re.fullmatch(_TOKEN, value):
            raise ValueError(f"must be the name of a header, of letters, digits and -, not {describe(value)}")
        if reason := _FRAMING.get(value.lower()):
            raise ValueError(f"cannot be set: {reason}; remove it")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_TOKEN}$"}


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """The value of a header: a line of text, which may be a template, or a whole number."""

    def read(self, value: object) -> str:
        """Return the value as text; raise ValueError with a sentence if it cannot be sent."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise ValueError(f"must be text, not {describe(value)}{quotes_hint(value)}")
        for part in parse_template(value):
            if isinstance(part, str):
                check_header(part)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "pattern": r"^[^\x00-\x08\x0a-\x1f\x7f]*$"}, {"type": "integer"}]}


def check_header(value: str) -> None:
    """Raise ValueError with a sentence if the value of a header, or a part of one, cannot be sent (RFC 9110, 5.5)."""
    for character in value:
        if character != "\t" and (character < " " or character == "\x7f"):
            raise ValueError(f"{describe(value)} contains the character U+{ord(character):04X}, which no header may")


Headers: TypeAlias = dict[Annotated[str, HeaderName()], Annotated[str, HeaderValue()]]

_STATUS: Final = Count(100, 599, "200")
_MOST_STATUSES: Final = 20


@dataclass(frozen=True, slots=True)
class StatusOrClass:
    """A status, read as a number, or a class of them, read as text such as "2xx"."""

    def read(self, value: object) -> int | str:
        """Return the status or class; raise ValueError with a sentence if it is neither."""
        if isinstance(value, str) and re.fullmatch("[1-5]xx", value.lower()):
            return value.lower()
        if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch("[0-9]+", str(value)):
            raise ValueError(
                f"must be a status such as 200, a class such as 2xx, or a list of them, not {describe(value)}"
            )
        return _STATUS.read(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": _STATUS.at_least, "maximum": _STATUS.at_most}
        return {"anyOf": [number, {"type": "string", "pattern": "^(?:[1-5][0-9]{2}|[1-5][xX]{2})$"}]}


_Several = Annotated[tuple[Annotated[int | str, StatusOrClass()], ...], Field(min_length=1, max_length=_MOST_STATUSES)]
_SEVERAL: Final[TypeAdapter[tuple[int | str, ...]]] = TypeAdapter(_Several)


def _read_statuses(value: object) -> Any:  # noqa: ANN401 - the validator behind it has the types
    # Decided here: a union would report a mistake once for each of its members.
    return _SEVERAL.validate_python(value) if isinstance(value, list | tuple) else StatusOrClass().read(value)


Statuses = Annotated[Annotated[int | str, StatusOrClass()] | _Several, BeforeValidator(_read_statuses)]
"""One status or class, or several; `expand_statuses` returns all that are meant."""

SUCCESS: Final = ("2xx", "3xx")
"""What counts as success if the profile does not say: as for wrk, k6 and vegeta."""


def read_statuses(value: object) -> frozenset[int]:
    """Return every status that a value of the profile means; raise ValueError if it means none."""
    return expand_statuses(_read_statuses(value))


def expand_statuses(statuses: int | str | tuple[int | str, ...]) -> frozenset[int]:
    """Return every status that is meant."""
    listed = statuses if isinstance(statuses, tuple) else (statuses,)
    return frozenset(
        status
        for each in listed
        for status in (range(int(each[0]) * 100, int(each[0]) * 100 + 100) if isinstance(each, str) else [each])
    )
