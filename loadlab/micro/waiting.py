"""select, poll and epoll as one prepared call, and the descriptors (channels) that it waits for."""

import ctypes
import os
import resource
import select
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress, count
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.micro.messages import ChannelKind, Method

_OPEN_FILES: Final = {ChannelKind.PIPE: 2, ChannelKind.SOCKETPAIR: 2, ChannelKind.EVENTFD: 1}
_PLURALS: Final = {ChannelKind.PIPE: "pipes", ChannelKind.SOCKETPAIR: "socket pairs", ChannelKind.EVENTFD: "eventfds"}
_WAITERS_OWN: Final = 1  # epoll's descriptor


@dataclass(frozen=True, slots=True)
class Channels:
    """Write `token` to `writing[i]`, and `watched[i]` is ready until the token, `len(token)` bytes, is read from it."""

    watched: list[int]
    writing: list[int]
    token: bytes


@contextmanager
def open_channels(kind: ChannelKind, count: int) -> Iterator[Channels]:
    """Open `count` of them, none of which blocks, and close them behind the block. Raises LoadlabError."""
    _check_open_files(kind, count)
    with ExitStack() as stack:
        try:
            ends = [_open_channel(kind, stack) for _ in range(count)]
        except OSError as error:
            raise LoadlabError(f"{count:,} {_PLURALS[kind]} could not be opened: {error.strerror}") from error
        token = (1).to_bytes(8, sys.byteorder) if kind is ChannelKind.EVENTFD else b"e"
        yield Channels([watched for watched, _ in ends], [writing for _, writing in ends], token)


def _open_channel(kind: ChannelKind, stack: ExitStack) -> tuple[int, int]:
    """Open one; return the descriptor to watch and the one to write to."""
    match kind:
        case ChannelKind.PIPE:
            watched, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        case ChannelKind.SOCKETPAIR:
            watched, writing = (
                end.detach() for end in socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            )
        case ChannelKind.EVENTFD:
            # As a semaphore: two tokens written are two to be read, as in a pipe, and not one of twice the value.
            watched = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
            stack.callback(os.close, watched)
            return watched, watched
    stack.callback(os.close, watched)
    stack.callback(os.close, writing)
    return watched, writing


def _check_open_files(kind: ChannelKind, count: int) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The listing has an open descriptor of its own, which is free again.
    free = limit - (len(os.listdir("/proc/self/fd")) - 1) - _WAITERS_OWN
    needed = count * _OPEN_FILES[kind]
    if needed <= free:
        return
    advice = "set fewer descriptors, or raise the limit (ulimit -n)"
    if kind is not ChannelKind.EVENTFD and count <= free:
        advice = "use the channel eventfd, which needs one each"
    raise LoadlabError(
        f"{count:,} {_PLURALS[kind]} need {needed:,} open files; this process may have {limit:,} "
        f"and can open {max(free, 0):,} more: {advice}"
    )


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
