"""Where the time of this machine's cores went, and how much of it the hypervisor took away."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Time of all cores since boot, in the kernel's clock ticks: all of it, idle, and what the hypervisor took away."""

    total: int
    idle: int
    stolen: int

    def steal_since(self, earlier: "CpuTimes") -> float | None:
        """Return the stolen fraction (0..1) of the time since `earlier`, None if no tick has passed."""
        passed = self.total - earlier.total
        return (self.stolen - earlier.stolen) / passed if passed > 0 else None

    def busy_ns_since(self, earlier: "CpuTimes") -> int:
        """Return the CPU time, in nanoseconds over all cores, that processes of this machine used since `earlier`."""
        ticks = (self.total - self.idle - self.stolen) - (earlier.total - earlier.idle - earlier.stolen)
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def read_cpu_times(path: Path = Path("/proc/stat")) -> CpuTimes:
    """Read the times so far; take two readings and ask the later one about the time since the earlier."""
    return parse_cpu_times(path.read_text())


def parse_cpu_times(stat: str) -> CpuTimes:
    """Parse the first line of /proc/stat, the sum of all cores (proc(5))."""
    name, *ticks = stat.partition("\n")[0].split()
    if name != "cpu":
        raise ValueError(f"/proc/stat begins with {name!r}, not with 'cpu'")
    # user nice system idle iowait irq softirq steal; the guest times that follow are part of user and nice already.
    accounted = [int(tick) for tick in ticks[:8]]
    return CpuTimes(total=sum(accounted), idle=accounted[3] + accounted[4], stolen=accounted[7])
