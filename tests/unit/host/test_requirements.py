"""What profiles take of a machine."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, RESERVED_DESCRIPTORS, Footprint
from loadlab.host.requirements import (
    CONNECTION_BYTES,
    HOLDER_BYTES,
    ONE_END_BYTES,
    WORKER_BYTES,
    Requirements,
    largest,
    requirements_of,
    requirements_of_part,
)
from loadlab.installation import bundled_directory
from loadlab.profile import LoadProfile, SwitchCostProfile, WaitCostProfile, load_profile, plan_trials
from loadlab.profile.target import Target

from .machine import OWN

MIB = 1 << 20


SHARING = Footprint(listeners=10)
EPOLL = Footprint()
THREAD = Footprint(per_connection="thread")
FORK = Footprint(per_connection="process")


def profile(handler: str = "hello", **load: Any) -> LoadProfile:  # noqa: ANN401 - settings as in YAML
    return LoadProfile.model_validate(
        {
            "name": "x",
            "target": {"server": "epoll", "handler": handler},
            "load": {"connections": 10, "duration": "1s", **load},
        }
    )


def test_a_connection_has_two_ends_and_may_be_of_three_kinds() -> None:
    needed = requirements_of(profile(connections=100, slow_connections=20, idle=3_000), OWN, EPOLL)
    assert (needed.connections, needed.active) == (3_120, 120)
    assert 2 * 3_120 < needed.files < 2 * 3_120 + 10 * RESERVED_DESCRIPTORS
    assert needed.open_files == 3_120 + 16
    assert needed.memory_bytes > 3_120 * CONNECTION_BYTES


def test_users_of_a_scenario_take_more_memory_than_connections() -> None:
    plain, users = (
        requirements_of(profile(connections=5_000, **scenario), OWN, EPOLL)
        for scenario in ({}, {"scenario": "shop.py:checkout"})
    )
    assert (users.connections, users.files, users.ports) == (plain.connections, plain.files, plain.ports)
    assert 50 * MIB < users.memory_bytes - plain.memory_bytes < 200 * MIB


def test_no_address_gives_more_than_its_share_of_ports() -> None:
    assert requirements_of(profile(idle=3_000), OWN).ports == 3_010
    assert requirements_of(profile(idle=300_000), OWN).ports == PORTS_PER_SOURCE


@pytest.mark.parametrize(
    ("target", "takes_ports"),
    [
        ({"address": "unix:/run/app.sock"}, False),
        ({"address": "localhost:8080"}, True),
        ({"command": ["./server", "unix:{socket}"]}, False),
        ({"command": ["./server"], "env": {"LISTEN": "{socket}"}}, False),
        ({"command": ["./server"], "address": "unix:/run/app.sock"}, False),
        ({"command": ["./server", "{port}"]}, True),
    ],
)
def test_connections_to_a_unix_socket_take_no_ports(target: dict[str, Any], takes_ports: bool) -> None:
    load = {"connections": 10, "duration": "1s"}
    needed = requirements_of(LoadProfile.model_validate({"name": "x", "target": target, "load": load}), OWN)
    assert bool(needed.ports) == takes_ports


def test_processes_of_the_target_share_its_descriptors() -> None:
    own = replace(OWN, open_files_hard=6_000)  # many small holders
    one = requirements_of(profile(idle=100_000), own, EPOLL)
    ten = requirements_of(profile(idle=100_000), own, SHARING)
    assert one.open_files > 100_000
    assert 10_000 < ten.open_files < 12_000
    assert ten.tasks == one.tasks + 9
    assert ten.memory_bytes > one.memory_bytes


def test_a_server_that_runs_already_has_limits_and_memory_of_its_own() -> None:
    ours = profile(connections=1_000, idle=100_000)
    running = ours.model_copy(update={"target": Target(address="127.0.0.1:80")})
    own = replace(OWN, open_files_hard=6_000)
    started = requirements_of(ours, own, EPOLL)
    assert started.open_files > 100_000
    needed = requirements_of(running, own)
    assert needed.open_files <= 6_000
    assert needed.connections == 101_000
    assert needed.tasks == started.tasks - 1
    assert needed.memory_bytes < started.memory_bytes


@given(connections=st.integers(1, 2_000_000), processes=st.integers(2, 1000))
def test_the_target_agrees_that_so_many_descriptors_suffice(connections: int, processes: int) -> None:
    """The capacity that targets/shared_port.py computes from a limit, given the limit that is required here."""
    needed = requirements_of(profile(connections=connections), OWN, Footprint(listeners=processes))
    of_one = needed.open_files - 16
    assert processes * max(0, of_one - math.ceil(6 * math.sqrt(of_one))) >= connections


def test_a_pool_of_processes_takes_memory() -> None:
    small = requirements_of(profile(), OWN, Footprint(pool_processes=1))
    large = requirements_of(profile(), OWN, Footprint(pool_processes=101))
    assert large.memory_bytes > small.memory_bytes + 100 * 2 * MIB
    assert (large.tasks, large.maps) == (small.tasks + 100, small.maps)


def test_a_pool_of_threads_takes_tasks_and_stacks() -> None:
    small = requirements_of(profile(), OWN, Footprint(pool_threads=1))
    large = requirements_of(profile(), OWN, Footprint(pool_threads=1_001))
    assert (large.tasks, large.maps) == (small.tasks + 1_000, small.maps + 2_000)


@pytest.mark.parametrize(("server", "bytes_each"), [(FORK, 2_500 * 1024), (THREAD, 100 * 1024)])
def test_a_unit_of_execution_for_each_connection_is_a_task_that_takes_memory(
    server: Footprint, bytes_each: int
) -> None:
    with_units = requirements_of(profile(idle=1_000), OWN, server)
    without = requirements_of(profile(idle=1_000), OWN, EPOLL)
    assert with_units.tasks == without.tasks + 1_010
    assert with_units.memory_bytes >= without.memory_bytes + 1_010 * bytes_each


def test_threads_take_maps_and_processes_do_not() -> None:
    assert requirements_of(profile(idle=1_000), OWN, THREAD).maps == 2_020
    assert requirements_of(profile(idle=1_000), OWN, FORK).maps == 0


def test_requests_for_an_upstream_server_open_connections_to_it() -> None:
    alone = requirements_of(profile(connections=50), OWN, EPOLL)
    behind = requirements_of(profile("upstream", connections=50), OWN, EPOLL)
    assert behind.connections == alone.connections + 50
    assert behind.open_files == alone.open_files + 50
    assert behind.tasks == alone.tasks + 1


def test_a_low_limit_takes_more_holders() -> None:
    low = replace(OWN, open_files_hard=1_040)
    assert requirements_of(profile(idle=10_000), low).tasks == requirements_of(profile(idle=10_000), OWN).tasks + 9


def test_the_load_itself_needs_a_limit_that_its_most_processes_can_live_with() -> None:
    tiny = replace(OWN, open_files_hard=RESERVED_DESCRIPTORS)
    needed = requirements_of(profile(idle=256_000), tiny, Footprint(listeners=1000))
    assert needed.open_files >= 256_000 / MAX_PROCESSES + RESERVED_DESCRIPTORS


def test_the_highest_rate_is_shared_by_cores_that_have_a_worker() -> None:
    """Of four cores, two are the load's."""
    rate = [{"for": "1s", "from": 1_000, "to": 90_000}, {"for": "1s", "from": 90_000}]
    assert requirements_of(profile(rate=rate, workers=1), OWN).requests_per_core == 90_000
    assert requirements_of(profile(rate=rate, workers=4), OWN).requests_per_core == 45_000
    assert requirements_of(profile(rate="30k"), OWN).requests_per_core == 15_000
    assert requirements_of(profile(), OWN).requests_per_core == 0


def test_of_load_from_other_machines_only_the_target_s_ends_are_here() -> None:
    here, elsewhere = (requirements_of(profile(), OWN, load_is_here=load_is_here) for load_is_here in (True, False))
    assert elsewhere.connections == here.connections > 0
    assert (elsewhere.ports, elsewhere.tasks, elsewhere.requests_per_core) == (0, 0, 0)
    assert elsewhere.files == elsewhere.connections < here.files
    assert elsewhere.memory_bytes == elsewhere.connections * CONNECTION_BYTES // 2 < here.memory_bytes


def test_a_part_of_a_load_takes_one_end_of_its_connections() -> None:
    workers, holders = [[(None, 6)], [(None, 5)]], [[("10.0.0.1", 2_000)], [("10.0.0.1", 500), ("10.0.0.2", 1_500)]]
    load = profile(connections=22, slow_connections=3, idle=8_000, rate="40k")
    needed = requirements_of_part(load, workers, holders, all_workers=4, cores=[0, 2])
    assert (needed.connections, needed.active) == (4_013, 13)
    assert needed.ports == 2_500 + 2
    assert needed.open_files == 2_000 + RESERVED_DESCRIPTORS
    assert (needed.files, needed.tasks) == (4_013 + 4 * RESERVED_DESCRIPTORS, 4)
    assert needed.memory_bytes == 4_013 * ONE_END_BYTES + 2 * HOLDER_BYTES + 2 * WORKER_BYTES
    assert needed.requests_per_core == 10_000
    assert needed.cores == {0, 2}


def test_a_machine_without_a_part_needs_nothing() -> None:
    assert requirements_of_part(profile(rate="40k"), [], [], all_workers=4, cores=[]) == Requirements()


def test_named_cores_are_needed() -> None:
    plain = profile().model_dump(mode="json", by_alias=True)
    placed = LoadProfile.model_validate({**plain, "placement": {"target": [0], "load": [1, 5]}})
    assert requirements_of(placed, OWN).cores == {0, 1, 5}
    assert requirements_of(profile(), OWN).cores == frozenset()


@pytest.mark.parametrize(("channel", "each"), [("pipe", 2), ("socketpair", 2), ("eventfd", 1)])
def test_a_microbenchmark_of_waiting_needs_descriptors(channel: str, each: int) -> None:
    wait = {"method": "poll", "descriptors": 500, "channel": channel}
    needed = requirements_of(WaitCostProfile.model_validate({"name": "x", "kind": "wait-cost", "wait": wait}), OWN)
    assert needed.open_files == 500 * each + 4
    assert needed.connections == 0


@pytest.mark.parametrize(("unit", "tasks", "maps"), [("thread", 301, 600), ("process", 301, 0), ("generator", 1, 0)])
def test_a_microbenchmark_of_switching_needs_its_units(unit: str, tasks: int, maps: int) -> None:
    switch = {"unit": unit, "count": 300}
    needed = requirements_of(
        SwitchCostProfile.model_validate({"name": "x", "kind": "switch-cost", "switch": switch}), OWN
    )
    assert (needed.tasks, needed.maps) == (tasks, maps)


def test_the_largest_has_the_most_of_each_kind() -> None:
    one = Requirements(connections=5, tasks=100, cores=frozenset({0}))
    other = Requirements(connections=7, tasks=10, memory_bytes=3, cores=frozenset({1}))
    assert largest([one, other]) == Requirements(connections=7, tasks=100, memory_bytes=3, cores=frozenset({0, 1}))
    assert largest([]) == Requirements()


def test_every_profile_that_ships_has_requirements() -> None:
    for path in bundled_directory("profiles").glob("*.yaml"):
        trials = plan_trials(load_profile(path).profile, seed=0)
        needed = largest(requirements_of(trial.profile, OWN) for trial in trials)
        assert needed.tasks > 0
        assert needed.memory_bytes > MIB
