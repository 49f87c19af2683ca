"""Memory of the machine and of control groups, in both versions."""

import pytest

from loadlab.host.checks.check import State
from loadlab.host.checks.memory import AvailableMemory, Swap
from loadlab.host.requirements import Requirements

from ..machine import GIB, is_fine, machine, with_memory

NO_LIMIT_V1 = "9223372036854771712\n"
KIB = 1024


def available(files: dict[str, str | None]) -> str:
    return AvailableMemory(machine(files)).examine(Requirements()).here


def test_memory_that_does_not_suffice_comes_with_what_would() -> None:
    enough = Requirements(connections=1_000_000, memory_bytes=12 * GIB)
    assert is_fine(AvailableMemory(machine()).examine(enough))
    found = AvailableMemory(machine()).examine(Requirements(connections=1_000_000, memory_bytes=16 * GIB))
    assert found.state is State.BLOCKER
    assert (
        found.problem
        == "1,000,000 connections and their processes would take 16 GiB of memory, and 12 GiB are available"
    )
    assert found.fix == "free 4 GiB, or ask for fewer connections: about 750,000 fit"


def test_the_number_that_fits_is_rounded_down() -> None:
    found = AvailableMemory(with_memory(GIB)).examine(Requirements(connections=299_999, memory_bytes=3 * GIB))
    assert str(found.fix).endswith("about 99,000 fit")


def test_without_connections_none_are_to_be_left_out() -> None:
    found = AvailableMemory(with_memory(GIB)).examine(Requirements(memory_bytes=3 * GIB))
    assert found.fix == "free 2 GiB"


def test_the_tightest_group_above_us_decides() -> None:
    groups: dict[str, str | None] = {
        "proc/self/cgroup": "0::/user/job\n",
        "sys/fs/cgroup/user/memory.max": f"{10 * KIB}\n",
        "sys/fs/cgroup/user/memory.current": f"{9 * KIB}\n",
        "sys/fs/cgroup/user/job/memory.max": "max\n",
        "sys/fs/cgroup/user/job/memory.current": "100\n",
    }
    assert available(groups) == "1 KiB available"


def test_a_group_is_slowed_down_from_its_high_mark_on() -> None:
    groups: dict[str, str | None] = {
        "sys/fs/cgroup/memory.max": f"{10 * KIB}\n",
        "sys/fs/cgroup/memory.high": f"{8 * KIB}\n",
        "sys/fs/cgroup/memory.current": f"{6 * KIB}\n",
    }
    assert available(groups) == "2 KiB available"


def test_pages_that_can_be_dropped_are_free() -> None:
    groups: dict[str, str | None] = {
        "sys/fs/cgroup/memory.max": f"{10 * KIB}\n",
        "sys/fs/cgroup/memory.current": f"{9 * KIB}\n",
        "sys/fs/cgroup/memory.stat": f"anon 200\ninactive_file {6 * KIB}\n",
    }
    assert available(groups) == "7 KiB available"


def test_the_first_version_has_a_directory_for_each_controller() -> None:
    groups: dict[str, str | None] = {
        "proc/self/cgroup": "8:pids:/job\n4:memory:/job\n1:cpu,cpuacct:/\n0::/\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{5 * KIB}\n",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{4 * KIB}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{4 * KIB}\n",
    }
    assert available(groups) == "1 KiB available"


def test_a_full_control_group_leaves_nothing() -> None:
    groups: dict[str, str | None] = {"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "1024\n"}
    assert available(groups) == "0 B available"


def test_groups_without_limits_limit_nothing() -> None:
    assert available({"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "5\n"}) == "12 GiB available"
    assert available({"proc/self/cgroup": None}) == "12 GiB available"


def test_an_old_kernel_does_not_estimate_what_is_available() -> None:
    assert available({"proc/meminfo": "MemTotal: 9 kB\nMemFree: 3 kB\nCached: 2 kB\n"}) == "5 KiB available"


def test_memory_that_is_not_shown_stops_nobody() -> None:
    found = AvailableMemory(machine({"proc/meminfo": None})).examine(Requirements(memory_bytes=1 << 60))
    assert is_fine(found)
    assert found.here == "unknown"


@pytest.mark.parametrize(("swapped_bytes", "state"), [(GIB, State.OK), (2 * GIB, State.WARNING)])
def test_a_little_swap_is_normal(swapped_bytes: int, state: State) -> None:
    meminfo = f"MemTotal: {16 << 20} kB\nSwapTotal: {4 << 20} kB\nSwapFree: {(4 * GIB - swapped_bytes) >> 10} kB\n"
    found = Swap(machine({"proc/meminfo": meminfo})).examine(Requirements())
    assert found.state is state
    if state is State.WARNING:
        assert "swapoff -a && swapon -a" in str(found.fix)


@pytest.mark.parametrize("meminfo", ["MemTotal: 4000 kB\nMemAvailable: 3000 kB\n", None])
def test_a_machine_without_swap_has_swapped_nothing(meminfo: str | None) -> None:
    found = Swap(machine({"proc/meminfo": meminfo})).examine(Requirements())
    assert is_fine(found)
    assert found.here == "0 B in use"
