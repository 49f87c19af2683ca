"""Templates: text of a request with columns of the load's data in it, as in "/users/{{id}}"."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_OPEN: Final = "{{"
_COLUMN: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """The place of a column's value, which differs from row to row."""

    name: str


Parts: TypeAlias = tuple[str | Column, ...]


def parse_template(text: str) -> Parts:
    """Return what stands between columns, and the columns, in their order; raise ValueError with a sentence."""
    return tuple(_parts(text))


def literal_path(path: str) -> str:
    """Return a path that means itself where a template is expected."""
    return path.replace(_OPEN, "%7B%7B")


def columns_of(texts: Iterable[str]) -> list[str]:
    """Return the names of the columns in these texts, each once; a text that is not a template has none."""
    return list(dict.fromkeys(name for text in texts for name in _names(text)))


def _parts(text: str) -> Iterator[str | Column]:
    end = 0
    for found in _COLUMN.finditer(text):
        if found.start() > end:
            yield _literal(text[end : found.start()])
        name = found.group(1).strip()
        if not name or "{" in name:
            raise ValueError(f"{found.group()} names no column; write {{{{id}}}} for the column id of load.data")
        yield Column(name)
        end = found.end()
    if text[end:]:
        yield _literal(text[end:])


def _literal(text: str) -> str:
    if _OPEN in text:
        raise ValueError("'{{' begins the name of a column, and needs '}}' behind it")
    return text


def _names(text: str) -> Iterator[str]:
    try:
        yield from (part.name for part in parse_template(text) if isinstance(part, Column))
    except ValueError:  # reported where the text is read
        return
