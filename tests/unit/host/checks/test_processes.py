"""Limits of processes and threads."""

import pytest

from loadlab.host.checks.check import State
from loadlab.host.checks.processes import MemoryMaps, Tasks
from loadlab.host.requirements import Requirements

from ..machine import is_fine, machine

RUNNING = {"proc/loadavg": "0.00 0.01 0.05 1/100 4711\n", "proc/sys/kernel/threads-max": "9000\n"}


@pytest.mark.parametrize(
    ("name", "files", "user_tasks", "fix"),
    [
        ("kernel.pid_max", {"proc/sys/kernel/pid_max": "1000\n"}, None, "`sysctl kernel.pid_max=1164`"),
        ("kernel.threads-max", {"proc/sys/kernel/threads-max": "1000\n"}, None, "`sysctl kernel.threads-max=1164`"),
        ("ulimit -u", {}, 1_000, "`ulimit -u 1164` as root in the shell that starts loadlab"),
        (
            "pids.max",
            {"sys/fs/cgroup/pids.max": "1000\n", "sys/fs/cgroup/pids.current": "100\n"},
            None,
            "`docker run --pids-limit 1164`",
        ),
    ],
)
def test_the_tightest_limit_of_tasks_is_named_with_its_own_fix(
    name: str, files: dict[str, str | None], user_tasks: int | None, fix: str
) -> None:
    check = Tasks(machine({**RUNNING, **files}, user_tasks=user_tasks))
    assert is_fine(check.examine(Requirements(tasks=836)))
    found = check.examine(Requirements(tasks=1_000))
    assert found.state is State.BLOCKER
    assert found.problem == f"1,000 processes and threads would run, and {name} leaves room for 836"
    assert fix in str(found.fix)


def test_a_group_of_the_first_version_limits_too() -> None:
    groups: dict[str, str | None] = {
        "proc/self/cgroup": "8:pids:/job\n",
        "sys/fs/cgroup/pids/job/pids.max": "512\n",
        "sys/fs/cgroup/pids/job/pids.current": "12\n",
        "sys/fs/cgroup/pids/pids.max": "max\n",
    }
    assert Tasks(machine(groups)).examine(Requirements()).here == "436 more (pids.max 512)"


def test_stacks_of_threads_need_maps() -> None:
    check = MemoryMaps(machine({"proc/sys/vm/max_map_count": "2000\n"}))
    assert is_fine(check.examine(Requirements(maps=1_800)))
    found = check.examine(Requirements(maps=2_000))
    assert found.problem == "the stacks of 1,000 threads would take 2,000 memory maps, and 2,000 are allowed"
    assert found.fix == "`sysctl vm.max_map_count=2128`"


@pytest.mark.parametrize("loadavg", [None, "", "0.1 0.1 0.1\n"])
def test_limits_that_are_not_shown_stop_nobody(loadavg: str | None) -> None:
    hidden = machine({"proc/loadavg": loadavg, "proc/sys/kernel/pid_max": None, "proc/sys/vm/max_map_count": None})
    assert is_fine(Tasks(hidden).examine(Requirements(tasks=1 << 30)))
    assert is_fine(MemoryMaps(hidden).examine(Requirements(maps=1 << 30)))
