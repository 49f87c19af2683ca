"""What a trial takes of a machine, estimated from its profile before anything is started.

The memory figures were measured on x86-64 with Python 3.11. They are there to find what cannot work, not to predict.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, RESERVED_DESCRIPTORS, Footprint, processes_for
from loadlab.host.machine import OwnLimits
from loadlab.processes import choose_placement
from loadlab.profile.load import Load, handler_of
from loadlab.profile.schema import Cores, LoadProfile, Profile, SwitchCostProfile, WaitCostProfile

CONNECTION_BYTES: Final = 8_600
"""A connection over loopback: both ends in the kernel, and what target and client keep of it."""

ONE_END_BYTES: Final = CONNECTION_BYTES // 2
"""What of that is at one end."""

_MIB: Final = 1 << 20
HOLDER_BYTES: Final = 12 * _MIB
"""An idle holder: 8 MiB of its own before it has opened anything."""
WORKER_BYTES: Final = 40 * _MIB
"""A load worker: with numpy, histograms, and samples not folded yet."""
_SCENARIO_WORKER_BYTES: Final = 52 * _MIB  # with httpx as well
_USER_BYTES: Final = 18 * 1024  # of a scenario, with its client
_TARGET_BYTES: Final = 24 * _MIB
_FORKED_TARGET_BYTES: Final = 4 * _MIB  # shares most of the interpreter's memory with the first; 2.3 MiB measured


Part = Sequence[tuple[str | None, int]]
"""The connections of one process: (local address or None for the kernel's choice, how many)."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What one trial takes at once, or (from `largest`) the most that any of several trials takes.

    Also (from `together`) what several take that stand at the same time.

    connections    all that are open, idle ones included
    active         those that send
    ports          local ports at one source address towards the target
    open_files     descriptors in the one process that has most of them
    files          open files of all processes, both ends of each connection
    tasks          processes and threads
    maps           memory maps in the one process that has most of them
    memory_bytes   of all processes and of the kernel
    cores          the cores that the profile's placement names, by number

    `requests_per_core` is what an open load asks of each core of the load, per second, when its rate is highest.
    """

    connections: int = 0
    active: int = 0
    ports: int = 0
    open_files: int = 0
    files: int = 0
    tasks: int = 0
    maps: int = 0
    memory_bytes: int = 0
    requests_per_core: int = 0
    cores: frozenset[int] = frozenset()


def largest(requirements: Iterable[Requirements]) -> Requirements:
    """Return the most of each kind that any of the trials takes, and all cores that are named."""
    return reduce(_larger, requirements, Requirements())


def together(one: Requirements, other: Requirements) -> Requirements:
    """Return what two trials take that stand at the same time, and are loaded in turn."""
    return replace(
        _larger(one, other),
        connections=one.connections + other.connections,
        active=one.active + other.active,
        files=one.files + other.files,
        tasks=one.tasks + other.tasks,
        memory_bytes=one.memory_bytes + other.memory_bytes,
    )


def requirements_of(
    profile: Profile, own: OwnLimits, server: Footprint | None = None, load_is_here: bool = True
) -> Requirements:
    """Return what a trial of that profile takes; its sweep is not looked at.

    `server` is what the profile's bundled server runs, None for one that runs already: that has its resources, and
    limits of its own. `own` decides how many processes the load is divided among. Of load that comes from other
    machines only the target's ends of its connections are on this one.
    """
    match profile:
        case LoadProfile():
            return _of_load(profile, own, server) if load_is_here else _of_server_alone(profile, server)
        case WaitCostProfile(wait=wait):
            # Besides: standard streams, and epoll's own descriptor.
            open_files = wait.descriptors * (1 if wait.channel == "eventfd" else 2) + 4
            return Requirements(open_files=open_files, files=open_files, tasks=1, memory_bytes=_TARGET_BYTES)
        case SwitchCostProfile(switch=switch):
            each = {"thread": _THREAD, "process": _PROCESS}.get(switch.unit, _NOTHING)
            return Requirements(
                tasks=1 + switch.count * each.tasks,
                maps=switch.count * each.maps,
                memory_bytes=_TARGET_BYTES + switch.count * each.memory_bytes,
            )
    raise AssertionError(f"nothing is known of what {type(profile).__name__} requires")


def requirements_of_part(
    profile: LoadProfile, workers: Sequence[Part], holders: Sequence[Part], all_workers: int, cores: Collection[int]
) -> Requirements:
    """Return what a client machine takes for its part of the load: the target is elsewhere.

    It has these of `all_workers` load workers, on these `cores`, and these idle holders.
    """
    load = profile.load
    slow = -(-load.slow_connections * len(workers) // all_workers)
    active, idle = (sum(map(_count, parts)) for parts in (workers, holders))
    held, processes = active + slow + idle, len(workers) + len(holders)
    by_address: Counter[str | None] = Counter()
    for part in (*workers, *holders):
        by_address.update(dict(part))
    worker_bytes = _SCENARIO_WORKER_BYTES if load.scenario else WORKER_BYTES
    users_bytes = active * _USER_BYTES if load.scenario else 0
    busy = min(len(workers), len(cores))
    return Requirements(
        connections=held,
        active=active + slow,
        ports=0 if profile.target.over_unix_socket else max(by_address.values(), default=0) + slow,
        open_files=max((_count(part) + RESERVED_DESCRIPTORS for part in (*workers, *holders)), default=0),
        files=held + processes * RESERVED_DESCRIPTORS,
        tasks=processes,
        memory_bytes=held * ONE_END_BYTES + len(holders) * HOLDER_BYTES + len(workers) * worker_bytes + users_bytes,
        requests_per_core=-(-_highest_rate(load) * len(workers) // (all_workers * busy)) if busy else 0,
        cores=frozenset(cores),
    )


@dataclass(frozen=True, slots=True)
class _UnitOfExecution:
    """What a process or a thread takes, and how many descriptors its connections keep open in the server."""

    tasks: int
    maps: int
    memory_bytes: int
    descriptors: int


# As in targets/limits.py, which imports nothing of loadlab. A thread may keep one more connection, to the upstream
# server or the database; its stack and the guard page below are two maps.
_THREAD: Final = _UnitOfExecution(tasks=1, maps=2, memory_bytes=100 * 1024, descriptors=2)
_PROCESS: Final = _UnitOfExecution(tasks=1, maps=0, memory_bytes=2_500 * 1024, descriptors=1)
_NOTHING: Final = _UnitOfExecution(tasks=0, maps=0, memory_bytes=0, descriptors=1)
_PER_CONNECTION: Final[Mapping[str | None, _UnitOfExecution]] = {
    None: _NOTHING,
    "thread": _THREAD,
    "process": _PROCESS,
}
_TARGET_DESCRIPTORS: Final = 16
_SPARED: Final = 2  # a target leaves as much memory free as its processes or threads take


def _of_load(profile: LoadProfile, own: OwnLimits, server: Footprint | None) -> Requirements:
    load = profile.load
    active = load.connections + load.slow_connections
    held = active + load.idle
    target = _of_server(profile, server, active, held) if server is not None else Requirements()
    ports = min(load.connections + load.idle, PORTS_PER_SOURCE) + load.slow_connections
    workers = _count_workers(profile, own)
    holders = _count_processes(load.idle, own)
    # A user of a scenario has one connection as long as it asks for one thing at a time.
    client_bytes = workers * (_SCENARIO_WORKER_BYTES if load.scenario else WORKER_BYTES)
    client_bytes += load.connections * _USER_BYTES if load.scenario else 0
    return Requirements(
        connections=held + target.connections,
        active=active + target.active,
        ports=0 if profile.target.over_unix_socket else ports,
        open_files=max(target.open_files, _in_each(active, workers), _in_each(load.idle, holders)),
        files=2 * held + (workers + holders) * RESERVED_DESCRIPTORS + target.files,
        tasks=workers + holders + target.tasks,
        maps=target.maps,
        memory_bytes=held * CONNECTION_BYTES + holders * HOLDER_BYTES + client_bytes + target.memory_bytes,
        requests_per_core=-(-_highest_rate(load) // min(workers, _count_load_cores(profile, own))),
        cores=_named_cores(profile),
    )


def _of_server_alone(profile: LoadProfile, server: Footprint | None) -> Requirements:
    active = profile.load.connections + profile.load.slow_connections
    held = active + profile.load.idle
    target = _of_server(profile, server, active, held) if server is not None else Requirements()
    return replace(
        target,
        connections=held + target.connections,
        active=active + target.active,
        files=held + target.files,
        memory_bytes=held * ONE_END_BYTES + target.memory_bytes,
        cores=_named_cores(profile),
    )


def _of_server(profile: LoadProfile, server: Footprint, active: int, held: int) -> Requirements:
    """Return what the target's own processes take with so many connections held, and those behind it."""
    upstream = active if any(handler_of(request.path) == "upstream" for request in profile.requests) else 0
    each = _PER_CONNECTION[server.per_connection]
    all_processes = server.listeners + (1 if upstream else 0)
    return Requirements(
        connections=upstream,
        active=upstream,
        open_files=_in_fullest(held, server.listeners) * each.descriptors
        + -(-upstream // server.listeners)
        + _TARGET_DESCRIPTORS,
        files=2 * upstream + all_processes * RESERVED_DESCRIPTORS,
        tasks=all_processes + server.pool_processes + server.pool_threads + held * each.tasks,
        maps=server.pool_threads * _THREAD.maps + held * each.maps,
        memory_bytes=upstream * CONNECTION_BYTES
        + (2 if upstream else 1) * _TARGET_BYTES
        + (server.listeners - 1 + server.pool_processes) * _FORKED_TARGET_BYTES
        + server.pool_threads * _THREAD.memory_bytes
        + held * each.memory_bytes * _SPARED,
    )


def _larger(one: Requirements, other: Requirements) -> Requirements:
    return Requirements(
        connections=max(one.connections, other.connections),
        active=max(one.active, other.active),
        ports=max(one.ports, other.ports),
        open_files=max(one.open_files, other.open_files),
        files=max(one.files, other.files),
        tasks=max(one.tasks, other.tasks),
        maps=max(one.maps, other.maps),
        memory_bytes=max(one.memory_bytes, other.memory_bytes),
        requests_per_core=max(one.requests_per_core, other.requests_per_core),
        cores=one.cores | other.cores,
    )


def _count(part: Part) -> int:
    return sum(count for _, count in part)


def _count_workers(profile: LoadProfile, own: OwnLimits) -> int:
    load = profile.load
    wanted = _count_load_cores(profile, own) if load.workers == "auto" else load.workers
    return max(min(wanted, load.connections), _count_processes(load.connections, own))


def _count_load_cores(profile: LoadProfile, own: OwnLimits) -> int:
    placement = profile.placement
    cores = placement.load if isinstance(placement, Cores) else choose_placement(own.cores, own.cpu_quota).load
    return len(cores)


def _count_processes(connections: int, own: OwnLimits) -> int:
    processes = processes_for(connections, own.open_files_hard)
    return MAX_PROCESSES if processes is None else processes


def _in_each(connections: int, processes: int) -> int:
    """Return the descriptors of each of `processes` that share the connections evenly."""
    return -(-connections // processes) + RESERVED_DESCRIPTORS if processes else 0


def _in_fullest(connections: int, processes: int) -> int:
    """Return how many connections to be ready for in each of `processes` that share a port.

    The kernel deals connections out by a hash, so shares scatter by the square root of their mean; the servers take
    care of six times that (targets/shared_port.py). This is the least n with n - 6 sqrt(n) >= connections / processes.
    """
    if processes == 1:
        return connections
    share = connections / processes + 1  # they round down
    return math.ceil((3 + math.sqrt(9 + share)) ** 2)


def _highest_rate(load: Load) -> int:
    return max((max(stage.from_rate, stage.to_rate) for stage in load.stages or ()), default=0)


def _named_cores(profile: LoadProfile) -> frozenset[int]:
    placement = profile.placement
    return frozenset({*(placement.target or ()), *placement.load}) if isinstance(placement, Cores) else frozenset()
