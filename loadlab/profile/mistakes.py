"""Mistakes in a profile, and where each was made: reported as a compiler does, all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from loadlab.profile.paths import Path, dotted


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something was written: `label` is "file:line:column", or the option of the command line."""

    line: int
    column: int
    label: str

    @classmethod
    def in_file(cls, file: str, line: int, column: int) -> "Position":
        """Return a place in a file; line and column count from 1."""
        return cls(line, column, f"{file}:{line}:{column}")

    @classmethod
    def on_command_line(cls, number: int, option: str) -> "Position":
        """Return the place of the n-th option, which comes after every line of a file."""
        return cls(1_000_000_000 + number, 0, option)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key, or the item of a list, and its value were written."""

    key: Position
    value: Position


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with what stands at `path`: with its key, or with its value."""

    path: Path
    what: str
    part: Literal["key", "value"] = "value"


@dataclass(frozen=True, slots=True, order=True)
class LocatedMistake:
    """A mistake and where it was made; as text, one line as a compiler prints it."""

    position: Position
    path: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.position.label, self.path, self.what) if part)


class Origins:
    """Where each path of a profile was written."""

    def __init__(self, root: Position) -> None:
        self._origins: dict[Path, Origin] = {(): Origin(root, root)}

    def __contains__(self, path: Path) -> bool:
        return path in self._origins

    def record(self, path: Path, origin: Origin) -> None:
        """Note where a path was written."""
        self._origins[path] = origin

    def replace(self, path: Path, origin: Origin) -> None:
        """Note where a path was written anew; the places of what lay below it are dropped."""
        self._origins = {known: at for known, at in self._origins.items() if known[: len(path)] != path}
        self.record(path, origin)

    def at(self, position: Position) -> "Origins":
        """Return the same paths as if all of them had been written there."""
        moved = Origins(position)
        for path in self._origins:
            moved.record(path, Origin(position, position))
        return moved

    def key(self, path: Path) -> Position:
        """Return where the key was written; for a missing one, where the section that lacks it was."""
        while path not in self._origins:
            path = path[:-1]
        return self._origins[path].key

    def value(self, path: Path) -> Position:
        """Return where the value was written, or as `key` does if nothing was."""
        return self._origins[path].value if path in self._origins else self.key(path)

    def locate(self, mistakes: Iterable[Mistake]) -> list[LocatedMistake]:
        """Return the mistakes with the places where they were written."""
        return [
            LocatedMistake(
                self.key(mistake.path) if mistake.part == "key" else self.value(mistake.path),
                dotted(mistake.path),
                mistake.what,
            )
            for mistake in mistakes
        ]
