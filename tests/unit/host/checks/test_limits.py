"""What can run out: fine as long as there is enough, and told with what mends it where there is not."""

from dataclasses import replace

import pytest

from loadlab.host.checks.diagnosis import Diagnosis, State
from loadlab.host.checks.limits import (
    check_all_open_files,
    check_local_ports,
    check_maps,
    check_memory,
    check_open_files,
    check_tasks,
    check_tcp_memory,
    check_tracking,
)
from loadlab.host.machine import TaskLimit
from loadlab.host.requirements import Needs

from ..machine import GIB, HEALTHY, machine


def is_fine(diagnosis: Diagnosis) -> bool:
    return (diagnosis.state, diagnosis.problem, diagnosis.fix) == (State.OK, None, None)


def test_the_hard_limit_binds_the_fullest_process() -> None:
    assert is_fine(check_open_files(HEALTHY, Needs(open_files=20_000)))
    found = check_open_files(HEALTHY, Needs(open_files=20_001))
    assert found.state is State.BLOCKER
    assert found.problem == "one process would have 20,001 files open, and the hard limit is 20,000"
    assert "`ulimit -n 20001`" in str(found.fix)
    assert "nr_open" not in str(found.fix)


def test_a_limit_beyond_the_kernels_own_needs_that_raised_first() -> None:
    found = check_open_files(machine("files", highest_hard=50_000), Needs(open_files=60_000))
    assert "`sysctl fs.nr_open=60000`, then `ulimit -n 60000`" in str(found.fix)


def test_files_that_others_have_open_count_against_the_machines_limit() -> None:
    ordinary = machine("files", machine=10_000, machine_open=4_000)
    unprivileged = replace(ordinary, files=replace(ordinary.files, machine_binds=True))
    assert is_fine(check_all_open_files(unprivileged, Needs(files=6_000)))
    found = check_all_open_files(unprivileged, Needs(files=6_001))
    assert (found.state, found.fix) == (State.BLOCKER, "`sysctl fs.file-max=10001`")
    assert is_fine(check_all_open_files(ordinary, Needs(files=6_001)))  # root may go beyond


@pytest.mark.parametrize("limit", [None, (1 << 63) - 1])
def test_a_machine_may_have_no_limit_of_files(limit: int | None) -> None:
    found = check_all_open_files(machine("files", machine=limit), Needs(files=1 << 40))
    assert is_fine(found)
    assert found.here == "no limit"


def test_ports_are_those_of_one_address() -> None:
    assert is_fine(check_local_ports(HEALTHY, Needs(ports=10_000)))
    found = check_local_ports(machine("network", local_ports=(50_000, 50_999)), Needs(ports=1_001))
    assert found.problem == "1,001 connections would leave from one address, which has 1,000 local ports"
    assert found.fix == "`sysctl net.ipv4.ip_local_port_range='32768 60999'`"
    assert is_fine(check_local_ports(machine("network", local_ports=(50_000, 50_999)), Needs(ports=1_000)))


def test_many_slow_senders_need_more_ports_than_the_default_range_has() -> None:
    found = check_local_ports(HEALTHY, Needs(ports=30_000))
    assert found.fix == "`sysctl net.ipv4.ip_local_port_range='1024 65535'`"


@pytest.mark.parametrize(
    ("tracked", "most", "connections", "state"),
    [
        (None, None, 10_000, State.OK),
        (0, 262_144, 1_000_000, State.OK),  # loaded, but no rule asks for it
        (1, 262_144, 10_000, State.WARNING),
        (1, 262_144, 0, State.OK),
        (62_144, 262_144, 200_001, State.BLOCKER),
    ],
)
def test_tracked_connections_cost_time_and_must_fit(
    tracked: int | None, most: int | None, connections: int, state: State
) -> None:
    found = check_tracking(machine("network", tracked=tracked, most_tracked=most), Needs(connections=connections))
    assert found.state is state
    if state is State.BLOCKER:
        assert "`sysctl net.netfilter.nf_conntrack_max=262145`" in str(found.fix)


def test_memory_that_does_not_suffice_is_told_with_what_would() -> None:
    enough = Needs(connections=1_000_000, memory_bytes=12 * GIB)
    assert is_fine(check_memory(HEALTHY, enough))
    found = check_memory(HEALTHY, Needs(connections=1_000_000, memory_bytes=16 * GIB))
    assert found.state is State.BLOCKER
    assert (
        found.problem
        == "1,000,000 connections and their processes would take 16 GiB of memory, and 12 GiB are available"
    )
    assert found.fix == "free 4 GiB, or ask for fewer connections: about 750,000 fit"


def test_the_number_that_fits_is_rounded_down() -> None:
    found = check_memory(machine("memory", available_bytes=GIB), Needs(connections=299_999, memory_bytes=3 * GIB))
    assert str(found.fix).endswith("about 99,000 fit")


def test_without_connections_none_are_to_be_left_out() -> None:
    found = check_memory(machine("memory", available_bytes=GIB), Needs(memory_bytes=3 * GIB))
    assert found.fix == "free 2 GiB"


def test_buffers_of_active_connections_may_come_under_pressure() -> None:
    tight = machine("memory", tcp_pressure_bytes=100 << 20)
    assert is_fine(check_tcp_memory(tight, Needs(connections=1_000_000, active=1_000)))
    found = check_tcp_memory(tight, Needs(active=20_000))
    assert found.state is State.WARNING
    assert "`sysctl net.ipv4.tcp_mem='40000 53333 80000'`" in str(found.fix)


@pytest.mark.parametrize(
    ("limit", "fix"),
    [
        (TaskLimit("kernel.pid_max", 1_000, 100), "`sysctl kernel.pid_max=1164`"),
        (TaskLimit("kernel.threads-max", 1_000, 100), "`sysctl kernel.threads-max=1164`"),
        (TaskLimit("ulimit -u", 1_000, 100), "`ulimit -u 1164` as root in the shell that starts loadlab"),
        (TaskLimit("pids.max", 1_000, 100), "`docker run --pids-limit 1164`"),
    ],
)
def test_the_tightest_limit_of_tasks_is_named_with_its_own_fix(limit: TaskLimit, fix: str) -> None:
    others = (TaskLimit("kernel.pid_max", 32_768, 100), limit, TaskLimit("kernel.threads-max", 9_000, 100))
    condition = machine("tasks", limits=others)
    assert is_fine(check_tasks(condition, Needs(tasks=836)))
    found = check_tasks(condition, Needs(tasks=1_000))
    assert found.problem == f"1,000 processes and threads would run, and {limit.name} leaves room for 836"
    assert fix in str(found.fix)


def test_stacks_of_threads_need_maps() -> None:
    condition = machine("tasks", most_maps=2_000)
    assert is_fine(check_maps(condition, Needs(maps=1_800)))
    found = check_maps(condition, Needs(maps=2_000))
    assert found.problem == "the stacks of 1,000 threads would take 2,000 memory maps, and 2,000 are allowed"
    assert found.fix == "`sysctl vm.max_map_count=2128`"


def test_what_the_machine_does_not_tell_stops_nobody() -> None:
    network = machine("network", local_ports=None)
    memory = machine("memory", tcp_pressure_bytes=None)
    tasks = machine("tasks", limits=(), most_maps=None)
    huge = Needs(ports=1 << 30, active=1 << 30, tasks=1 << 30, maps=1 << 30)
    assert is_fine(check_local_ports(network, huge))
    assert is_fine(check_tcp_memory(memory, huge))
    assert is_fine(check_tasks(tasks, huge))
    assert is_fine(check_maps(tasks, huge))
