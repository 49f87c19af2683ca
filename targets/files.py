"""The disk, for the handlers disk-read and disk-write: really the disk, and not the kernel's page cache."""

import fcntl
import os
import random
import tempfile
from pathlib import Path

from waits import ENVIRONMENT, Failure

LARGEST_BYTES = 1024 * 1024

# Much larger than what one request reads: two at the same time then seldom read the same place, where one of them
# would find in the page cache what the other has just fetched.
_FILE_BYTES = 32 * LARGEST_BYTES
_PAGE_BYTES = 4096


def read(size_bytes: int) -> int:
    """Read so many bytes from somewhere in a file that lies on the disk only; return how many. Raises Failure."""
    path = ENVIRONMENT.folder / "to-read"
    try:
        if not path.exists():
            _make_file_to_read(path)
        with open(path, "rb", buffering=0) as file:
            start = random.randrange(0, _FILE_BYTES - size_bytes + 1, _PAGE_BYTES)
            # No reading ahead: the disk gives what was asked for and no more. What earlier requests left in the page
            # cache is forgotten; the whole file, as the cache keeps large blocks and never forgets a part of one.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return len(os.pread(file.fileno(), size_bytes, start))
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error


def write(size_bytes: int) -> int:
    """Write so many bytes to a new file and wait until the disk has them; return how many. Raises Failure."""
    try:
        with tempfile.TemporaryFile(dir=ENVIRONMENT.folder) as file:
            written = file.write(bytes(size_bytes))
            file.flush()
            os.fsync(file.fileno())
            return written
    except OSError as error:
        raise Failure(f"cannot write to {ENVIRONMENT.folder}: {error.strerror}") from error


def _make_file_to_read(path: Path) -> None:
    """Make the file, unless somebody else has. All who need it at once wait for one: each would write 32 MiB.

    It is made under another name and moved into place whole.
    """
    with open(path.with_suffix(".lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # between processes, and between threads as each has opened it for itself
        if path.exists():
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(os.urandom(_FILE_BYTES))
            file.flush()
            os.fsync(file.fileno())  # the page cache forgets only what the disk has
        os.replace(file.name, path)
