"""Channels: ready when written to, of every kind alike; closed behind the block; limits told."""

import os
import select

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.channels import open_channels
from loadlab.micro.messages import ChannelKind


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
    told = rf"50 pipes need 100 open files; this process may have {few_open_files} .* use the channel eventfd"
    with pytest.raises(LoadlabError, match=told), open_channels(ChannelKind.PIPE, 50):
        pytest.fail("they were opened")


@pytest.mark.parametrize("kind", ChannelKind)
def test_the_limit_is_told_where_no_channel_is_small_enough(kind: ChannelKind, few_open_files: int) -> None:
    with pytest.raises(LoadlabError, match="ask for fewer descriptors"), open_channels(kind, few_open_files):
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
