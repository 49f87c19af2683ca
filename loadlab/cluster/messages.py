"""What the coordinator and the machines of a cluster say to each other, beside the messages of the fleet."""

import msgspec


class MachineInfo(msgspec.Struct, frozen=True):
    """What a machine is and can take: its limits are those of the process that hosts its share.

    `cores` are the numbers of those that the share may run on, `cpu_quota` for how many it has CPU time (None: all);
    `memory_bytes` what can be had within the limits of its control groups, `kernel_memory_bytes` what its kernel has
    for all that runs there; `local_ports` the first and the last that the kernel gives to connections; `addresses`
    those of its interfaces, without loopback. Machines with the same `boot` run on one kernel, whose cores and clock
    they share; those with the same `network` have its ports and loopback in common, those with the same `processes` its
    process ids.
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
    boot: str = ""
    network: str = ""
    processes: str = ""
    kernel_memory_bytes: int = 0
    cpu_quota: float | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why a machine's share cannot go on: a process of it has ended, or the scenario cannot be run."""

    text: str
    is_scenario: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """What the processes of a machine have said since the last one: (sender, encoded message of the fleet).

    `printed` is what processes that have ended had printed: (process, bytes). After a `failure` nothing comes until the
    load workers have been ended.
    """

    events: list[tuple[str, bytes]] = []
    printed: list[tuple[str, bytes]] = []
    failure: Failure | None = None


class TargetInfo(msgspec.Struct, frozen=True):
    """A target that listens on a machine: the host is an IP address of that machine, the cores are the machine's.

    `is_seen` is whether its processes can be watched there.
    """

    host: str
    port: int
    authority: str
    handlers: list[str]
    max_connections: int
    backlog: int
    cores: list[int]
    is_seen: bool = True


class ClockPair(msgspec.Struct, frozen=True):
    """Both clocks of a machine, read at once."""

    unix_ns: int
    monotonic_ns: int
