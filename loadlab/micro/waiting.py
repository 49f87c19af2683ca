"""select, poll and epoll as one thing: a prepared call that waits and returns what is ready.

Two facts that decide what is measured here:

- The timeout counts. A wait that may sleep puts itself on the wait queue of each descriptor it passes until it finds
  the first ready one, and takes itself off again before it returns; a wait with timeout 0 only asks. With one ready
  among n, select and poll cost almost three times as much when they may sleep (1.6 ms against 0.6 ms at 19,000). A
  server waits with a timeout, libevent's bench.c without.
- Whoever calls select or poll has to walk the result to find what is ready. CPython's poll object does so in C; its
  array of descriptors is built once and stays, as nothing is registered in between. Against poll(2) called bare
  through ctypes this makes no difference at 19,000 descriptors (1.62 and 1.63 ms), and costs 0.4 us less at one.

select.select refuses descriptors from 1024 up, FD_SETSIZE, and builds a new set for each call; so select(2) is called
through ctypes. It overwrites the set with the result: the copy that each call needs is part of its price. The way
through ctypes makes it 1 us dearer than the other two, whatever n: the measured overhead is each method's own.
"""

import ctypes
import os
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import compress, count
from typing import Final

from loadlab.micro.messages import Method

Wait = Callable[[], list[tuple[int, int]]]
"""Waits, and returns a pair (descriptor, events) for each ready one."""

_libc = ctypes.CDLL(None, use_errno=True)
_WORD_BITS: Final = 8 * ctypes.sizeof(ctypes.c_ulong)


@contextmanager
def open_wait(method: Method, descriptors: Sequence[int], at_most: int, *, may_sleep: bool) -> Iterator[Wait]:
    """Prepare to wait until any of `descriptors` can be read, and let epoll go behind the block.

    `may_sleep` waits for ever, else not at all. epoll returns `at_most` descriptors; select and poll return all.
    """
    match method:
        case Method.SELECT:
            yield _SelectWait(descriptors, may_sleep=may_sleep)
        case Method.POLL:
            poller = select.poll()
            for fd in descriptors:
                poller.register(fd, select.POLLIN)
            yield partial(poller.poll, None if may_sleep else 0)
        case Method.EPOLL:
            with select.epoll(len(descriptors)) as epoll:
                for fd in descriptors:
                    epoll.register(fd, select.EPOLLIN)
                yield partial(epoll.poll, None if may_sleep else 0, at_most)


class _TimeValue(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("microseconds", ctypes.c_long))


class _SelectWait:
    """select(2) on one set of readers, in the kernel's own form: a bitmap of unsigned longs."""

    def __init__(self, descriptors: Sequence[int], *, may_sleep: bool) -> None:
        nfds = max(descriptors) + 1
        bitmap = ctypes.c_ulong * -(-nfds // _WORD_BITS)
        result = bitmap()
        # Assigned through a memoryview: copying takes 50 ns so, and 370 ns with ctypes.memmove.
        self._members = memoryview(bitmap()).cast("B").cast("L")
        self._result = memoryview(result).cast("B").cast("L")
        for fd in descriptors:
            self._members[fd // _WORD_BITS] |= 1 << fd % _WORD_BITS
        timeout = None if may_sleep else ctypes.byref(_TimeValue(0, 0))
        self._select = partial(_libc.select, nfds, ctypes.byref(result), None, None, timeout)

    def __call__(self) -> list[tuple[int, int]]:
        self._result[:] = self._members
        if self._select() < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        ready = []
        for index in compress(count(), self._result):  # the words that are not 0, found in C
            word = self._result[index]
            while word:
                lowest = word & -word
                ready.append((index * _WORD_BITS + lowest.bit_length() - 1, select.POLLIN))
                word ^= lowest
        return ready
