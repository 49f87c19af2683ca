"""The messages of a load over WebSockets or plain TCP: what is sent, and how the end of its answer is known."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from loadlab.profile.request import FileName, NameInMix, Weight
from loadlab.profile.template import parse_template
from loadlab.profile.values import Count, Section, Truth, describe, without_default

_MOST_BYTES: Final = 64 << 20
_LONGEST_END: Final = 1024


def _read_pattern(value: object) -> object:
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{describe(value)} is not a regular expression: {error}") from None
    return value


def _check_template(value: str) -> str:
    parse_template(value)
    return value


Pattern = Annotated[str, Field(min_length=1), BeforeValidator(_read_pattern)]
Until = Annotated[str, Field(min_length=1, max_length=_LONGEST_END)]
ByteCount = Annotated[int, Count(1, _MOST_BYTES)]


class Greeting(Section):
    """What a server over TCP says first on a new connection: up to a text, or a number of bytes."""

    until: Until | None = Field(default=None, description='The text that ends it, such as "\\r\\n".')
    bytes: ByteCount | None = Field(default=None, description="Its length in bytes.")


class Message(Section):
    """A message, and how the end of its answer is known. Its text may name columns of the load's data, as in {{id}}."""

    text: Annotated[str, AfterValidator(_check_template)] | None = Field(
        default=None, description="What is sent, in UTF-8; over a WebSocket as a text message."
    )
    binary: FileName | None = Field(
        default=None,
        description="A file that is sent as it is, over a WebSocket as a binary message; relative to the profile's "
        "directory.",
    )
    answer: Annotated[int, Count(1, 1_000_000)] = Field(
        default=1, description="WebSocket: how many messages of the server make the answer."
    )
    matches: Pattern | None = Field(
        default=None,
        description="WebSocket: the answer is the first message in which this regular expression is found.",
    )
    until: Until | None = Field(default=None, description='TCP: the text that ends the answer, such as "\\r\\n".')
    bytes: ByteCount | None = Field(default=None, description="TCP: the length of the answer in bytes.")
    echo: Annotated[bool, Truth()] = Field(default=False, description="TCP: the answer is what was sent.")


def _read_name(value: object, info: ValidationInfo) -> object:
    return _name_of(info.data.get("text"), info.data.get("binary")) if value is None else value


def _name_of(text: object, binary: object) -> str:
    written = text if isinstance(text, str) else binary if isinstance(binary, str) else ""
    return re.sub("[^!-~]", "_", re.sub("[.,]", ";", written.strip()))[:64] or "message"


def name_of_message(message: object) -> str | None:
    """Return the name of a message of a mix as written; None if it has none that can be read."""
    if not isinstance(message, dict):
        return None
    name = message.get("name")
    if name is None:
        return _name_of(message.get("text"), message.get("binary"))
    return name if isinstance(name, str) else None


class MixedMessage(Message):
    """One message of several, with latencies and outcomes of its own."""

    weight: Weight = Field(default=1, description="How often it is sent, relative to the others.")
    name: Annotated[NameInMix, BeforeValidator(_read_name)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Its name in the results; by default its text.",
    )
