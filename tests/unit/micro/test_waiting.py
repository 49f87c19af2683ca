"""One wait, three system calls: each finds what is ready, and only that."""

import fcntl
import os
import resource
from collections.abc import Iterator

import pytest

from loadlab.micro.channels import open_channels
from loadlab.micro.messages import ChannelKind, Method
from loadlab.micro.waiting import open_wait

FD_SETSIZE = 1024


@pytest.mark.parametrize("may_sleep", [False, True])
@pytest.mark.parametrize("method", Method)
def test_it_returns_those_that_are_ready(method: Method, may_sleep: bool) -> None:
    with (
        open_channels(ChannelKind.PIPE, 200) as channels,
        open_wait(method, channels.watched, 200, may_sleep=may_sleep) as wait,
    ):
        for chosen in ([0], [199], [7, 8, 100], list(range(200))):
            for index in chosen:
                os.write(channels.writing[index], channels.token)
            found = sorted(fd for fd, _ in wait())
            assert found == [channels.watched[index] for index in chosen]
            for fd in found:
                os.read(fd, 1)


@pytest.mark.parametrize("method", Method)
def test_without_sleep_it_returns_nothing_when_nothing_is_ready(method: Method) -> None:
    with (
        open_channels(ChannelKind.EVENTFD, 3) as channels,
        open_wait(method, channels.watched, 3, may_sleep=False) as wait,
    ):
        assert wait() == []


def test_epoll_returns_no_more_than_asked_for() -> None:
    with (
        open_channels(ChannelKind.EVENTFD, 5) as channels,
        open_wait(Method.EPOLL, channels.watched, 2, may_sleep=True) as wait,
    ):
        for fd in channels.writing:
            os.write(fd, channels.token)
        assert len(wait()) == 2


@pytest.fixture
def high_descriptor() -> Iterator[int]:
    """A readable descriptor beyond the C library's fd_set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard <= FD_SETSIZE + 100:
        pytest.skip(f"only {hard} open files allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    low = os.eventfd(1)
    high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, FD_SETSIZE + 50)
    yield high
    os.close(low)
    os.close(high)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("method", Method)
def test_a_descriptor_beyond_fd_setsize_is_found(method: Method, high_descriptor: int) -> None:
    with open_wait(method, [high_descriptor], 1, may_sleep=True) as wait:
        assert [fd for fd, _ in wait()] == [high_descriptor]


def test_an_error_of_select_is_raised() -> None:
    with (
        open_channels(ChannelKind.EVENTFD, 1) as channels,
        open_wait(Method.SELECT, [channels.watched[0] + 1], 1, may_sleep=False) as wait,
        pytest.raises(OSError, match="Bad file descriptor"),
    ):
        wait()
