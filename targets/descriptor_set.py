"""select(2) with descriptors of any number: an fd_set that grows, and the call itself through ctypes.

The famous limit of 1024 is FD_SETSIZE, the size of the fd_set that the C library compiles in; CPython's select.select
therefore refuses descriptors from 1024 up. The kernel has no such limit: it takes `nfds` and reads as many bits as that
says, from whatever memory it is given.
"""

import ctypes
import errno
import os
from array import array
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_libc.select.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_libc.select.restype = ctypes.c_int

_WORD_BITS = 8 * ctypes.sizeof(ctypes.c_ulong)


class DescriptorSet:
    """A bitmap of descriptors in the kernel's own form, an array of unsigned long, and a copy for results.

    select() overwrites the set that it is given with the ready ones; so it gets the copy.
    """

    def __init__(self) -> None:
        self._members = array("L")
        self._result = array("L")
        self.count = 0
        self.nfds = 0
        """The highest member plus one, 0 without any: what select() takes as its first argument."""

    def add(self, fd: int) -> None:
        """Add a descriptor that is not yet in the set."""
        self._make_room(fd + 1)
        word, bit = divmod(fd, _WORD_BITS)
        self._members[word] |= 1 << bit
        self.count += 1
        self.nfds = max(self.nfds, fd + 1)

    def remove(self, fd: int) -> None:
        """Take out a descriptor that is in the set."""
        word, bit = divmod(fd, _WORD_BITS)
        self._members[word] ^= 1 << bit
        self.count -= 1
        while self.nfds and not self._contains(self.nfds - 1):
            self.nfds -= 1

    def _contains(self, fd: int) -> bool:
        word, bit = divmod(fd, _WORD_BITS)
        return bool(self._members[word] >> bit & 1)

    def _make_room(self, nfds: int) -> None:
        words = -(-nfds // _WORD_BITS)
        if words > len(self._members):
            # By the whole new size, so at least twofold: a set that fills up one by one is seldom copied.
            self._members.extend(array("L", bytes(words * self._members.itemsize)))
            self._result = array("L", self._members)

    def prepare_result(self, nfds: int) -> int | None:
        """Copy the members to where select() leaves its result, at least `nfds` bits: the kernel reads that many.

        Return the address; None, which select() takes as an empty set, when there are no members.
        """
        if not self.count:
            return None
        self._make_room(nfds)
        self._result[:] = self._members
        return self._result.buffer_info()[0]

    def result(self) -> Iterator[int]:
        """Yield the descriptors that the last select() left in the result."""
        if not self.count:
            return
        for index, word in enumerate(self._result):
            while word:
                lowest = word & -word
                yield index * _WORD_BITS + lowest.bit_length() - 1
                word ^= lowest


def select(readers: DescriptorSet, writers: DescriptorSet) -> list[int]:
    """Wait until a reader is readable or a writer writable; return those that are, each once.

    Returns nothing when a signal came instead. Raises OSError. The two sets have no descriptor in common.
    """
    nfds = max(readers.nfds, writers.nfds)
    if _libc.select(nfds, readers.prepare_result(nfds), writers.prepare_result(nfds), None, None) < 0:
        error = ctypes.get_errno()
        if error == errno.EINTR:
            return []
        raise OSError(error, os.strerror(error))
    return [*readers.result(), *writers.result()]
