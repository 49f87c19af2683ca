"""The data of a profile that is made of options, and which option each part of it comes from."""

from typing import Any

from loadlab.profile.paths import Data, put
from loadlab.profile.source import resolve_plain

Path = tuple[str, ...]


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
