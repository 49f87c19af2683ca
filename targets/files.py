"""The disk, for the handlers disk-read and disk-write: really the disk, and not the kernel's page cache."""

import os
import tempfile

from environment import ENVIRONMENT
from waits import Failure

LARGEST_BYTES = 1024 * 1024


def read(size_bytes: int) -> int:
    """Read so many bytes from a file that lies on the disk only; return how many came. Raises Failure."""
    path = ENVIRONMENT.folder / "to-read"
    try:
        if not path.exists():
            path.write_bytes(os.urandom(LARGEST_BYTES))
        with open(path, "rb", buffering=0) as file:
            os.fsync(file.fileno())  # only what is on the disk can be forgotten
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return len(file.read(size_bytes))
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error


def write(size_bytes: int) -> int:
    """Write so many bytes to a new file and wait until the disk has them; return how many. Raises Failure."""
    try:
        with tempfile.TemporaryFile(dir=ENVIRONMENT.folder, buffering=0) as file:
            written = file.write(bytes(size_bytes))
            os.fsync(file.fileno())
            return written
    except OSError as error:
        raise Failure(f"cannot write to {ENVIRONMENT.folder}: {error.strerror}") from error
