"""Descriptors that can be made ready to read at will, as many as the limit of open files allows.

Pipes are what "The Linux Programming Interface" and libevent's bench.c watch (the latter, as compiled by default,
socket pairs). Each costs two descriptors, so a limit of 20,000 open files ends them short of 10,000. An eventfd is both
ends in one descriptor, and in poll, like a pipe, has one wait queue and one counter to look at: with it n goes twice as
far. Descriptors duplicated from one pipe would not do, as all of them are ready at once.
"""

import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.micro.messages import ChannelKind

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
    advice = "ask for fewer descriptors, or raise the limit (ulimit -n)"
    if kind is not ChannelKind.EVENTFD and count <= free:
        advice = "use the channel eventfd, which needs one each"
    raise LoadlabError(
        f"{count:,} {_PLURALS[kind]} need {needed:,} open files; this process may have {limit:,} "
        f"and can open {max(free, 0):,} more: {advice}"
    )
