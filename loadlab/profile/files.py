"""The files that a profile names: where they are, and what is in them.

They are read once for a run, when the profile is checked, and again only if they have changed since.
"""

import csv
import io
import os
import re
import stat
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, Final

from loadlab.profile.paths import Data, value_at
from loadlab.profile.values import describe, list_words
from loadlab.units import printable

MOST_BYTES: Final = 64 * 1024 * 1024
"""All requests of a load together; a file that is part of them cannot be larger either."""

MOST_ROWS: Final = 1_000_000
_MOST_COLUMNS: Final = 100
_FILES: Final = (
    "load.request.file",
    "load.message.binary",
    "load.data.file",
    "load.scenario",  # and its function behind it, which stays there
    "target.cwd",
    "target.tls.ca",
    "target.tls.cert",
    "target.tls.key",
)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a data file: the values of each column, and the line on which each row ends."""

    file: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]

    @property
    def name(self) -> str:
        """The file's own name, for sentences."""
        return printable(os.path.basename(self.file))

    def __len__(self) -> int:
        return len(self.lines)


def resolve_files(data: Data, folder: FilePath) -> None:
    """Make the names of files in a profile's data absolute, in place; those that are relative lie in `folder`."""
    for section, key in _places(data):
        if isinstance(value := section.get(key), str) and value and "\0" not in value:
            section[key] = os.path.abspath(folder / value)
        elif isinstance(value, list):
            section[key] = [
                os.path.abspath(folder / each) if isinstance(each, str) and each and "\0" not in each else each
                for each in value
            ]


def without_common_folder(path: str, values: Sequence[Any]) -> list[Any]:
    """Return the values of a sweep at a dotted path as results have them: files without the folder that they share."""
    files = [value for value in values if isinstance(value, str)]
    if path not in _FILES or not files or not all(map(os.path.isabs, files)):
        return [*values]
    folder = os.path.commonpath([*map(os.path.dirname, files)])
    return [os.path.relpath(value, folder) if isinstance(value, str) else value for value in values]


def read_content(file: str) -> bytes:
    """Return what a file holds; raise ValueError with a sentence if it cannot be sent."""
    return _cached_content(file, _stamp(file))


def read_table(file: str) -> Table:
    """Return the rows of a CSV file whose first line names the columns; raise ValueError with a sentence."""
    return _cached_table(file, _stamp(file))


def _places(data: Data) -> Iterator[tuple[Data, str]]:
    sweep = data.get("sweep")
    for path in _FILES:
        *above, key = path.split(".")
        if isinstance(section := value_at(data, tuple(above)), dict):
            yield section, key
        if isinstance(sweep, dict):
            yield sweep, path
    mix = value_at(data, ("load", "mix"))
    for request in mix if isinstance(mix, list) else []:
        if isinstance(request, dict):
            yield request, "file"
    messages = value_at(data, ("load", "messages"))
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            yield message, "binary"


def _stamp(file: str) -> tuple[int, ...]:
    """Return what changes with a file's content; raise ValueError with a sentence if it cannot be used."""
    shown = printable(file)
    try:
        found = os.stat(file)
    except OSError as error:
        raise ValueError(f"{shown} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{shown} is not a regular file")
    if found.st_size > MOST_BYTES:
        many = f"{found.st_size / (1 << 20):,.0f} MiB"
        raise ValueError(
            f"{shown} is too large with {many}: all requests are prepared before the load begins, in at most "
            f"{MOST_BYTES >> 20} MiB; use a smaller file"
        )
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _cached_content(file: str, _stamp: tuple[int, ...]) -> bytes:
    try:
        return FilePath(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{printable(file)} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=2)
def _cached_table(file: str, _stamp: tuple[int, ...]) -> Table:
    content = _cached_content.__wrapped__(file, _stamp)
    shown = printable(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{shown}:{line}: not UTF-8 text; save the file as UTF-8") from None
    return _parse_table(text, file)


def _parse_table(text: str, file: str) -> Table:
    shown = printable(file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines = array("L")
    try:
        names = [name.strip() for name in next((row for row in reader if row), [])]
        _check_names(names, shown, reader.line_num)
        for row in reader:
            if len(row) != len(names):
                if not row:  # an empty line
                    continue
                raise ValueError(
                    f"{shown}:{reader.line_num}: has {_count(len(row), 'value')}, where the first line names "
                    f"{_count(len(names), 'column')}"
                )
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) > MOST_ROWS:
                raise ValueError(f"{shown} has more than {MOST_ROWS:,} rows; keep a random sample of them")
    except csv.Error as error:
        raise ValueError(f"{shown}:{reader.line_num}: not valid CSV: {error}") from None
    if not rows:
        raise ValueError(f"{shown} has no rows; it needs at least one below the line that names the columns")
    return Table(file, {name: [row[index] for row in rows] for index, name in enumerate(names)}, lines)


def _check_names(names: Sequence[str], shown: str, line: int) -> None:
    if not names:
        raise ValueError(f"{shown} is empty; its first line must name the columns, such as id,name")
    if len(names) > _MOST_COLUMNS:
        raise ValueError(f"{shown}:{line}: names {len(names):,} columns; the limit is {_MOST_COLUMNS}")
    for index, name in enumerate(names):
        if not name:
            raise ValueError(f"{shown}:{line}: column {index + 1} has no name; the first line must name all columns")
        if not name.isprintable() or re.search("[{}]", name):
            raise ValueError(f"{shown}:{line}: {describe(name)} cannot name a column; use letters and digits")
        if name in names[:index]:
            raise ValueError(f"{shown}:{line}: names the column {describe(name)} twice")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_columns(table: Table) -> str:
    """Return the names of a table's columns as a sentence lists them."""
    shown = [describe(name) for name in table.columns][:10]
    return list_words([*shown, "others"] if len(table.columns) > len(shown) else shown)
