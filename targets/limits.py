"""How many connections this machine lets one server hold, by what a connection needs there."""

import resource
import socket
from pathlib import Path

# Standard streams, listener, epoll, the two ends that signals wake, the spare one, and room for a library's own.
_RESERVED_DESCRIPTORS = 16
_RESERVED_TASKS = 64
# Half of the memory that is free may go to connections. A process was seen to cost 1.7 MiB of its own (pages of the
# interpreter that it writes to, page tables), 2.5 once it has used a database; a thread 25 KiB, more with more stack.
_BYTES_PER_PROCESS = 2_500 * 1024
_BYTES_PER_THREAD = 100 * 1024
_MAPS_PER_THREAD = 2  # its stack and the guard page below
_UNKNOWN = 1 << 30  # for a limit that a container or a sandbox does not show: it limits nothing here


def raise_open_files_limit() -> None:
    """Raise this process's soft limit of open files to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def with_a_descriptor_each() -> int:
    """Return the limit of a server that keeps nothing per connection but its socket."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return open_files - _RESERVED_DESCRIPTORS


def with_a_thread_each() -> int:
    """Return the limit of a server with a thread per connection: of tasks, memory maps, memory, or descriptors.

    Two descriptors, for the thread may keep a connection to the database or the upstream server besides its client's.
    """
    return min(
        _tasks(),
        _system_limit("vm/max_map_count") // _MAPS_PER_THREAD - _RESERVED_TASKS,
        _free_memory_bytes() // 2 // _BYTES_PER_THREAD,
        with_a_descriptor_each() // 2,
    )


def with_a_process_each() -> int:
    """Return the limit of a server with a process per connection: of tasks, memory, or descriptors (pidfds)."""
    return min(_tasks(), _free_memory_bytes() // 2 // _BYTES_PER_PROCESS, with_a_descriptor_each())


def _tasks() -> int:
    """Threads and processes are one thing to the kernel, and share these limits."""
    of_user, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    limits = [_system_limit("kernel/pid_max"), _system_limit("kernel/threads-max"), *_control_group_limits()]
    if of_user != resource.RLIM_INFINITY:
        limits.append(of_user)
    running = sum(1 for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return max(0, min(limits) - running - _RESERVED_TASKS)


def _control_group_limits() -> list[int]:
    """Return the limits of tasks of the control groups that this process is in, for both versions of their files."""
    limits = []
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers in ("", "pids"):
            limits.append(_number(f"/sys/fs/cgroup/{controllers}{group}/pids.max", _UNKNOWN))  # or it says "max"
    return limits


def _free_memory_bytes() -> int:
    lines = [line.split() for line in _read("/proc/meminfo").splitlines()]
    return next((int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:"), _UNKNOWN * _BYTES_PER_PROCESS)


def backlog() -> int:
    """Return the longest queue of connections to be accepted; the kernel silently cuts every backlog to this."""
    return _number("/proc/sys/net/core/somaxconn", socket.SOMAXCONN)


def _system_limit(name: str) -> int:
    return _number(f"/proc/sys/{name}", _UNKNOWN)


def _number(path: str, unknown: int) -> int:
    try:
        return int(_read(path))
    except ValueError:
        return unknown


def _read(path: str) -> str:
    """Return the text of a file, empty where it is absent or not for us."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
