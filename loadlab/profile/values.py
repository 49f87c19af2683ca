"""The types of value in a profile, each with its bounds, its error message, and its JSON Schema."""

import re
import unicodedata
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.units import (
    COUNT_PATTERN,
    DURATION_PATTERN,
    decimal_advice,
    parse_count,
    parse_duration_ns,
    quote,
    spell_duration_ns,
)

SECOND_NS = 1_000_000_000
MILLISECOND_NS = SECOND_NS // 1000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS

Scalar = str | int | float | bool
OptionScalar = bool | int | str


class Section(BaseModel):
    """A mapping in the profile: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def without_default(schema: dict[str, Any]) -> None:
    """Remove a default that follows from another key: JSON Schema cannot say so."""
    del schema["default"]


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration with a unit: nanoseconds once read, written back to JSON with its unit."""

    at_least_ns: int
    at_most_ns: int

    def read(self, value: object) -> int:
        """Return nanoseconds; raise ValueError with a sentence if it is not a duration, or out of bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"must be a duration such as 500ms or 10s, not {describe(value)}")
        duration_ns = parse_duration_ns(str(value))
        _check_bounds(duration_ns, self.at_least_ns, self.at_most_ns, value, spell_duration_ns)
        return duration_ns

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(spell_duration_ns, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        text = {"type": "string", "pattern": f"^{DURATION_PATTERN}$"}
        return {"anyOf": [text, {"const": 0}]} if self.at_least_ns == 0 else text


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number, which may be written like "20k"; `example` is how messages show it."""

    at_least: int
    at_most: int
    example: str = "500 or 20k"

    def read(self, value: object) -> int:
        """Return the number; raise ValueError with a sentence if it is not a whole number, or out of bounds."""
        try:
            count = _read_whole(value)
        except ValueError:
            advice = decimal_advice(value) if isinstance(value, str) else ""
            hint = f"; {advice}" if advice else ""
            raise ValueError(f"must be a whole number such as {self.example}, not {describe(value)}{hint}") from None
        _check_bounds(count, self.at_least, self.at_most, value, lambda bound: f"{bound:,}")
        return count

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": self.at_least, "maximum": self.at_most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{COUNT_PATTERN}$"}]}


@dataclass(frozen=True, slots=True)
class Text:
    """Text that matches a pattern as a whole; `rule` says the pattern in words, after "must be"."""

    pattern: str
    rule: str

    def read(self, value: object) -> str:
        """Return the text; raise ValueError with a sentence if it does not match."""
        if not isinstance(value, str):
            raise ValueError(f"must be {self.rule}, not {describe(value)}{quotes_hint(value)}")
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"must be {self.rule}, not {describe(value)}")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name in any script: letters, with the marks that belong to them, digits, dots, dashes and underscores."""

    longest: int

    def read(self, value: object) -> str:
        """Return the name; raise ValueError with a sentence if it is none."""
        rule = f"must be a name of at most {self.longest} letters, digits, dots, dashes and underscores"
        if not isinstance(value, str):
            raise ValueError(f"{rule}, not {describe(value)}{quotes_hint(value)}")
        if not (value[:1].isalnum() and len(value) <= self.longest and all(map(is_name_character, value))):
            raise ValueError(f"{rule}, not {describe(value)}")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": rf"^[\p{{L}}\p{{N}}][\p{{L}}\p{{M}}\p{{N}}._-]{{0,{self.longest - 1}}}$"}


def is_name_character(character: str) -> bool:
    """Return whether a `Name` may hold that character."""
    return character.isalnum() or character in "._-" or unicodedata.category(character).startswith("M")


@dataclass(frozen=True, slots=True)
class HostName:
    """The name or IP address of a host, without a port."""

    def read(self, value: object) -> str:
        """Return an IP address in its usual form, or a name in ASCII and lower case; raise ValueError if it is none."""
        rule = "must be the name or IP address of a host, such as staging.internal"
        if not isinstance(value, str):
            raise ValueError(f"{rule}, not {describe(value)}{quotes_hint(value)}")
        with suppress(ValueError):
            return str(ip_address(value.strip("[]")))
        if not re.fullmatch(r"[\w.-]{1,253}", value):
            instead = "; leave out the port" if re.fullmatch(r"[\w.-]+:[0-9]+", value) else ""
            raise ValueError(f"{rule}, not {describe(value)}{instead}")
        try:
            return (value if value.isascii() else value.encode("idna").decode("ascii")).lower()
        except UnicodeError:
            raise ValueError(f"{rule}, not {describe(value)}") from None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false, and nothing that might mean it."""

    def read(self, value: object) -> bool:
        """Return the value; raise ValueError with a sentence if it is neither."""
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {describe(value)}")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class OptionValue:
    """The value of a server's own option; the server declares which values it takes."""

    def read(self, value: object) -> OptionScalar:
        """Return the value; raise ValueError with a sentence if it is of another type."""
        if not isinstance(value, OptionScalar):
            raise ValueError(f"must be true or false, a whole number, or text, not {describe(value)}")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": ["boolean", "integer", "string"]}


def describe(value: object) -> str:
    """Return a value of a profile as its author wrote it, short enough for one line."""
    match value:
        case None:
            return "an empty value"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true" if value else "false"
        case _:
            return quote(value) if isinstance(value, str) else str(value)


def quotes_hint(value: object) -> str:
    """Return the advice for a value that YAML did not read as text, though its author may have meant text."""
    return "" if value is None else "; put it in quotes if it is meant as text"


def list_words(words: Collection[str]) -> str:
    """Return words as a sentence lists them: "read, processes and trigger"."""
    *all_but_one, last = words
    return f"{', '.join(all_but_one)} and {last}" if all_but_one else last


def _read_whole(value: object) -> int:
    match value:
        case bool():
            raise ValueError
        case int():
            return value
        case float() | str() if str(value).startswith("-"):  # too small for every count, which says more
            return -parse_count(str(value)[1:])
        case float() | str():
            return parse_count(str(value))
        case _:
            raise ValueError


def _check_bounds(number: int, at_least: int, at_most: int, value: object, spell: Callable[[int], str]) -> None:
    if number < at_least:
        raise ValueError(f"must be at least {spell(at_least)}, not {describe(value)}")
    if number > at_most:
        raise ValueError(f"must be at most {spell(at_most)}, not {describe(value)}")
