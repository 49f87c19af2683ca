"""Python's values as YAML that `parse_source` reads back: what a profile made by a program looks like in a file."""

import json
import math
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Final

from loadlab.profile.source import resolve_plain

_PLAIN: Final = re.compile(r"[A-Za-z0-9/](?:[\w./?=&+%@~-]|:(?=\S))*", re.ASCII)
_NOT_IN_BRACKETS: Final = re.compile("[?:]")


def format_value(value: object) -> str:
    """Return a value on one line: text, a number, a path, or a list or mapping of these.

    Raises ValueError for anything else.
    """
    match value:
        case Mapping():
            return f"{{{', '.join(f'{_inside(str(key))}: {_inside(each)}' for key, each in value.items())}}}"
        case list() | tuple() | range():
            return f"[{', '.join(map(_inside, value))}]"
        case os.PathLike():
            return format_scalar(os.fspath(value))
        case _:
            return format_scalar(value)


def format_scalar(value: object) -> str:
    """Return a value that is no list or mapping."""
    match value:
        case str():
            plain = _PLAIN.fullmatch(value) and resolve_plain(value) == value
            return value if plain else _quoted(value)
        case None | bool():
            return json.dumps(value)
        case Integral():  # numpy's too
            return str(int(value))
        case Real():
            number = float(value)
            if math.isfinite(number):
                return format(Decimal(repr(number)), "f")
    raise ValueError(f"a {type(value).__name__} ({value!s:.40}) is neither text nor a number, a list or a mapping")


def _inside(value: object) -> str:
    """Return a value as it stands in brackets or braces, where two more characters mean something."""
    text = format_value(value)
    return _quoted(value) if isinstance(value, str) and text == value and _NOT_IN_BRACKETS.search(value) else text


def _quoted(text: str) -> str:
    """Return text in quotes: single ones, or double ones where something has to be escaped, as in JSON."""
    if text.isprintable() and text:
        return "'" + text.replace("'", "''") + "'"
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" if ord(character) < 1 << 16
        else f"\\U{ord(character):08x}"
        for character in json.dumps(text, ensure_ascii=False)
    )  # fmt: skip
