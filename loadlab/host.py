"""This machine: what it is, what about it may spoil a measurement, and how much time its hypervisor took away."""

import os
import platform
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.results.model import Finding, HostFingerprint

_CONNECTIONS_PER_SOURCE: Final = 10_000
"""Connections that loadlab opens from one source address; past it connect() spends its time looking for a port."""
_RESERVED_DESCRIPTORS: Final = 16
_BUSY_PER_CORE: Final = 0.5
_SWAPPED_FRACTION: Final = 0.1


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


@dataclass(frozen=True, slots=True)
class Condition:
    """What preflight looks at; sizes in bytes, and None or empty where the machine does not tell."""

    cores: int
    load_average: float
    open_files_hard: int
    local_ports: tuple[int, int]
    governors: frozenset[str]
    memory_bytes: int
    swapped_bytes: int


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


def fingerprint() -> HostFingerprint:
    """Return what a reader of the results must know of this machine."""
    cpu, virtualised = parse_cpu(Path("/proc/cpuinfo").read_text())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return HostFingerprint(
        hostname=socket.gethostname(),
        system=_read_system(),
        kernel=platform.release(),
        cpu=cpu or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=parse_meminfo(Path("/proc/meminfo").read_text())["MemTotal"],
        python=f"{platform.python_implementation()} {platform.python_version()}",
        open_files_soft=soft,
        open_files_hard=hard,
        local_ports=_read_local_ports(),
        load_average=os.getloadavg()[0],
        virtualised=virtualised,
    )


def preflight(connections: int, condition: Condition | None = None) -> list[Finding]:
    """Return what may hinder or spoil a run of so many connections on this machine (or in that condition).

    Nothing here stops a run, so all are notes: what really happened is judged from each trial's own figures.
    """
    looked_at = condition or read_condition()
    return [finding for check in CHECKS if (finding := check(looked_at, connections)) is not None]


def _check_busy(condition: Condition, _connections: int) -> Finding | None:
    if condition.load_average < _BUSY_PER_CORE * condition.cores:
        return None
    return Finding(
        code="host-busy",
        severity="note",
        text="The machine was busy before the run began.",
        evidence=f"load average {condition.load_average:.2f} on {condition.cores} cores",
        advice="Stop what else runs, or wait until it is done.",
    )


def _check_open_files(condition: Condition, connections: int) -> Finding | None:
    if connections <= condition.open_files_hard - _RESERVED_DESCRIPTORS:
        return None
    return Finding(
        code="open-files-low",
        severity="note",
        text="A target of one process cannot hold as many connections as the profile asks for.",
        evidence=f"{connections} connections, at most {condition.open_files_hard} open files in a process",
        advice="Raise the hard limit (ulimit -Hn, or LimitNOFILE= in systemd), or ask for fewer connections.",
    )


def _check_local_ports(condition: Condition, _connections: int) -> Finding | None:
    first, last = condition.local_ports
    if last - first + 1 >= _CONNECTIONS_PER_SOURCE:
        return None
    return Finding(
        code="local-ports-few",
        severity="note",
        text="The range of local ports is narrow; connections may fail for want of a port.",
        evidence=f"{last - first + 1} ports, from {first} to {last}",
        advice="Widen it: sysctl net.ipv4.ip_local_port_range='32768 60999'.",
    )


def _check_governor(condition: Condition, _connections: int) -> Finding | None:
    others = sorted(condition.governors - {"performance"})
    if not others:
        return None
    return Finding(
        code="cpu-frequency-varies",
        severity="note",
        text="The CPU's frequency follows the load, so figures vary from run to run.",
        evidence=f"frequency governor: {', '.join(others)}",
        advice="Set it for the run: cpupower frequency-set -g performance.",
    )


def _check_swap(condition: Condition, _connections: int) -> Finding | None:
    if condition.swapped_bytes <= _SWAPPED_FRACTION * condition.memory_bytes:
        return None
    return Finding(
        code="swap-in-use",
        severity="note",
        text="Much memory is swapped out; what is swapped in during a trial makes it slow.",
        evidence=f"{condition.swapped_bytes >> 20} MiB in swap, {condition.memory_bytes >> 20} MiB of memory",
        advice="Free memory, then bring the rest back: swapoff -a && swapon -a.",
    )


CHECKS: Final[tuple[Callable[[Condition, int], Finding | None], ...]] = (
    _check_busy,
    _check_open_files,
    _check_local_ports,
    _check_governor,
    _check_swap,
)


def read_condition() -> Condition:
    """Look at this machine now."""
    memory = parse_meminfo(Path("/proc/meminfo").read_text())
    return Condition(
        cores=len(os.sched_getaffinity(0)),
        load_average=os.getloadavg()[0],
        open_files_hard=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        local_ports=_read_local_ports(),
        governors=read_governors(Path("/sys/devices/system/cpu")),
        memory_bytes=memory["MemTotal"],
        swapped_bytes=memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
    )


def parse_cpu(cpuinfo: str) -> tuple[str | None, bool | None]:
    """Return the first core's model and whether a hypervisor runs it, each None where /proc/cpuinfo does not tell."""
    first_core: dict[str, str] = {}
    for line in cpuinfo.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        first_core[key.strip()] = value.strip()
    flags = first_core.get("flags")
    return first_core.get("model name"), None if flags is None else "hypervisor" in flags.split()


def parse_meminfo(meminfo: str) -> dict[str, int]:
    """Return {name: bytes} of those lines of /proc/meminfo that are sizes."""
    lines = (line.split() for line in meminfo.splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) * 1024 for parts in lines if parts[2:] == ["kB"]}


def read_governors(cpu_directory: Path) -> frozenset[str]:
    """Return the frequency governors in use; none where the machine has no say in its frequency, as in most guests."""
    return frozenset(file.read_text().strip() for file in cpu_directory.glob("cpu*/cpufreq/scaling_governor"))


def _read_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()  # a container may come without the file


def _read_local_ports() -> tuple[int, int]:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(first), int(last)
