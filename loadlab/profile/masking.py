"""Credentials, masked in all that is written or printed: what they are called, what they look like, and their values.

Three ways find them. A *name* that says so ("Authorization", "api_key") masks its value in a profile's data. A
*pattern* finds names with their values, and URLs with a password, in text of any origin. And the *values* that a
profile turned out to have are masked wherever else they come up, such as in a response that repeats what was sent.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import yaml

from loadlab.profile.template import columns_of

MASK: Final = "***"
_SHORTEST_VALUE: Final = 4  # shorter ones would mask parts of words that have nothing to do with them

# "key" is part of a few words that have nothing to do with keys, and of the names of options that name a key's file.
_KEY: Final = (
    "(?<!mon)(?<!don)(?<!tur)(?<!hoc)(?<!joc)(?<!whis)key(?!board|frame|note|pad|press|space|stroke|up|down|word"
    "|[-_]?(?:file|path))"
)
_WORD: Final = f"(?:token|secret|passw(?:or)?d|passphrase|credential|{_KEY})"
_HEADER: Final = "(?:proxy-)?authorization|(?:set-)?cookie2?"
_SECRET_NAME: Final = re.compile(f"{_HEADER}|.*{_WORD}.*", re.IGNORECASE | re.DOTALL)
_COMMANDS: Final = (("target", "command"), ("sweep", "target.command"))
# Keys of a profile that look like it, and hold the name of a file.
_NOT_SECRET: Final = frozenset({("target", "tls", "key")})

# Not within a word, or behind an escaped line break.
_START: Final = r"(?:(?<![\w.-])|(?<=\\[nrt]))"
_NAME: Final = rf"[\w.-]*{_WORD}[\w.-]*"
# In prose a word with a colon is no header: "cannot read the key: Permission denied".
_HEADER_NAME: Final = (
    rf"[\w-]*[-_]{_WORD}[\w-]*|[\w-]*{_WORD}[-_][\w-]*|token|secret|passw(?:or)?d|(?:api|access|private|auth)key"
)
_COLUMN_ALONE: Final = re.compile(r"(?:[A-Za-z]+ +)?\{\{[^{}]*\}\}")
# Every text that a pattern matches has one of these; most texts have none.
_HINT: Final = re.compile(f"{_WORD}|authorization|cookie|://|bearer|basic|digest", re.IGNORECASE)
_BARE_WORD: Final = frozenset({"", "null", "true", "false", "~", "none"})
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # JSON, as it is or escaped once more: "token": "abc". A text may end in the middle of the value.
        rf"""(?P<before>\\"(?:{_NAME}|{_HEADER})\\"\s*:\s*\\")(?P<value>.*?)(?=\\"|$)""",
        rf"""(?P<before>"(?:{_NAME}|{_HEADER})"\s*:\s*")(?P<value>(?:[^"\\\r\n]|\\.)*)""",
        rf"""(?P<before>'(?:{_NAME}|{_HEADER})'\s*:\s*')(?P<value>(?:[^'\\\r\n]|\\.)*)""",
        rf"""(?P<before>\\?["'](?:{_NAME}|{_HEADER})\\?["']\s*:\s*)(?P<value>[^\s"'\\,\[\]{{}}]+)""",
        # Headers, up to the end of their line, which may be escaped: X-Api-Key: abc\r\n
        rf"""(?P<before>{_START}(?:{_HEADER}|{_HEADER_NAME})"""
        r"""\s*:\s*)(?P<value>(?:(?!\\[rn])[^\r\n"'])+)""",
        # Queries, forms, settings and options: token=abc&... --api-key=abc
        rf"""(?P<before>{_START}(?:{_NAME}|{_HEADER})(?:=|%3D)["']?)(?P<value>[^\s&;,"'\\<>{{}}\[\]]+)""",
        r"""(?P<before>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s/:@"'?#]*:)(?P<value>[^\s"'<>/?#]+)(?=@)""",
        r"""(?P<before>\b(?:Bearer|Basic|Digest) +)(?P<value>[\w.~+/=-]{8,})""",
    )
)


def is_secret_name(name: str) -> bool:
    """Return whether what has this name is a credential."""
    return _SECRET_NAME.fullmatch(name) is not None


def mask_text(text: str) -> str:
    """Return a text with what its patterns show to be credentials masked."""
    if _HINT.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(_mask_match, text)
    return text


def mask_command(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a program with credentials masked: those behind an option, in one, or in a header."""
    masked, secret_follows = [], False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if secret_follows and not argument.startswith("-"):
            masked.append(MASK)
        elif equals and tuple(name.split(".")) in _NOT_SECRET:
            masked.append(argument)
        elif equals and _names_a_secret(name):
            masked.append(f"{name}={value if _is_plain(value) else MASK}")
        else:
            masked.append(mask_text(argument))
        secret_follows = argument.startswith("-") and not equals and is_secret_name(argument)
    return masked


def mask_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile's plain data with credentials masked; those that a sweep varies are numbered."""
    return {key: _masked((key,), value) for key, value in data.items()}


def mask_swept(path: str, values: Sequence[Any]) -> list[Any]:
    """Return the values that a sweep gives to a dotted path as they are shown: different ones stay different."""
    if is_secret_path(("sweep", path)):
        return [f"{MASK}{number}" for number in range(1, len(values) + 1)]
    masked = [_masked_value(value) for value in values]
    return [
        _numbered(each, number) if each != values[number - 1] and masked.count(each) > 1 else each
        for number, each in enumerate(masked, start=1)
    ]


def mask_quotes(sentence: str, value: object) -> str:
    """Return a sentence about a credential without what it quotes of it."""
    written = repr(value)[1:-1] if isinstance(value, str) else str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sentence.replace(written, MASK)
    return re.sub(
        r"""'((?:[^'\\]|\\.)+)'|"((?:[^"\\]|\\.)+)\"""",
        lambda found: MASK if (found[1] or found[2]).removesuffix("...") in written else found.group(),
        sentence,
    )


def mask_source(text: str, masker: "Masker") -> str:
    """Return the YAML of a profile with credentials masked, also in comments, and otherwise as it is written."""
    edits = [*_masked_scalars(yaml.compose(text, Loader=yaml.SafeLoader), (), text, masker)]
    edits += [
        (start, end, masked)
        for start, end in _comments(text)
        if (masked := masker.mask(text[start:end])) != text[start:end]
    ]
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


@dataclass(frozen=True, slots=True)
class Masker:
    """Masks the values of the credentials in a profile, wherever they come up again."""

    values: tuple[str, ...] = ()
    _rows: Mapping[int, frozenset[str]] = field(default_factory=dict)  # by their length

    @classmethod
    def of(cls, data: Mapping[str, Any], columns: Mapping[str, Iterable[str]] | None = None) -> "Masker":
        """Return the masker for a profile's plain data, and for the columns of its table that hold credentials."""
        found = {value for each in _secrets(tuple(data.items()), ()) for value in _forms(each)}
        secret = secret_columns(data, columns or {})
        rows = {form for name in secret for value in (columns or {})[name] for form in _forms(value)}
        by_length: dict[int, set[str]] = {}
        for value in rows:
            by_length.setdefault(len(value), set()).add(value)
        longest_first = sorted(found, key=lambda value: (-len(value), value))
        return cls(tuple(longest_first), {length: frozenset(each) for length, each in by_length.items()})

    def mask_values(self, text: str) -> str:
        """Return a text without those values."""
        for value in self.values:
            text = text.replace(value, MASK)
        for length in sorted(self._rows, reverse=True):
            start = 0
            while start + length <= len(text):
                if text[start : start + length] in self._rows[length]:
                    text = text[:start] + MASK + text[start + length :]
                start += 1
        return text

    def mask(self, text: str) -> str:
        """Return a text of foreign origin without those values, and without what patterns find in it."""
        return mask_text(self.mask_values(text))


def _masked_scalars(
    node: yaml.Node | None, path: tuple[str | int, ...], text: str, masker: Masker
) -> Iterator[tuple[int, int, str]]:
    """Yield where a value is masked in the YAML of a profile: start, end, and what stands there instead."""
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _masked_scalars(value, (*path, str(key.value)), text, masker)
        case yaml.SequenceNode():
            plain = [each.value for each in node.value if isinstance(each, yaml.ScalarNode)]
            if path[:2] in _COMMANDS and len(plain) == len(node.value) > 0:
                for item, masked in zip(node.value, mask_command(plain), strict=True):
                    if masked != item.value:
                        yield _edit(item, masked, text)
                return
            for index, item in enumerate(node.value):
                yield from _masked_scalars(item, (*path, index), text, masker)
        case yaml.ScalarNode():
            masked = masker.mask(node.value)
            if is_secret_path(path) and not _is_plain(node.value):
                masked = f"{MASK}{path[-1] + 1}" if path[0] == "sweep" and isinstance(path[-1], int) else MASK
            if masked != node.value:
                yield _edit(node, masked, text)


def _edit(node: yaml.ScalarNode, masked: str, text: str) -> tuple[int, int, str]:
    start, end = node.start_mark.index, node.end_mark.index
    written = text[start:end]
    return start, end, json.dumps(masked, ensure_ascii=False) + written[len(written.rstrip()) :]


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the comments of a YAML text are: what stands between its tokens and begins with "#"."""
    end = 0
    for token in yaml.scan(text):
        gap = text[end : token.start_mark.index]
        for line in re.finditer("#[^\n]*", gap):
            yield end + line.start(), end + line.end()
        end = max(end, token.end_mark.index)


def secret_columns(data: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Return the columns that are named like credentials, or stand where a profile has one."""
    used = {name for text in _secret_texts(tuple(data.items()), ()) for name in columns_of([text])}
    return [name for name in columns if name in used or is_secret_name(name)]


def _masked_value(value: Any) -> Any:  # noqa: ANN401 - as different as what a sweep varies
    if isinstance(value, list | tuple):  # a command
        return type(value)(mask_command([str(word) for word in value]))
    return mask_text(value) if isinstance(value, str) else value


def _numbered(value: Any, number: int) -> Any:  # noqa: ANN401 - as different as what a sweep varies
    return f"{value} ({number})" if isinstance(value, str) else type(value)([*value, f"({number})"])


def _masked(path: tuple[str | int, ...], value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    if isinstance(value, Mapping):
        return {key: _masked((*path, key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if path == ("target", "command"):
            return mask_command([str(word) for word in value])
        if path[0] == "sweep" and len(path) == 2:
            return mask_swept(str(path[1]), value)
        return [_masked((*path, index), inner) for index, inner in enumerate(value)]
    if is_secret_path(path) and not isinstance(value, bool) and value is not None:
        return value if isinstance(value, str) and _COLUMN_ALONE.fullmatch(value) else MASK
    return mask_text(value) if isinstance(value, str) else value


def is_secret_path(path: Sequence[str | int]) -> bool:
    """Return whether a value at a path of the profile's data is a credential; a key of `sweep` is a path itself."""
    keys = [part for key in path if isinstance(key, str) for part in (key.split(".") if path[0] == "sweep" else [key])]
    plain = tuple(keys[1:] if keys[:1] == ["sweep"] else keys)
    return plain not in _NOT_SECRET and any(map(is_secret_name, plain))


def _names_a_secret(name: str) -> bool:
    """Return whether the left side of "NAME=value" does: a setting, an option or a variable."""
    is_name = re.fullmatch(r"-*[\w.-]+", name) is not None
    return is_name and is_secret_path(name.lstrip("-").split("."))


def _secret_texts(items: Iterable[tuple[str | int, Any]], path: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the texts and numbers that are credentials by their names."""
    for key, value in items:
        here = (*path, key)
        if isinstance(value, Mapping):
            yield from _secret_texts(value.items(), here)
        elif isinstance(value, list | tuple):
            yield from _secret_texts(enumerate(value), here)
        elif is_secret_path(here) and isinstance(value, str | int | float) and not isinstance(value, bool):
            yield str(value)


def _secrets(items: Sequence[tuple[str | int, Any]], path: tuple[str | int, ...]) -> Iterator[str]:
    """Yield every credential in a profile's data: by its name, and by patterns in all its texts."""
    for text in _secret_texts(items, path):
        if not columns_of([text]):
            yield from _parts_of(text)
    for text in _all_texts(dict(items)):
        for pattern in _PATTERNS:
            for found in pattern.finditer(text):
                if not _is_plain(found["value"]):
                    yield from _parts_of(found["value"])
    for command in _commands_of(dict(items)):
        for argument, masked in zip(command, mask_command(command), strict=True):
            if masked == MASK:
                yield argument
            elif masked.endswith(f"={MASK}"):
                yield argument.partition("=")[2]


def _commands_of(data: Mapping[str | int, Any]) -> Iterator[list[str]]:
    for section, key in _COMMANDS:
        inner = data.get(section)
        value = inner.get(key) if isinstance(inner, Mapping) else None
        listed = value if isinstance(value, list | tuple) else ()
        for command in [listed] if key == "command" else listed:
            if isinstance(command, list | tuple):
                yield [str(word) for word in command]


def _all_texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - plain data of any shape
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _all_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _all_texts(inner)


def _parts_of(credential: str) -> Iterator[str]:
    """Yield a credential, and what is secret in it by itself: behind the scheme of a header, and each cookie."""
    yield credential
    scheme, _, rest = credential.partition(" ")
    if rest and scheme.isalpha():
        yield rest.strip()
    if "=" in credential:
        for cookie in credential.split(";"):
            yield cookie.partition("=")[2].strip()


def _forms(value: str) -> Iterator[str]:
    """Yield a value as it may come up: as it is, percent-encoded, and the other way round."""
    for form in dict.fromkeys((value, quote(value, safe=""), unquote(value))):
        if len(form) >= _SHORTEST_VALUE:
            yield form


def _is_plain(value: str) -> bool:
    """Return whether a value gives nothing away: a word such as null, a column alone, or a mask."""
    return value.strip().lower() in _BARE_WORD or MASK in value or _COLUMN_ALONE.fullmatch(value.strip()) is not None


def _mask_match(found: re.Match[str]) -> str:
    return found.group() if _is_plain(found["value"]) else f"{found['before']}{MASK}"
