"""What this machine is, for readers of results."""

import os
import platform
import socket
from typing import Final

from loadlab.host.machine import Machine
from loadlab.results.run import HostFingerprint

_DEFAULT_PORTS: Final = (32_768, 60_999)  # the kernel's, for a sandbox that does not show its own


def fingerprint(machine: Machine | None = None) -> HostFingerprint:
    """Return what a reader of the results must know of a machine, by default this one."""
    machine = Machine() if machine is None else machine
    cpu, virtualised = parse_cpu(machine.read_text("proc/cpuinfo") or "")
    ports = machine.read_numbers("proc/sys/net/ipv4/ip_local_port_range")
    return HostFingerprint(
        hostname=socket.gethostname(),
        system=_read_system(),
        kernel=platform.release(),
        cpu=cpu or platform.machine(),
        cores=len(machine.own.cores),
        memory_bytes=machine.read_sizes("proc/meminfo").get("MemTotal", 0),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        open_files_soft=machine.own.open_files_soft,
        open_files_hard=machine.own.open_files_hard,
        local_ports=(ports[0], ports[1]) if len(ports) == 2 else _DEFAULT_PORTS,
        load_average=os.getloadavg()[0],
        virtualised=virtualised,
    )


def parse_cpu(cpuinfo: str) -> tuple[str | None, bool | None]:
    """Return the first core's model and whether a hypervisor runs it, each None where /proc/cpuinfo does not say."""
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
