"""Files that are whole or absent: whoever looks, at whatever moment, finds all of the old content or all of the new."""

import errno
import os
from pathlib import Path

from loadlab.errors import ReportError

_ADVICE = {
    errno.ENOSPC: "free some space there, or choose another place with --out",
    errno.EDQUOT: "free some of your disk quota, or choose another place with --out",
    errno.EFBIG: "raise the file size limit (ulimit -f), or choose another place with --out",
    errno.EACCES: "give yourself permission to write there, or choose another place with --out",
    errno.EPERM: "give yourself permission to write there, or choose another place with --out",
    errno.EROFS: "choose a place that can be written with --out",
    errno.ENOTDIR: "name a directory with --out",
    errno.EEXIST: "name a directory with --out",
}


def write_whole(path: Path, content: str) -> None:
    """Write `content` as UTF-8 to `path` in one step that survives a crash; the directory must exist.

    Raises ReportError when it cannot be written; what was at `path` is then still there, and nothing else is left.
    """
    # In the same directory, because rename is atomic only within one file system.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        try:
            with unfinished.open("w", encoding="utf-8", newline="\n") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        # The rename is in the directory: until that is on disk too, a power cut may undo it.
        _sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> ReportError:
    """Return the sentence that tells a user why `path` could not be written, and what to do."""
    advice = _ADVICE.get(error.errno or 0, "choose another place with --out")
    return ReportError(f"Cannot write {path}: {error.strerror or error}; {advice}.")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
