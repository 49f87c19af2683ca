"""Real waits on real descriptors: every method, channel and form; and the walk that select and poll make."""

import os
from collections.abc import Iterator

import pytest

from loadlab.micro.messages import ChannelKind, Method, WaitCostPart
from loadlab.micro.worker import measure

MANY = 2_000


@pytest.fixture(autouse=True)
def _no_descriptor_left() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("channel", ChannelKind)
@pytest.mark.parametrize("method", Method)
def test_an_operation_is_more_than_its_wait(method: Method, channel: ChannelKind) -> None:
    figures = measure(WaitCostPart(method=method, channel=channel, descriptors=10, active=2, calls=100))
    assert figures.operation_ns is not None
    assert 0 < figures.cost_ns_min <= figures.cost_ns < figures.operation_ns
    assert figures.overhead_ns > 0
    assert (figures.descriptors, figures.repeats) == (10, 20)
    assert (figures.run_ns, figures.bytes_per_unit) == (None, None)


@pytest.mark.parametrize("channel", ChannelKind)
@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(("descriptors", "active", "writes"), [(1, 1, 5), (10, 3, 100), (10, 10, 15)])
def test_a_chain_passes_on_until_its_writes_are_spent(
    method: Method, channel: ChannelKind, descriptors: int, active: int, writes: int
) -> None:
    figures = measure(
        WaitCostPart(method=method, channel=channel, descriptors=descriptors, active=active, writes=writes)
    )
    assert figures.run_ns is not None
    assert figures.run_ns == pytest.approx(figures.cost_ns * (active + writes))
    assert 0 < figures.cost_ns_min <= figures.cost_ns
    assert (figures.descriptors, figures.repeats, figures.operation_ns) == (descriptors, 25, None)


@pytest.mark.parametrize("writes", [0, 200])
def test_select_and_poll_walk_all_descriptors_and_epoll_does_not(writes: int) -> None:
    """Measured: 280 times as dear in operations, 40 times in the chain. Three times is no matter of the machine."""
    select, poll, epoll = (
        measure(WaitCostPart(method=method, channel=ChannelKind.EVENTFD, descriptors=MANY, writes=writes, calls=400))
        for method in (Method.SELECT, Method.POLL, Method.EPOLL)
    )
    assert select.cost_ns > 3 * epoll.cost_ns
    assert poll.cost_ns > 3 * epoll.cost_ns
