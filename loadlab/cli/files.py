"""Files that the user names on the command line for what is written beside the run directory."""

import os
from pathlib import Path

from loadlab.errors import LoadlabError
from loadlab.units import printable


def write_file(path: Path, text: str, private: bool = False) -> None:
    """Write a file; one that is `private` only its owner can read. Raises LoadlabError if it cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o666)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise LoadlabError(f"cannot write {printable(str(path))}: {error.strerror}") from None


def check_writable(path: Path) -> None:
    """Raise LoadlabError if a file cannot be written, before there is anything to write."""
    existed = path.exists()
    try:
        with path.open("a"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise LoadlabError(f"cannot write {printable(str(path))}: {error.strerror}") from None
