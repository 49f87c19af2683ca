"""What the host checks look at: this machine as it is now, in plain data. `looking` reads it, `checks` judge it.

None, or an empty collection, stands where the machine does not tell. Sizes are bytes.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Processor:
    """The cores that loadlab may use, what else kept them busy, and what the clock reads."""

    cores: tuple[int, ...]
    load_average: float
    governors: frozenset[str]
    clock_source: str | None
    clock_sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """`available_bytes` can be had without swapping, within the limits of our control groups.

    `tcp_pressure_bytes` is where the kernel begins to shrink the buffers of connections.
    """

    total_bytes: int
    available_bytes: int
    swapped_bytes: int
    tcp_pressure_bytes: int | None


@dataclass(frozen=True, slots=True)
class Files:
    """Limits of open files: of one process (`soft`, `hard`, and how high the latter can go), and of the machine.

    `machine_binds` tells whether the latter is a limit for us too: whoever has CAP_SYS_ADMIN may go beyond.
    """

    soft: int
    hard: int
    highest_hard: int | None
    machine: int | None
    machine_open: int
    machine_binds: bool


@dataclass(frozen=True, slots=True)
class Network:
    """Local ports from first to last, queues of new connections, and the table of tracked connections.

    `tracked` was counted while a connection of our own was open: 0 means that connections here are not tracked.
    """

    local_ports: tuple[int, int] | None
    backlog: int | None
    handshakes: int | None
    tracked: int | None
    most_tracked: int | None


@dataclass(frozen=True, slots=True)
class TaskLimit:
    """One limit of processes and threads together: its name, how many it allows, and how many there are."""

    name: Literal["kernel.pid_max", "kernel.threads-max", "ulimit -u", "pids.max"]
    most: int
    running: int


@dataclass(frozen=True, slots=True)
class Tasks:
    """Every limit of processes and threads, at least one; and that of memory maps in one process."""

    limits: tuple[TaskLimit, ...]
    most_maps: int | None


@dataclass(frozen=True, slots=True)
class Condition:
    """All of it."""

    processor: Processor
    memory: Memory
    files: Files
    network: Network
    tasks: Tasks
