"""Cores: how many there are, how fast and how steady they are, and what else runs on them."""

from collections.abc import Collection
from typing import Final

from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements

# docs/benchmarks.md: 7 us of CPU time a request, which leaves a third of a core for being on time.
_REQUESTS_PER_CORE: Final = 100_000
# The kernel lets processes read these without a system call (the vDSO). Any other costs a system call each time.
_FAST_CLOCKS: Final = frozenset(
    {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource", "timebase", "tod"}
)
# From here on a trial would be suspect, too (docs/verdict.md), with a margin for so short a look.
_OTHERS_CORES: Final = 0.2
_OTHERS_OF_MANY: Final = 0.03
_STOLEN_SHARE: Final = 0.05
_MOST_NAMED: Final = 3
_WORTH_NAMING: Final = 0.02


class Cores(Check):
    """Whether target and load can have cores of their own, and those that the profile names."""

    name = "cores"
    of_clients = False

    def __init__(self, machine: Machine) -> None:
        self._cores = machine.own.cores

    def examine(self, needed: Requirements) -> Diagnosis:
        here = f"{len(self._cores)}: {_spell(self._cores)}"
        if missing := needed.cores - {*self._cores}:
            return self.blocker(
                here,
                _spell(needed.cores),
                f"the profile's placement names core {min(missing)}, which loadlab may not use here",
                "name others, or set placement to auto",
            )
        number = "2: one each for target and load" if needed.connections else "1"
        if len(self._cores) > 1 or needed.connections == 0:
            return self.ok(here, number)
        return self.warning(
            here,
            number,
            "target and load share the only core, so each waits for the other",
            "use a machine with at least two cores, and compare servers by CPU time per request rather than throughput",
        )


class CpuQuota(Check):
    """Whether a control group, such as a container's, limits our CPU time to less than the cores that are used have."""

    name = "CPU quota"

    def __init__(self, machine: Machine) -> None:
        self._cores = len(machine.own.cores)
        self._quota = machine.cpu_quota

    def examine(self, needed: Requirements) -> Diagnosis:
        if self._quota is None:
            return self.ok("none")
        here = f"{self._quota:.3g} cores of {self._cores}"
        # As in processes.choose_placement: one core for each side in any case, and no more than there is time for.
        used = len(needed.cores) or min(self._cores, max(int(self._quota), 2 if needed.connections else 1))
        if self._quota >= used:
            return self.ok(here if self._quota >= self._cores else f"{here}, so {_count_cores(used)} are used")
        return self.warning(
            here,
            f"{used}" if needed.connections else None,
            f"a control group limits CPU time to {self._quota:.3g} of {_count_cores(self._cores)}, and "
            f"{_count_cores(used)} would be used: the kernel stops their processes for a while each time that the "
            "quota is used up",
            "give the container whole cores instead: `docker run --cpuset-cpus 0-3` in place of --cpus",
        )


class Rate(Check):
    """Whether the cores of the load can send at the rate of an open load."""

    name = "rate"

    def examine(self, needed: Requirements) -> Diagnosis:
        here = f"about {_REQUESTS_PER_CORE:,} requests/s from a core"
        number = f"{needed.requests_per_core:,} from a core" if needed.requests_per_core else None
        if needed.requests_per_core <= _REQUESTS_PER_CORE:
            return self.ok(here, number)
        return self.warning(
            here,
            number,
            f"each core of the load would send {needed.requests_per_core:,} requests a second, and one can send about "
            f"{_REQUESTS_PER_CORE:,}",
            "lower load.rate, or give the load more cores (placement, load.workers)",
        )


class Governor(Check):
    """Whether the cores keep one frequency."""

    name = "frequency governor"

    def __init__(self, machine: Machine) -> None:
        files = machine.list_files("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
        self._governors = {word for file in files for word in machine.read_words(file)}

    def examine(self, needed: Requirements) -> Diagnosis:
        if not self._governors:
            return self.ok("none, as in most virtual machines")
        here = ", ".join(sorted(self._governors))
        if self._governors == {"performance"}:
            return self.ok(here)
        return self.warning(
            here,
            None,
            "the frequency of the cores follows the load, so figures vary from run to run",
            "`cpupower frequency-set -g performance`",
        )


class ClockSource(Check):
    """Whether reading the clock is cheap: every request is timed twice."""

    name = "clock source"

    def __init__(self, machine: Machine) -> None:
        self._directory = "sys/devices/system/clocksource/clocksource0"
        self._current = next(iter(machine.read_words(f"{self._directory}/current_clocksource")), None)
        self._available = machine.read_words(f"{self._directory}/available_clocksource")

    def examine(self, needed: Requirements) -> Diagnosis:
        if self._current is None:
            return self.ok("unknown")
        if self._current in _FAST_CLOCKS:
            return self.ok(self._current)
        better = next((source for source in self._available if source in _FAST_CLOCKS), None)
        return self.warning(
            self._current,
            None,
            f"each reading of the clock {self._current} is a system call, and every request is timed",
            f"`echo {better} > /{self._directory}/current_clocksource`"
            if better
            else "use a machine or an instance type that offers the clock source tsc",
        )


class OtherProcesses(Check):
    """Whether anything else uses the cores now."""

    name = "other processes"

    def __init__(self, machine: Machine) -> None:
        self._cores = len(machine.own.cores)
        self._activity = machine.activity

    def examine(self, needed: Requirements) -> Diagnosis:
        if self._activity is None:
            return self.ok("unknown")
        others = self._activity.others
        here = f"use {others:.2f} of {_count_cores(self._cores)} now"
        if others <= max(_OTHERS_CORES, _OTHERS_OF_MANY * self._cores):
            return self.ok(here)
        busiest = [each for each in self._activity.processes if each.cores >= _WORTH_NAMING][:_MOST_NAMED]
        named = ", ".join(f"{each.name} (pid {each.pid}) {each.cores:.2f}" for each in busiest)
        return self.warning(
            here,
            None,
            f"others use {others:.2f} of {_count_cores(self._cores)} now" + (f": {named}" if named else ""),
            "stop them, or wait until they are done"
            if named
            else "look for them as root, or on the host of this container: they are hidden here",
        )


class StolenTime(Check):
    """Whether the hypervisor gives this machine's time to others now."""

    name = "stolen time"

    def __init__(self, machine: Machine) -> None:
        self._cores = len(machine.own.cores)
        self._activity = machine.activity

    def examine(self, needed: Requirements) -> Diagnosis:
        if self._activity is None:
            return self.ok("unknown")
        share = self._activity.stolen / self._cores
        here = f"{share:.0%} of the time".replace("%", " %")
        if share <= _STOLEN_SHARE:
            return self.ok(here)
        return self.warning(
            here,
            None,
            f"the hypervisor gives {share:.0%} of the time of these cores to other machines".replace("%", " %"),
            "use a machine with dedicated cores, or repeat trials at a quieter time",
        )


def _spell(cores: Collection[int]) -> str:
    """Return the numbers, more than two in a row as a range: "0-3, 8"."""
    rows: list[list[int]] = []
    for core in sorted(cores):
        if rows and core == rows[-1][-1] + 1:
            rows[-1].append(core)
        else:
            rows.append([core])
    return ", ".join(f"{row[0]}-{row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows)


def _count_cores(cores: int) -> str:
    return "1 core" if cores == 1 else f"{cores:,} cores"
