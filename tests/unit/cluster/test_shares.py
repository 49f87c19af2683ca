"""Who does what: nothing is lost, no limit is exceeded, and what is in the way is named."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, RESERVED_DESCRIPTORS, WIDEST_PORTS, ports_per_source
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.shares import ClusterDivision, MachineLimits, apportion, assign_cores, divide_among, ports_of
from loadlab.errors import LoadlabError
from loadlab.fleet.division import Share, divide
from loadlab.host.requirements import ONE_END_BYTES, WORKER_BYTES
from loadlab.profile.address import TcpAddress, UnixAddress

LOOPBACK = TcpAddress("127.0.0.1", 8080)
ELSEWHERE = TcpAddress("10.0.0.1", 8080)
NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True)


def held(shares: list[Share]) -> int:
    return sum(count for share in shares for _, count in share)


def machine(name: str, cores: tuple[int, ...], boot: str, cpu_quota: float | None = None) -> MachineInfo:
    ports = (32_768, 60_999)
    return MachineInfo(
        name, name, "6.1", "1.0", "3.11.0", list(cores), 20_000, 1 << 30, ports, [], boot, cpu_quota=cpu_quota
    )


def limits(name: str, cores: int = 2, open_files: int = 20_000, sources: int = 1, network: str = "") -> MachineLimits:
    addresses = tuple(f"10.0.{index // 250}.{index % 250 + 1}" for index in range(sources))
    return MachineLimits(name, cores, open_files, addresses, network)


@given(names=NAMES, data=st.data(), total=st.integers(0, 100_000))
def test_what_is_apportioned_is_neither_more_nor_less(names: list[str], data: st.DataObject, total: int) -> None:
    weights = {name: data.draw(st.integers(1, 64)) for name in names}
    most = {name: data.draw(st.integers(0, 50_000)) for name in names}
    free, bounded = apportion(total, weights), apportion(total, weights, most)
    assert sum(free.values()) == total
    assert sum(bounded.values()) == min(total, sum(most.values()))
    assert all(0 <= bounded[name] <= most[name] for name in names)
    exact = {name: total * weights[name] / sum(weights.values()) for name in names}
    assert all(abs(free[name] - exact[name]) < 1 for name in names)


def test_machines_on_different_kernels_keep_their_cores() -> None:
    machines = [machine("a", (0, 1), "x"), machine("b", (0, 1, 2, 3), "y")]
    assert assign_cores(machines, machine("", (0, 1), "z"), [1]) == {"a": (0, 1), "b": (0, 1, 2, 3)}


def test_machines_on_one_kernel_divide_its_cores() -> None:
    machines = [machine("a", (0, 1, 2), "x"), machine("b", (0, 1, 2), "x")]
    assert assign_cores(machines, machine("", (0,), "z"), [0]) == {"a": (0, 1), "b": (2,)}


def test_beside_the_target_machines_have_the_cores_of_the_load() -> None:
    machines = [machine("a", (0, 1), "x"), machine("b", (0, 1), "x"), machine("c", (0, 1), "y")]
    assert assign_cores(machines, machine("", (0, 1), "x"), [1]) == {"a": (1,), "b": (1,), "c": (0, 1)}


def test_machines_that_their_user_has_placed_stay_where_they_are() -> None:
    machines = [machine("a", (0, 1), "x"), machine("b", (2, 3), "x")]
    assert assign_cores(machines, machine("", (0,), "z"), [0]) == {"a": (0, 1), "b": (2, 3)}


def test_a_machine_uses_no_more_cores_than_it_has_cpu_time_for() -> None:
    machines = [
        machine("a", (0, 1, 2, 3), "x", 1.5),
        machine("b", (0, 1, 2, 3), "x", 0.5),
        machine("c", (0, 1), "y", 8),
    ]
    assert assign_cores(machines, machine("", (0,), "z"), [0]) == {"a": (0,), "b": (2,), "c": (0, 1)}


@given(
    cores=st.lists(st.integers(1, 16), min_size=1, max_size=6),
    connections=st.integers(1, 5000),
    idle=st.integers(0, 100_000),
    open_files=st.integers(1000, 30_000),
    workers=st.none() | st.integers(1, 40),
)
def test_every_limit_holds_and_nothing_is_lost(
    cores: list[int], connections: int, idle: int, open_files: int, workers: int | None
) -> None:
    machines = [limits(f"m{index}", count, open_files, sources=12) for index, count in enumerate(cores)]
    found = divide_among(machines, ELSEWHERE, connections, workers, idle)
    assert held(found.division.workers) == connections
    assert held(found.division.holders) == idle
    assert sum(found.workers) == len(found.division.workers)
    assert sum(found.holders) == len(found.division.holders)
    for shares in by_machine(found):
        assert all(held([share]) <= open_files - RESERVED_DESCRIPTORS for share in shares)
        ports: Counter[str | None] = Counter()
        for share in shares:
            for address, count in share:
                ports[address] += count
        assert max(ports.values(), default=0) <= PORTS_PER_SOURCE


def by_machine(found: ClusterDivision) -> list[list[Share]]:
    workers, holders = iter(found.division.workers), iter(found.division.holders)
    return [
        [*(next(workers) for _ in range(some)), *(next(holders) for _ in range(others))]
        for some, others in zip(found.workers, found.holders, strict=True)
    ]


@given(cores=st.lists(st.integers(1, 8), min_size=1, max_size=5), connections=st.integers(1, 3000))
def test_load_workers_have_the_shares_that_one_machine_would_give_them(cores: list[int], connections: int) -> None:
    machines = [limits(f"m{index}", count) for index, count in enumerate(cores)]
    alone = divide(ELSEWHERE, connections, sum(cores), 0, 20_000)
    assert divide_among(machines, ELSEWHERE, connections, None, 0).division == alone


def test_workers_are_divided_by_cores() -> None:
    found = divide_among([limits("a", 1), limits("b", 3)], ELSEWHERE, 100, None, 0)
    assert found.workers == [1, 3]
    assert divide_among([limits("a", 1), limits("b", 3)], ELSEWHERE, 100, 8, 0).workers == [2, 6]
    assert divide_among([limits("a", 1), limits("b", 3)], ELSEWHERE, 2, None, 0).workers == [1, 1]


def test_idle_connections_go_where_there_is_room() -> None:
    machines = [limits("a", 2, sources=1), limits("b", 2, sources=3)]
    found = divide_among(machines, ELSEWHERE, 4, None, 35_000)
    holders_of_a = found.division.holders[: found.holders[0]]
    assert held(holders_of_a) == PORTS_PER_SOURCE - 2


def test_a_wider_range_of_ports_holds_more() -> None:
    wide = MachineLimits("a", 2, 20_000, ("10.0.0.1", "10.0.0.2"), ports=ports_per_source(WIDEST_PORTS))
    assert ports_of(wide) == 45_700
    division = divide_among([wide], ELSEWHERE, 2, None, 45_698).division
    ports = Counter[str | None]()
    for share in [*division.workers, *division.holders]:
        for address, count in share:
            ports[address] += count
    assert ports == {"10.0.0.1": 22_850, "10.0.0.2": 22_850}
    with pytest.raises(LoadlabError, match=r"\(22,850 for each local address\): give it more addresses") as caught:
        divide_among([wide], ELSEWHERE, 2, None, 45_699)
    assert "ip_local_port_range" not in str(caught.value)


def test_machines_with_one_loopback_never_share_a_local_address_beyond_its_ports() -> None:
    machines = [MachineLimits(name, 1, 20_000, (), "same", has_ports=False) for name in "ab"]
    found = divide_among(machines, LOOPBACK, 2, None, 30_000)
    ports = Counter[str | None]()
    for share in [*found.division.workers, *found.division.holders]:
        for address, count in share:
            ports[address] += count
    assert max(ports.values()) <= PORTS_PER_SOURCE
    assert None not in ports


def test_a_unix_socket_takes_no_ports() -> None:
    machines = [MachineLimits("a", 2, 20_000, has_ports=False)]
    found = divide_among(machines, UnixAddress("/run/x"), 2, None, 30_000)
    assert {address for share in found.division.holders for address, _ in share} == {None}


def test_too_few_ports_are_named_with_the_machine_and_the_fix() -> None:
    with pytest.raises(LoadlabError) as caught:
        divide_among([limits("a", sources=2), limits("b")], ELSEWHERE, 4, None, 40_000)
    assert str(caught.value) == (
        "40,004 connections do not fit on 2 client machines, which can hold 30,000; client machine b has ports for "
        "10,000 connections (10,000 for each local address): give it more addresses there (ip address add "
        "ADDRESS/PREFIX dev INTERFACE), or a wider range of ports (sysctl net.ipv4.ip_local_port_range='1024 65535'), "
        "or add machines"
    )


def test_too_few_open_files_are_named_with_the_machine_and_the_fix() -> None:
    few = RESERVED_DESCRIPTORS + 2
    with pytest.raises(LoadlabError) as caught:
        divide_among([limits("a"), limits("b", open_files=few)], ELSEWHERE, 4, None, 20_000)
    assert str(caught.value) == (
        f"20,004 connections do not fit on 2 client machines, which can hold {10_000 + 2 * MAX_PROCESSES:,}; client "
        f"machine b has {few} open files for each process: raise the hard limit there (ulimit -Hn, LimitNOFILE=) "
        "before its Dask worker starts, or add machines"
    )


@pytest.mark.parametrize("cores", [1, 2])
def test_idle_connections_go_where_there_is_memory(cores: int) -> None:
    small = replace(limits("a", cores, sources=9), memory_bytes=cores * WORKER_BYTES + 1000 * ONE_END_BYTES)
    found = divide_among([small, limits("b", cores, sources=9)], ELSEWHERE, 4, None, 40_000)
    assert 800 < held(found.division.holders[: found.holders[0]]) < 1000


def test_too_little_memory_is_named_with_the_machine_and_the_fix() -> None:
    small = replace(limits("a", 1), memory_bytes=WORKER_BYTES + 1000 * ONE_END_BYTES)
    with pytest.raises(LoadlabError) as caught:
        divide_among([small], ELSEWHERE, 4, None, 2000)
    assert re.fullmatch(
        r"2,004 connections do not fit on 1 client machine, which can hold 8\d\d; client machine a has 44.1 MiB of "
        r"memory, enough for about 8\d\d connections: free some there, or add machines",
        str(caught.value),
    )
