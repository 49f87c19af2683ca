"""Cores, their speed, and what else runs on them."""

import pytest

from loadlab.host.checks.check import State
from loadlab.host.checks.cores import (
    ClockSource,
    Cores,
    CpuQuota,
    Governor,
    OtherProcesses,
    Rate,
    StolenTime,
)
from loadlab.host.requirements import Requirements
from loadlab.processes.activity import Activity, BusyProcess

from ..machine import CLOCKS, is_fine, machine

NETWORKED = Requirements(connections=1_000)
GOVERNOR = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"


def test_one_core_is_enough_for_a_microbenchmark_only() -> None:
    single = Cores(machine(cores=(3,)))
    assert is_fine(single.examine(Requirements()))
    found = single.examine(NETWORKED)
    assert (found.state, found.here) == (State.WARNING, "1: 3")
    assert "share the only core" in str(found.problem)
    assert is_fine(Cores(machine()).examine(NETWORKED))


def test_named_cores_must_be_there() -> None:
    found = Cores(machine()).examine(Requirements(connections=1, cores=frozenset({1, 6, 7})))
    assert found.state is State.BLOCKER
    assert found.problem == "the profile's placement names core 6, which loadlab may not use here"


@pytest.mark.parametrize(
    ("cores", "here"),
    [((0, 1), "2: 0, 1"), ((0, 1, 2, 3), "4: 0-3"), ((0, 2, 4, 5, 6, 9), "6: 0, 2, 4-6, 9")],
)
def test_many_cores_are_a_range(cores: tuple[int, ...], here: str) -> None:
    assert Cores(machine(cores=cores)).examine(Requirements()).here == here


@pytest.mark.parametrize(
    ("files", "here", "state"),
    [
        ({}, "none", State.OK),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, "none", State.OK),
        ({"sys/fs/cgroup/cpu.max": "400000 100000\n"}, "4 cores of 4", State.OK),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, "1.5 cores of 4", State.WARNING),
        ({"sys/fs/cgroup/cpu.max": "garbage\n"}, "none", State.OK),
        ({"sys/fs/cgroup/cpu.max": "200000 100000\n"}, "2 cores of 4, so 2 cores are used", State.OK),
        ({"sys/fs/cgroup/cpu.max": "350000 100000\n"}, "3.5 cores of 4, so 3 cores are used", State.OK),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/job\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            "0.5 cores of 4",
            State.WARNING,
        ),
    ],
)
def test_a_quota_below_the_cores_stops_processes_now_and_then(
    files: dict[str, str | None], here: str, state: State
) -> None:
    found = CpuQuota(machine(files)).examine(NETWORKED)
    assert (found.here, found.state) == (here, state)


def test_a_quota_is_held_against_the_cores_that_the_profile_names() -> None:
    check = CpuQuota(machine({"sys/fs/cgroup/cpu.max": "200000 100000\n"}))
    found = check.examine(Requirements(connections=1, cores=frozenset({0, 1, 2})))
    assert (found.state, found.needed) == (State.WARNING, "3")
    assert "limits CPU time to 2 of 4 cores, and 3 cores would be used" in str(found.problem)


def test_a_core_sends_only_so_many_requests() -> None:
    check = Rate(machine())
    assert is_fine(check.examine(Requirements(requests_per_core=50_000)))
    found = check.examine(Requirements(requests_per_core=250_000))
    assert found.state is State.WARNING
    assert "250,000 requests a second" in str(found.problem)
    assert check.examine(Requirements()).needed is None


@pytest.mark.parametrize(
    ("governors", "state"),
    [
        ([None, None], State.OK),
        (["performance", "performance"], State.OK),
        (["performance", "powersave"], State.WARNING),
        (["schedutil", "schedutil"], State.WARNING),
    ],
)
def test_the_frequency_should_not_follow_the_load(governors: list[str | None], state: State) -> None:
    files = {GOVERNOR.format(number): governor for number, governor in enumerate(governors)}
    found = Governor(machine(files)).examine(Requirements())
    assert found.state is state
    assert (found.fix is None) == (state is State.OK)


@pytest.mark.parametrize("source", ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", None])
def test_clocks_that_take_no_system_call_are_fine(source: str | None) -> None:
    assert is_fine(ClockSource(machine({f"{CLOCKS}/current_clocksource": source})).examine(Requirements()))


@pytest.mark.parametrize(
    ("available", "fix"),
    [("hpet tsc\n", "`echo tsc > /sys/"), ("hpet acpi_pm\n", "use a machine or an instance type")],
)
def test_a_slow_clock_is_exchanged_if_there_is_another(available: str, fix: str) -> None:
    files = {f"{CLOCKS}/current_clocksource": "hpet\n", f"{CLOCKS}/available_clocksource": available}
    found = ClockSource(machine(files)).examine(Requirements())
    assert found.state is State.WARNING
    assert str(found.fix).startswith(fix)


def test_others_on_our_cores_are_named() -> None:
    ran = (
        BusyProcess(7, "cc1plus", 0.9),
        BusyProcess(8, "rsync", 0.25),
        BusyProcess(9, "x", 0.1),
        BusyProcess(10, "y", 0.05),
    )
    found = OtherProcesses(machine(activity=Activity(1.3, 0.0, ran))).examine(NETWORKED)
    assert (found.state, found.here) == (State.WARNING, "use 1.30 of 4 cores now")
    assert found.problem == ("others use 1.30 of 4 cores now: cc1plus (pid 7) 0.90, rsync (pid 8) 0.25, x (pid 9) 0.10")
    assert found.fix == "stop them, or wait until they are done"


def test_others_outside_of_our_container_have_no_names() -> None:
    found = OtherProcesses(machine(activity=Activity(1.3, 0.0))).examine(NETWORKED)
    assert found.problem == "others use 1.30 of 4 cores now"
    assert found.fix == "look for them as root, or on the host of this container: they are hidden here"


@pytest.mark.parametrize(
    ("others", "cores", "state"),
    [(0.19, 2, State.OK), (0.21, 2, State.WARNING), (1.9, 64, State.OK), (2.0, 64, State.WARNING)],
)
def test_a_little_work_of_others_is_normal(others: float, cores: int, state: State) -> None:
    busy = machine(activity=Activity(others, 0.0), cores=tuple(range(cores)))
    assert OtherProcesses(busy).examine(NETWORKED).state is state


@pytest.mark.parametrize(("stolen", "state"), [(0.0, State.OK), (0.2, State.OK), (0.4, State.WARNING)])
def test_time_that_the_hypervisor_takes_is_missing(stolen: float, state: State) -> None:
    found = StolenTime(machine(activity=Activity(0.0, stolen))).examine(NETWORKED)
    assert found.state is state
    if state is State.WARNING:
        assert found.problem == "the hypervisor gives 10 % of the time of these cores to other machines"


def test_cores_that_are_not_shown_are_unknown() -> None:
    hidden = machine(activity=None)
    assert OtherProcesses(hidden).examine(NETWORKED).here == "unknown"
    assert StolenTime(hidden).examine(NETWORKED).here == "unknown"
