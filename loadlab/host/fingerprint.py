"""What this machine is, for readers of results."""

import os
import platform
import resource
import socket
from pathlib import Path

from loadlab.host.kernel_files import read_numbers
from loadlab.processes.proc import parse_sizes
from loadlab.results.model import HostFingerprint


def fingerprint() -> HostFingerprint:
    """Return what a reader of the results must know of this machine."""
    cpu, virtualised = parse_cpu(Path("/proc/cpuinfo").read_text())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_port, last_port = read_numbers(Path("/proc/sys/net/ipv4/ip_local_port_range"))
    return HostFingerprint(
        hostname=socket.gethostname(),
        system=_read_system(),
        kernel=platform.release(),
        cpu=cpu or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=parse_sizes(Path("/proc/meminfo").read_text())["MemTotal"],
        python=f"{platform.python_implementation()} {platform.python_version()}",
        open_files_soft=soft,
        open_files_hard=hard,
        local_ports=(first_port, last_port),
        load_average=os.getloadavg()[0],
        virtualised=virtualised,
    )


def parse_cpu(cpuinfo: str) -> tuple[str | None, bool | None]:
    """Return the first core's model and whether a hypervisor runs it, each None where /proc/cpuinfo does not tell."""
    first_core: dict[str, str] = {}
    for line in cpuinfo.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        first_core[key.strip()] = value.strip()
    flags = first_core.get("flags")
    return first_core.get("model name"), None if flags is None else "hypervisor" in flags.split()


def _read_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()  # a container may come without the file
