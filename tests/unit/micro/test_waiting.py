"""Channels: ready when written to, of every kind alike; closed behind the block; limits reported."""

import fcntl
import os
import resource
import select
from collections.abc import Iterator

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.messages import ChannelKind, Method
from loadlab.micro.waiting import open_channels, open_wait


def ready_of(descriptors: list[int]) -> list[int]:
    return select.select(descriptors, [], [], 0)[0]


@pytest.mark.parametrize("kind", ChannelKind)
def test_the_one_written_to_is_ready_until_it_is_read(kind: ChannelKind) -> None:
    with open_channels(kind, 5) as channels:
        assert ready_of(channels.watched) == []
        os.write(channels.writing[3], channels.token)
        assert ready_of(channels.watched) == [channels.watched[3]]
        assert os.read(channels.watched[3], len(channels.token)) == channels.token
        assert ready_of(channels.watched) == []


@pytest.mark.parametrize("kind", ChannelKind)
def test_two_tokens_are_read_one_by_one(kind: ChannelKind) -> None:
    with open_channels(kind, 1) as channels:
        for _ in range(2):
            os.write(channels.writing[0], channels.token)
        for _ in range(2):
            assert os.read(channels.watched[0], len(channels.token)) == channels.token
        with pytest.raises(BlockingIOError):
            os.read(channels.watched[0], len(channels.token))


@pytest.mark.parametrize(("kind", "each"), [("pipe", 2), ("socketpair", 2), ("eventfd", 1)])
def test_each_costs_so_many_descriptors(kind: str, each: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with open_channels(ChannelKind(kind), 10):
        assert len(os.listdir("/proc/self/fd")) == before + 10 * each


def test_too_many_pipes_name_the_way_out(few_open_files: int) -> None:
    expected = rf"50 pipes need 100 open files; this process may have {few_open_files} .* use the channel eventfd"
    with pytest.raises(LoadlabError, match=expected), open_channels(ChannelKind.PIPE, 50):
        pytest.fail("they were opened")


@pytest.mark.parametrize("kind", ChannelKind)
def test_the_limit_is_reported_where_no_channel_is_small_enough(kind: ChannelKind, few_open_files: int) -> None:
    with pytest.raises(LoadlabError, match="set fewer descriptors"), open_channels(kind, few_open_files):
        pytest.fail("they were opened")


def test_those_opened_before_a_failure_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([os.eventfd(0), os.eventfd(0)])

    def run_out(_value: int, _flags: int) -> int:
        try:
            return next(left)
        except StopIteration:
            raise OSError(23, "Too many open files in system") from None

    monkeypatch.setattr(os, "eventfd", run_out)
    with (
        pytest.raises(LoadlabError, match="3 eventfds could not be opened: Too many open files in system"),
        open_channels(ChannelKind.EVENTFD, 3),
    ):
        pytest.fail("they were opened")


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
