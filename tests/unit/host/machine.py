"""A healthy machine to judge, and the changes that make it ill."""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from loadlab.host.checks.check import Diagnosis, State
from loadlab.host.machine import Machine, OwnLimits
from loadlab.processes.activity import Activity, BusyProcess

GIB: Final = 1 << 30
IDLE: Final = Activity(others=0.01, stolen=0.0, processes=(BusyProcess(1, "systemd", 0.01),))
OWN: Final = OwnLimits(cores=(0, 1, 2, 3), open_files_soft=1024, open_files_hard=20_000, user_tasks=None)
CLOCKS: Final = "sys/devices/system/clocksource/clocksource0"
FILES: Final = {
    "proc/loadavg": "0.10 0.10 0.10 1/200 4711\n",
    "proc/meminfo": f"MemTotal: {16 << 20} kB\nMemAvailable: {12 << 20} kB\nSwapTotal: 100 kB\nSwapFree: 100 kB\n",
    "proc/self/cgroup": "0::/\n",
    "proc/self/status": "Name:\tpython\nCapEff:\t0000000000200000\n",
    "proc/sys/fs/file-max": "2000000\n",
    "proc/sys/fs/file-nr": "1000\t0\t2000000\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/kernel/pid_max": "32768\n",
    "proc/sys/net/core/somaxconn": "4096\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "2048\n",
    "proc/sys/net/ipv4/tcp_mem": "100000\t250000\t500000\n",
    "proc/sys/vm/max_map_count": "65530\n",
    f"{CLOCKS}/current_clocksource": "tsc\n",
    f"{CLOCKS}/available_clocksource": "tsc hpet \n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
}


class FakeMachine(Machine):
    """A machine whose files are a dictionary."""

    def __init__(self, files: Mapping[str, str], own: OwnLimits = OWN, activity: Activity | None = IDLE) -> None:
        super().__init__(Path("/nonexistent"), own)
        self._files = files
        vars(self)["activity"] = activity  # where the property keeps it

    def read_text(self, name: str) -> str | None:
        return self._files.get(name)

    def list_files(self, pattern: str) -> list[str]:
        return sorted(name for name in self._files if fnmatchcase(name, pattern))


def machine(
    files: Mapping[str, str | None] | None = None,
    activity: Activity | None = IDLE,
    **own: Any,  # noqa: ANN401 - as different as the fields
) -> Machine:
    """Return the healthy machine with changes: files (None: absent), what else runs, or our own limits."""
    changed = {**FILES, **(files or {})}
    return FakeMachine(
        {name: text for name, text in changed.items() if text is not None}, replace(OWN, **own), activity
    )


def with_memory(available_bytes: int) -> Machine:
    """Return the healthy machine with that much memory available."""
    return machine({"proc/meminfo": f"MemTotal: {16 << 20} kB\nMemAvailable: {available_bytes >> 10} kB\n"})


def is_fine(diagnosis: Diagnosis) -> bool:
    """Return whether a check has found no problem."""
    return (diagnosis.state, diagnosis.problem, diagnosis.fix) == (State.OK, None, None)
