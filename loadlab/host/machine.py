"""This machine as it is now: plain data (`Condition`), read from /proc and /sys by `read_condition`. Judges nothing."""

import contextlib
import os
import resource
import socket
import struct
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path
from typing import Final, Literal

from loadlab.host.kernel_files import free_memory_bytes, read_number, read_numbers, read_words, task_limits
from loadlab.processes.proc import parse_sizes


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


_CAP_SYS_ADMIN: Final = 21  # from <linux/capability.h>
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def read_condition(root: Path = Path("/")) -> Condition:
    """Look at this machine now; `root` is where its /proc and /sys lie. Takes a few milliseconds."""
    return Condition(
        processor=_read_processor(root),
        memory=_read_memory(root),
        files=_read_files(root),
        network=_read_network(root),
        tasks=_read_tasks(root),
    )


def _read_processor(root: Path) -> Processor:
    sources = root / "sys/devices/system/clocksource/clocksource0"
    governors = (root / "sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_governor")
    return Processor(
        cores=tuple(sorted(os.sched_getaffinity(0))),
        load_average=float((root / "proc/loadavg").read_text().split()[0]),
        governors=frozenset(word for file in governors for word in read_words(file)),
        clock_source=next(iter(read_words(sources / "current_clocksource")), None),
        clock_sources=read_words(sources / "available_clocksource"),
    )


def _read_memory(root: Path) -> Memory:
    sizes = parse_sizes((root / "proc/meminfo").read_text())
    in_groups_bytes = free_memory_bytes(root)
    free_bytes = [sizes["MemAvailable"], *([] if in_groups_bytes is None else [max(0, in_groups_bytes)])]
    # Three numbers of pages: below the first no care, from the second on pressure, beyond the third nothing.
    tcp_pages = read_numbers(root / "proc/sys/net/ipv4/tcp_mem")
    return Memory(
        total_bytes=sizes["MemTotal"],
        available_bytes=min(free_bytes),
        swapped_bytes=sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0),
        tcp_pressure_bytes=tcp_pages[1] * PAGESIZE if tcp_pages else None,
    )


def _read_files(root: Path) -> Files:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    machine_open, *_ = read_numbers(root / "proc/sys/fs/file-nr") or (0,)
    return Files(
        soft=soft,
        hard=hard,
        highest_hard=read_number(root / "proc/sys/fs/nr_open"),
        machine=read_number(root / "proc/sys/fs/file-max"),
        machine_open=machine_open,
        machine_binds=not _has_capability(_CAP_SYS_ADMIN, (root / "proc/self/status").read_text()),
    )


def _read_network(root: Path) -> Network:
    net = root / "proc/sys/net"
    ports = read_numbers(net / "ipv4/ip_local_port_range")
    return Network(
        local_ports=(ports[0], ports[1]) if ports else None,
        backlog=read_number(net / "core/somaxconn"),
        handshakes=read_number(net / "ipv4/tcp_max_syn_backlog"),
        tracked=_count_tracked(net / "netfilter/nf_conntrack_count"),
        most_tracked=read_number(net / "netfilter/nf_conntrack_max"),
    )


def _read_tasks(root: Path) -> Tasks:
    kernel = root / "proc/sys/kernel"
    # "0.00 0.01 0.05 1/143 4711": running of all.
    running = int((root / "proc/loadavg").read_text().split()[3].partition("/")[2])
    most: list[tuple[Literal["kernel.pid_max", "kernel.threads-max", "ulimit -u"], int | None]] = [
        ("kernel.pid_max", read_number(kernel / "pid_max")),
        ("kernel.threads-max", read_number(kernel / "threads-max")),
    ]
    of_user, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if of_user != resource.RLIM_INFINITY:
        most.append(("ulimit -u", of_user))
    of_machine = [TaskLimit(name, number, running) for name, number in most if number is not None]
    of_groups = [TaskLimit("pids.max", number, running_there) for number, running_there in task_limits(root)]
    return Tasks((*of_machine, *of_groups), read_number(root / "proc/sys/vm/max_map_count"))


def _has_capability(number: int, status: str) -> bool:
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> number & 1)


def _count_tracked(counter: Path) -> int | None:
    if not counter.exists():
        return None
    # The module may be loaded and yet track nothing: it registers its hooks only where a rule asks for them.
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return read_number(counter)
    return read_number(counter)
