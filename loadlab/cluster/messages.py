"""What the coordinator and the machines of a cluster say to each other, beside the messages of the fleet."""

import msgspec

Counters = dict[str, int]
"""Counters of processes by name, as `probes.procfs` reads them; times in ns."""


class MachineInfo(msgspec.Struct, frozen=True):
    """What a machine is and can take: its limits are those of the process that hosts its share.

    `cores` are the numbers of those that the share may run on; `local_ports` the first and the last that the kernel
    gives to connections; `addresses` those of its interfaces, without loopback.
    """

    name: str
    host: str
    kernel: str
    loadlab: str
    python: str
    cores: list[int]
    open_files: int
    memory_bytes: int
    local_ports: tuple[int, int]
    addresses: list[str]


class ClockPair(msgspec.Struct, frozen=True):
    """Both clocks of a machine, read at once."""

    unix_ns: int
    monotonic_ns: int
