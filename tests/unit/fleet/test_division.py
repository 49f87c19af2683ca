"""How connections are divided: nothing is lost, no process and no local address gets more than it can take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, RESERVED_DESCRIPTORS
from loadlab.errors import LoadlabError
from loadlab.fleet.division import Share, divide, split_evenly
from loadlab.profile.address import TcpAddress

LOOPBACK = TcpAddress("127.0.0.1", 8080)


def held(share: Share) -> int:
    return sum(count for _, count in share)


@given(total=st.integers(0, 100_000), parts=st.integers(1, 300))
def test_an_even_split_loses_nothing(total: int, parts: int) -> None:
    split = split_evenly(total, parts)
    assert (len(split), sum(split)) == (parts, total)
    assert max(split) - min(split) <= 1


def test_few_connections_leave_the_local_address_to_the_kernel() -> None:
    division = divide(LOOPBACK, 16, 1, 1000, open_files=20_000)
    assert division.workers == [[(None, 16)]]
    assert division.holders == [[(None, 1000)]]


def test_no_idle_connections_need_no_holder() -> None:
    assert divide(LOOPBACK, 16, 1, 0, open_files=20_000).holders == []


def test_there_are_never_more_workers_than_connections() -> None:
    assert divide(LOOPBACK, 3, 8, 0, open_files=20_000).workers == [[(None, 1)]] * 3


def test_the_remainder_is_not_lost() -> None:
    assert [held(share) for share in divide(LOOPBACK, 10, 4, 0, open_files=20_000).workers] == [3, 3, 2, 2]


def test_more_connections_than_one_process_may_open_take_more_processes() -> None:
    division = divide(LOOPBACK, 300, 1, 1000, open_files=300)
    assert [held(share) for share in division.workers] == [150, 150]
    assert [held(share) for share in division.holders] == [250] * 4


def test_more_connections_than_one_address_has_ports_for_take_more_addresses() -> None:
    division = divide(LOOPBACK, 4, 1, 25_000, open_files=20_000)
    assert division.workers == [[("127.1.0.1", 4)]]
    assert division.holders == [
        [("127.1.0.1", 9996), ("127.1.0.2", 2504)],
        [("127.1.0.2", 7496), ("127.1.0.3", 5004)],
    ]


@given(
    connections=st.integers(1, 50_000),
    workers=st.integers(1, 16),
    idle=st.integers(0, 200_000),
    open_files=st.integers(2000, 100_000),
)
def test_every_limit_holds(connections: int, workers: int, idle: int, open_files: int) -> None:
    division = divide(LOOPBACK, connections, workers, idle, open_files)
    shares = [*division.workers, *division.holders]
    assert sum(map(held, division.workers)) == connections
    assert sum(map(held, division.holders)) == idle
    assert all(0 < held(share) <= open_files - RESERVED_DESCRIPTORS for share in shares)
    by_address: dict[str | None, int] = {}
    for address, count in (part for share in shares for part in share):
        by_address[address] = by_address.get(address, 0) + count
    assert max(by_address.values()) <= PORTS_PER_SOURCE


@pytest.mark.parametrize("open_files", [RESERVED_DESCRIPTORS - 1, RESERVED_DESCRIPTORS, 50])
def test_more_than_all_processes_can_open_is_refused(open_files: int) -> None:
    with pytest.raises(LoadlabError) as caught:
        divide(LOOPBACK, 16, 1, 5000, open_files)
    message = str(caught.value)
    assert f"do not fit in {MAX_PROCESSES} processes with {open_files} open files each" in message
    assert "raise the hard limit (ulimit -Hn) or ask for fewer" in message


@pytest.mark.parametrize("host", ["192.0.2.1", "::1"])
def test_only_loopback_has_further_addresses_to_use(host: str) -> None:
    assert held(divide(TcpAddress(host, 80), 16, 1, 9000, 20_000).holders[0]) == 9000
    with pytest.raises(LoadlabError) as caught:
        divide(TcpAddress(host, 80), 16, 1, 10_000, 20_000)
    assert str(caught.value).startswith(f"10,016 connections to {host} do not fit in the 10,000 local ports")
    assert str(caught.value).endswith("ask for fewer")
