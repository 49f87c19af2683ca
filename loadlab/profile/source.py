"""A profile's YAML text, read safely, with the line and column of each key and value.

Only plain data is accepted. Aliases are refused: a profile does not need them, each value then has one place in the
file, and nothing can grow beyond what was written.

What a value without quotes stands for is decided here and not by YAML, whose versions disagree: 010 is 8 or 10, 2:30 is
150 or text, `on` is true or text. A decimal number is a number; `true`, `false` and an empty value are themselves;
everything else is text, which `loadlab.units` reads or refuses where a number is expected.
"""

import math
import os
import re
import select
import stat
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

import yaml

from loadlab.errors import ProfileError
from loadlab.profile.mistakes import LocatedMistake, Origin, Origins, Position
from loadlab.profile.paths import Path, dotted
from loadlab.profile.values import describe
from loadlab.units import FRACTION_PATTERN, WHOLE_PATTERN, printable

# A profile is about a page of text. PyYAML reads some 100 KB a second, and recurses once per level.
MOST_BYTES = 128 * 1024
_DEEPEST = 20
# Patterns take time that is quadratic in the length of what they refuse.
_LONGEST_TEXT = 4000
_LONGEST_KEY = 200
_PIPE_TIMEOUT_MS: Final = 10_000
# The tags of values to which the author has given none.
_PLAIN: Final = "loadlab:plain"
_QUOTED: Final = "loadlab:quoted"
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(rf"0|-?(?!0){WHOLE_PATTERN}")
_FRACTION: Final = re.compile(rf"-?{WHOLE_PATTERN}{FRACTION_PATTERN}")
_MOST_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Source:
    """The plain data of a document, where it was written, and the mistakes found while reading it.

    A value that cannot be read is None in the data; of a duplicate key the first value is there.
    """

    data: dict[str, Any]
    origins: Origins
    mistakes: list[LocatedMistake] = field(default_factory=list)


def read_text(path: FilePath) -> str:
    """Return the text of a profile; raise ProfileError if it cannot be read, is too large, or is not UTF-8.

    A pipe is read to its end, for `loadlab run <(make-profile)`.
    """
    shown = printable(str(path))
    try:
        content = _read_bytes(path)
    except TimeoutError:
        seconds = _PIPE_TIMEOUT_MS // 1000
        raise ProfileError([f"{shown}: cannot be read: nothing came out of this pipe for {seconds} s"]) from None
    except OSError as error:
        raise ProfileError([f"{shown}: cannot be read: {error.strerror}"]) from None
    if len(content) > MOST_BYTES:
        raise ProfileError([f"{shown}: too large for a profile; the limit is {MOST_BYTES // 1024} KiB"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(content[: error.start].decode("utf-8"))
        raise ProfileError([f"{shown}:{line}:{column}: not UTF-8 text; save the file as UTF-8"]) from None


def parse_source(text: str, file: str) -> Source:
    """Read the YAML of a profile; raise ProfileError if it is not YAML, or not a mapping at its top.

    Mistakes that leave the rest readable, such as a duplicate key, are in the result.
    """
    file = printable(file)
    try:
        loader = _ProfileLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ProfileError([f"{file}:{line}:{column}: {_in_plain_words(error)}"]) from None
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(text[: error.position])
        raise ProfileError([f"{file}:{line}:{column}: not valid YAML: unprintable character"]) from None
    except (ValueError, OverflowError):  # PyYAML passes an escape such as "\UFFFFFFFF" to chr() as it is
        line, column = loader.line + 1, loader.column + 1
        raise ProfileError([f"{file}:{line}:{column}: not valid YAML: this escape is not a character"]) from None
    if node is None:
        raise ProfileError([f"{file}:1:1: the profile is empty; it needs name, target and load"])
    if not isinstance(node, yaml.MappingNode):
        position = _position(node, file)
        raise ProfileError([f"{position.label}: a profile must be a mapping with keys such as name, target and load"])
    walk = _Walk(loader, file, Source({}, Origins(Position.in_file(file, 1, 1))))
    walk.source.data.update(walk.mapping(node, ()))
    return walk.source


def parse_value(text: str) -> object:
    """Read the YAML of one value, as in `--set PATH=VALUE`; raise ValueError with a sentence."""
    try:
        loader = _ProfileLoader(text)
        node = loader.get_single_node()
    except (yaml.YAMLError, ValueError, OverflowError):
        raise ValueError(
            f"{describe(text)} is not valid YAML; put text in quotes that the shell leaves: '\"...\"'"
        ) from None
    if node is None:
        return None
    walk = _Walk(loader, "", Source({}, Origins(Position(0, 0, ""))))
    value = walk.value(node, ())
    if walk.source.mistakes:
        raise ValueError(walk.source.mistakes[0].what)
    return value


def resolve_plain(text: str) -> str | int | float | bool | None:
    """Return what a value without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


class _ProfileLoader(yaml.SafeLoader):
    """PyYAML's safe loader, without aliases, of limited depth, and with values left as they are written."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as in PyYAML
        if self.check_event(yaml.AliasEvent):
            self._refuse_next("aliases are not allowed in profiles; write the value itself")
        if self._depth > _DEEPEST:
            self._refuse_next(f"nested too deeply; the limit is {_DEEPEST} levels")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> Any:  # noqa: ANN401 - as in PyYAML
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]

    def _refuse_next(self, problem: str) -> NoReturn:
        event: Any = self.get_event()  # type: ignore[no-untyped-call]
        raise _Refused(problem=problem, problem_mark=event.start_mark)


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that profiles do without."""


# What PyYAML says of the slips that are made most, and what a user can do about them.
_SLIPS: Final = {
    "mapping values are not allowed here": "unexpected ':'; check the indentation, or put text with ': ' in quotes",
    "found character '\\t' that cannot start any token": "a tab is not allowed here; use spaces",
    "could not find expected ':'": "a key without ':'",
    "but found another document": "a second document starts here; a profile is a single one",
    "found unexpected end of stream": "a quote is not closed",
    "but got '?'": "text with '?' in brackets or braces must be in quotes",
    "found duplicate anchor": "anchors are not allowed in profiles; write the value itself",
}


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = re.sub(r"'?<(?:stream|document) end>'?", "the end of the file", error.problem or "")
    if isinstance(error, _Refused):
        return problem
    whole = f"{error.context} {problem}"
    if (known := next((words for slip, words in _SLIPS.items() if slip in whole), None)) is not None:
        return f"not valid YAML: {known}"
    if problem.endswith("that cannot start any token"):
        character = problem.split("'")[1]
        return f"not valid YAML: text that starts with {character} must be in quotes"
    return "not valid YAML: " + ", ".join(part for part in (error.context, problem) if part)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Turns YAML's nodes into plain data, and records where each was written."""

    loader: _ProfileLoader
    file: str
    source: Source

    def value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - whatever YAML holds
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self.mapping(node, path)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self.item(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode() if node.tag in (_PLAIN, _QUOTED):
                return self.scalar(node, path)
            case _:
                tag = node.tag.replace("tag:yaml.org,2002:", "!!")
                what = (
                    f"the tag {tag} is not allowed in profiles; write a plain value, in quotes if it is meant as text"
                )
                return self.refuse(node, path, what)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or not _is_plain_key(key_node.value):
                self.refuse(key_node, path, "a key must be plain text of one line")
                continue
            # The key as written: YAML would read `on` as true, and `1` as a number.
            key = key_node.value
            here = (*path, key)
            if key in found:
                first = self.source.origins.key(here)
                self.refuse(key_node, here, f"duplicate key; it was first given in line {first.line}")
                continue
            self.source.origins.record(here, Origin(_position(key_node, self.file), _position(value_node, self.file)))
            found[key] = self.value(value_node, here)
        return found

    def item(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - whatever YAML holds
        position = _position(node, self.file)
        self.source.origins.record(path, Origin(position, position))
        return self.value(node, path)

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:  # noqa: ANN401 - whatever YAML holds
        text: str = node.value
        if len(text) > _LONGEST_TEXT:
            return self.refuse(node, path, f"too long a value; the limit is {_LONGEST_TEXT:,} characters")
        try:
            text.encode()
        except UnicodeEncodeError:  # an escape can make half a surrogate pair
            return self.refuse(node, path, f"{describe(text)} is not text")
        value = resolve_plain(text) if node.tag == _PLAIN else text
        if isinstance(value, int | float) and (not math.isfinite(value) or int(value).bit_length() > _MOST_BITS):
            return self.refuse(node, path, f"{describe(text)} is too large a number")
        return value

    def refuse(self, node: yaml.Node, path: Path, what: str) -> None:
        self.source.mistakes.append(LocatedMistake(_position(node, self.file), dotted(path), what))


def _read_bytes(path: FilePath) -> bytes:
    """Return up to MOST_BYTES + 1 bytes of a file or pipe. Raises OSError, and TimeoutError for a pipe without data."""
    content = b""
    # Without O_NONBLOCK, opening a named pipe waits for a writer.
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        poll = select.poll()
        poll.register(file, select.POLLIN)
        is_pipe = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
        while len(content) <= MOST_BYTES:
            if is_pipe and not poll.poll(_PIPE_TIMEOUT_MS):
                raise TimeoutError
            piece = file.read(MOST_BYTES + 1 - len(content))
            if not piece:
                break
            content += piece
    return content


def _is_plain_key(key: str) -> bool:
    return key.isprintable() and len(key) <= _LONGEST_KEY


def _position(node: yaml.Node, file: str) -> Position:
    return Position.in_file(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _line_and_column(before: str) -> tuple[int, int]:
    """Return the line and column, from 1, of what follows the text `before`."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
