"""The data of a profile that is made of options, which option each part comes from, and how their texts are read."""

from typing import Any, Final

from loadlab.errors import LoadlabError
from loadlab.profile.paths import Data, put
from loadlab.profile.source import resolve_plain
from loadlab.units import quote

Path = tuple[str, ...]
_COLUMN: Final = "{{"


class Settings:
    """The data of the profile under way, and which option each path of it comes from."""

    def __init__(self) -> None:
        self.data: Data = {}
        self._options: dict[Path, str] = {}

    def set(self, path: str | Path, value: object, option: str = "URL") -> None:
        """Put a value at a path; text that was typed is read as in a file of YAML."""
        keys = tuple(path.split(".")) if isinstance(path, str) else path
        put(self.data, keys, value)
        self._options[keys] = option

    def read(self, path: str, text: str | None, option: str) -> None:
        """Put the value of an option at a path, unless it is None."""
        if text is not None:
            self.set(path, resolve_plain(text), f"{option} {text}")

    def option_of(self, path: tuple[Any, ...]) -> str:
        """Return the option that set the path, or one above it."""
        while path and path not in self._options:
            path = path[:-1]
        return self._options.get(path, "URL")


def named_file(option: str, file: str) -> str:
    """Return the name of a file that is sent. Raises LoadlabError if it names none."""
    if file in ("-", ""):
        raise LoadlabError(f"{option}: name a file; standard input cannot be sent again and again")
    return file


def literal_text(option: str, text: str, instead: str) -> str:
    """Return a text that is sent as it is.

    Raises LoadlabError, with what to do `instead`, if a profile would fill it in.
    """
    if _COLUMN in text:
        raise LoadlabError(f"{option}: {quote(_COLUMN)} stands for a column of data in a profile; {instead}")
    return text
