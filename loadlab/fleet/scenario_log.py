"""What a scenario prints, and what Python warns of in it, kept in a file of limited size."""

from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

MOST_PRINTED_BYTES: Final = 256 * 1024
"""How much of what one process prints is kept: its beginning and its end."""

_MOST_BYTES: Final = 1024 * 1024


class PrintedLog(Protocol):
    """What keeps it."""

    def add(self, process: str, printed: bytes) -> None:
        """Add what a process has printed."""


class ScenarioLog:
    """The file for it: a section for each process that has printed something, in the order in which they ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0

    def add(self, process: str, printed: bytes) -> None:
        """Add what a process has printed, where the file can be written."""
        if not printed.strip():
            return
        if len(printed) > MOST_PRINTED_BYTES:
            half = MOST_PRINTED_BYTES // 2
            printed = printed[:half] + b"\n[...]\n" + printed[-half:]
        section = b"--- %s\n%s\n" % (process.encode(), printed.rstrip())
        if self._bytes + len(section) > _MOST_BYTES:
            section = b"--- %s: left out, as this file is large enough\n" % process.encode()
        # A disk that is full is reported where the results are written.
        with suppress(OSError):
            with self._path.open("ab" if self._bytes else "wb") as file:
                file.write(section)
            self._bytes += len(section)
