"""Processes and threads, which are one thing to the kernel (tasks), and the memory maps of threads."""

from dataclasses import dataclass
from typing import Final

from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements

_RESERVED: Final = 64  # as the targets leave, for whatever else is started meanwhile


class Tasks(Check):
    """Whether the processes and threads of a trial fit into the tightest of the limits on them."""

    name = "processes"

    def __init__(self, machine: Machine) -> None:
        # "0.00 0.01 0.05 1/143 4711": running of all.
        running = next((int(word.partition("/")[2]) for word in machine.read_words("proc/loadavg") if "/" in word), 0)
        of_machine = {
            "kernel.pid_max": machine.read_number("proc/sys/kernel/pid_max"),
            "kernel.threads-max": machine.read_number("proc/sys/kernel/threads-max"),
            "ulimit -u": machine.own.user_tasks,
        }
        limits = [_Limit(name, most, running) for name, most in of_machine.items() if most is not None]
        for group in machine.control_groups("pids"):
            most, running_there = (machine.read_number(f"{group}/pids.{name}") for name in ("max", "current"))
            if most is not None and running_there is not None:
                limits.append(_Limit("pids.max", most, running_there))
        self._tightest = min(limits, key=lambda limit: limit.free, default=None)

    def examine(self, needed: Requirements) -> Diagnosis:
        number, tightest = f"{needed.tasks:,} with threads", self._tightest
        if tightest is None:
            return self.ok("unknown", number)
        here = f"{tightest.free:,} more ({tightest.name} {tightest.most:,})"
        if needed.tasks <= tightest.free:
            return self.ok(here, number)
        wanted = tightest.running + needed.tasks + _RESERVED
        fixes = {
            "ulimit -u": f"`ulimit -u {wanted}` as root in the shell that starts loadlab",
            "pids.max": f"raise the limit of the control group: `docker run --pids-limit {wanted}`, TasksMax={wanted}",
        }
        return self.blocker(
            here,
            number,
            f"{needed.tasks:,} processes and threads would run, and {tightest.name} leaves room for {tightest.free:,}",
            fixes.get(tightest.name, f"`sysctl {tightest.name}={wanted}`"),
        )


class MemoryMaps(Check):
    """Whether the stacks of a process with many threads fit into its limit of memory maps; each takes two."""

    name = "memory maps"

    def __init__(self, machine: Machine) -> None:
        self._most = machine.read_number("proc/sys/vm/max_map_count")

    def examine(self, needed: Requirements) -> Diagnosis:
        number = f"{needed.maps:,} in a process" if needed.maps else None
        if self._most is None:
            return self.ok("unknown", number)
        here = f"{self._most:,} in a process"
        wanted = needed.maps + 2 * _RESERVED
        if wanted <= self._most or needed.maps == 0:
            return self.ok(here, number)
        return self.blocker(
            here,
            number,
            f"the stacks of {needed.maps // 2:,} threads would take {needed.maps:,} memory maps, and {self._most:,} "
            "are allowed",
            f"`sysctl vm.max_map_count={wanted}`",
        )


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit of tasks: its name, how many it allows, and how many there are."""

    name: str
    most: int
    running: int

    @property
    def free(self) -> int:
        return max(0, self.most - self.running - _RESERVED)
