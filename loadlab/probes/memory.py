"""Memory: of processes (PSS), and what connections take at both ends in the kernel, the target and the idle holders.

The kernel does not report the memory of one connection. It reports its own memory by purpose (/proc/meminfo, proc(5)),
and the difference between two readings, before many connections are opened and after, is theirs as long as nothing else
happens. That works for tens of thousands; a few hundred are lost among what the rest of the machine does meanwhile.

Inodes and dentries of sockets are among the kernel's reclaimable memory (SReclaimable), which MemAvailable counts as
free: 2 KB of each connection. As long as the sockets are open it cannot be reclaimed, so here it counts.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes.proc import PAGE_BYTES, PROC, parse_sizes, read_memory_sizes
from loadlab.results.idle import ConnectionMemory

FEWEST_CONNECTIONS: Final = 5000
"""With fewer, what happens meanwhile (some hundred KiB a second on an idle machine) would distort the figure."""

# Slab has the sockets, their inodes and dentries, open files and entries of epoll; the others what comes with processes
# that hold many: tables of descriptors (VmallocUsed, as they are large), page tables, stacks, and counters per core.
_KERNEL_SIZES: Final = frozenset({"Slab", "VmallocUsed", "PageTables", "KernelStack", "Percpu"})


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """The kernel's memory, and that of target and idle holders; what processes share counts in equal parts."""

    kernel_bytes: int
    target_bytes: int
    client_bytes: int


def read_memory(target_pids: Iterable[int], holder_pids: Iterable[int], proc: Path = PROC) -> MemoryReading | None:
    """Read the memory now; None where we may not read a process, or the kernel does not show its own.

    The kernel walks all pages of all processes, a millisecond for each: not within the measured window.
    """
    target_bytes = read_pss(target_pids, proc)
    client_bytes = read_pss(holder_pids, proc)
    if target_bytes is None or client_bytes is None:
        return None
    try:
        kernel_bytes = parse_kernel_bytes((proc / "meminfo").read_text(encoding="ascii"))
        kernel_bytes += parse_buffer_bytes((proc / "net" / "sockstat").read_text(encoding="ascii"))
    except OSError:
        return None
    with suppress(FileNotFoundError, PermissionError):  # not every kernel has it, and only root may read it
        kernel_bytes -= parse_listing_bytes((proc / "slabinfo").read_text(encoding="ascii"))
    return MemoryReading(kernel_bytes, target_bytes, client_bytes)


def read_pss(pids: Iterable[int], proc: Path = PROC) -> int | None:
    """Return the memory of `pids` in bytes, what they share in equal parts (PSS); None where we may not read it.

    Takes 0.1 ms, and 1 ms for each 100 MiB: not within the measured window.
    """
    total_bytes = 0
    for pid in pids:
        try:
            total_bytes += read_memory_sizes(pid, proc).get("Pss", 0)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except PermissionError:
            return None
    return total_bytes


def memory_of_connections(
    before: MemoryReading | None, after: MemoryReading | None, connections: int
) -> ConnectionMemory | None:
    """Return what came with `connections` between two readings, None if they are too few or could not be read."""
    if before is None or after is None or connections < FEWEST_CONNECTIONS:
        return None
    kernel_bytes = after.kernel_bytes - before.kernel_bytes
    target_bytes = after.target_bytes - before.target_bytes
    client_bytes = after.client_bytes - before.client_bytes
    return ConnectionMemory(
        connections=connections,
        kernel_bytes=kernel_bytes,
        target_bytes=target_bytes,
        client_bytes=client_bytes,
        bytes_per_connection=(kernel_bytes + target_bytes + client_bytes) / connections,
    )


def parse_kernel_bytes(meminfo: str) -> int:
    """Return the kernel's own memory by /proc/meminfo; buffers of sockets are not in it."""
    return sum(size for name, size in parse_sizes(meminfo).items() if name in _KERNEL_SIZES)


def parse_buffer_bytes(sockstat: str) -> int:
    """Return the buffers of TCP sockets, IPv6 included, by /proc/net/sockstat."""
    (tcp,) = (line.split() for line in sockstat.splitlines() if line.startswith("TCP:"))
    return int(tcp[tcp.index("mem") + 1]) * PAGE_BYTES


def parse_listing_bytes(slabinfo: str) -> int:
    """Return the memory kept of earlier listings of /proc, by /proc/slabinfo (slabinfo(5)).

    A monitor that lists what processes have open leaves an inode and a dentry for each descriptor, 2 KB for both ends
    of a connection, until the kernel wants the memory back. That memory is not the connections'.
    """
    rows = (line.split() for line in slabinfo.splitlines())
    objects = {row[0]: (int(row[2]), int(row[3])) for row in rows if row[0] in ("proc_inode_cache", "dentry")}
    inodes, inode_bytes = objects.get("proc_inode_cache", (0, 0))
    _dentries, dentry_bytes = objects.get("dentry", (0, 0))
    return inodes * (inode_bytes + dentry_bytes)
