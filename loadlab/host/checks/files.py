"""Open files: a connection is one at either end."""

from typing import Final

from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements
from loadlab.processes.proc import Capability, parse_capabilities

_NO_LIMIT: Final = 1 << 62  # what the kernel shows for none is a little below 2^63


class OpenFiles(Check):
    """Whether the process that holds most connections may: each raises its own soft limit to the hard one."""

    name = "open files"

    def __init__(self, machine: Machine) -> None:
        self._soft = machine.own.open_files_soft
        self._hard = machine.own.open_files_hard
        self._highest_hard = machine.read_number("proc/sys/fs/nr_open")

    def examine(self, needed: Requirements) -> Diagnosis:
        number = needed.open_files
        here = f"{self._hard:,} in a process"
        if self._soft < self._hard:
            here += f" (soft limit {self._soft:,}, which each raises)"
        if number <= self._hard:
            return self.ok(here, f"{number:,} in a process")
        raised = f"`ulimit -n {number}` as root in the shell that starts loadlab, or LimitNOFILE={number} in a service"
        if self._highest_hard is not None and number > self._highest_hard:
            raised = f"`sysctl fs.nr_open={number}`, then {raised}"
        return self.blocker(
            here,
            f"{number:,} in a process",
            f"one process would have {number:,} files open, and the hard limit is {self._hard:,}",
            f"raise it ({raised}), or spread the target over more processes (target.processes)",
        )


class AllOpenFiles(Check):
    """Whether both ends of all connections fit into the limit of the whole machine, which does not bind root."""

    name = "open files, machine"

    def __init__(self, machine: Machine) -> None:
        self._most = machine.read_number("proc/sys/fs/file-max")
        self._open, *_ = machine.read_numbers("proc/sys/fs/file-nr") or (0,)
        self._binds_us = Capability.SYS_ADMIN not in parse_capabilities(machine.read_text("proc/self/status") or "")

    def examine(self, needed: Requirements) -> Diagnosis:
        number = f"{needed.files:,}"
        if self._most is None or self._most >= _NO_LIMIT:
            return self.ok("no limit", number)
        free = self._most - self._open
        here = f"{free:,} free of {self._most:,}"
        if needed.files <= free or not self._binds_us:
            return self.ok(here, number)
        return self.blocker(
            here,
            number,
            f"{number} files would be open in all processes together, and {free:,} may be",
            f"`sysctl fs.file-max={self._open + needed.files}`",
        )
