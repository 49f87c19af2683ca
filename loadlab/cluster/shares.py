"""Who does what in a cluster (pure): load workers by cores, connections by what each machine can hold.

Load workers are numbered through all machines, and connections divided evenly among them: the parts are those that one
machine with all the cores would have. Idle connections have no such order, and go where there is room.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice, repeat
from typing import Final, Literal

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, RESERVED_DESCRIPTORS, WIDEST_PORTS, ports_per_source
from loadlab.cluster.messages import MachineInfo
from loadlab.errors import LoadlabError
from loadlab.fleet.division import Division, Share, count_processes, loopback_addresses, split_evenly, take_share
from loadlab.host.requirements import HOLDER_BYTES, ONE_END_BYTES, WORKER_BYTES
from loadlab.profile.address import Address, TcpAddress, UnixAddress
from loadlab.units import format_size_bytes

_Limit = Literal["memory", "open files", "ports"]
_WIDEN: Final = ", or a wider range of ports (sysctl net.ipv4.ip_local_port_range='1024 65535')"


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What a machine can hold: by memory, the open files of one process, and its local addresses towards the target.

    `sources` is empty where the kernel is to choose. Machines of one `network` share their addresses' ports.
    `has_ports` is False towards a Unix socket, which takes none, and over loopback, which has addresses enough.
    `memory_bytes` is its own, also where others share its kernel; None where it is not known. `ports` are those of
    each source that may be used.
    """

    name: str
    cores: int
    open_files: int
    sources: tuple[str, ...] = ()
    network: str = ""
    has_ports: bool = True
    memory_bytes: int | None = None
    ports: int = PORTS_PER_SOURCE

    @property
    def by_open_files(self) -> int:
        """How many connections its processes may have open."""
        return MAX_PROCESSES * self._in_each_process

    @property
    def by_memory(self) -> int | None:
        """For how many connections it has memory, beside a load worker for each core; None without a limit."""
        if self.memory_bytes is None:
            return None
        for_connections = max(0, self.memory_bytes - self.cores * WORKER_BYTES)
        return int(for_connections / (ONE_END_BYTES + HOLDER_BYTES / max(1, self._in_each_process)))

    @property
    def _in_each_process(self) -> int:
        return max(0, self.open_files - RESERVED_DESCRIPTORS)


@dataclass(frozen=True, slots=True)
class ClusterDivision:
    """The shares of all load workers and idle holders, and how many of each are on which machine, in order."""

    division: Division
    workers: list[int]
    holders: list[int]

    def by_machine(self, names: Sequence[str]) -> dict[str, tuple[list[Share], list[Share]]]:
        """Return the shares of each machine's load workers and idle holders, by its name; `names` are in order."""
        workers, holders = iter(self.division.workers), iter(self.division.holders)
        return {
            name: (list(islice(workers, of_workers)), list(islice(holders, of_holders)))
            for name, of_workers, of_holders in zip(names, self.workers, self.holders, strict=True)
        }


def assign_cores(
    machines: Sequence[MachineInfo], here: MachineInfo, load_cores: Sequence[int]
) -> dict[str, tuple[int, ...]]:
    """Return the cores of each machine's processes, by name.

    Those on this kernel get only the cores of the load, as the target has the others. Machines that share a kernel
    divide its cores; where there are fewer cores than machines, they share them. None gets more than it has CPU time
    for, by its quota.
    """
    by_kernel: defaultdict[str, list[MachineInfo]] = defaultdict(list)
    for machine in machines:
        by_kernel[machine.boot or machine.name].append(machine)
    cores: dict[str, tuple[int, ...]] = {}
    for boot, sharing in by_kernel.items():
        allowed = set(load_cores) if boot == here.boot else None
        # Several that may run on different cores have been told apart already, by their user.
        by_cores: defaultdict[tuple[int, ...], list[MachineInfo]] = defaultdict(list)
        for machine in sharing:
            own = tuple(sorted(set(machine.cores) & allowed)) if allowed else ()
            by_cores[own or tuple(machine.cores)].append(machine)
        for all_cores, same in by_cores.items():
            counts = split_evenly(len(all_cores), len(same))
            taken = 0
            for index, (machine, count) in enumerate(zip(same, counts, strict=True)):
                own_cores = all_cores[taken : taken + count] or (all_cores[index % len(all_cores)],)
                cores[machine.name] = own_cores[: max(1, int(machine.cpu_quota or len(own_cores)))]
                taken += count
    return cores


def divide_among(
    machines: Sequence[MachineLimits], address: Address, connections: int, workers: int | None, idle: int
) -> ClusterDivision:
    """Divide `connections` among load workers, as many as there are cores (or `workers`), and `idle` among holders.

    Raises LoadlabError where all machines together do not suffice; it names the limit in the way, and where it is.
    """
    cores = {machine.name: machine.cores for machine in machines}
    wanted = min(workers or sum(cores.values()), connections)
    smallest = min(machine.open_files for machine in machines)
    total = max(wanted, count_processes(connections, "connections", smallest))
    by_machine = apportion(total, cores)
    counts = split_evenly(connections, total)
    active: dict[str, list[int]] = {}
    first = 0
    for machine in machines:
        active[machine.name] = counts[first : first + by_machine[machine.name]]
        first += by_machine[machine.name]
    room = _room(machines, {name: sum(of_machine) for name, of_machine in active.items()})
    held = apportion(idle, cores, {name: max(0, left) for name, left in room.items()})
    if any(left < 0 for left in room.values()) or sum(held.values()) < idle:
        raise LoadlabError(_what_is_in_the_way(machines, connections, idle))
    addresses = _addresses(machines, address, {name: sum(active[name]) + held[name] for name in cores})
    worker_shares: list[Share] = []
    holder_shares: list[Share] = []
    holders: list[int] = []
    for machine in machines:
        of_machine = addresses[machine.name]
        worker_shares += [take_share(of_machine, count) for count in active[machine.name]]
        needed = count_processes(held[machine.name], "idle connections", machine.open_files)
        holder_shares += [take_share(of_machine, count) for count in split_evenly(held[machine.name], needed)]
        holders.append(needed)
    return ClusterDivision(
        Division(worker_shares, holder_shares), [by_machine[machine.name] for machine in machines], holders
    )


def apportion(total: int, weights: Mapping[str, int], most: Mapping[str, int] | None = None) -> dict[str, int]:
    """Divide `total` by weights, without remainder (the method of largest remainders), none over its `most`.

    What one cannot take goes to the others, by their weights; if all are full, less than `total` is divided.
    """
    given = dict.fromkeys(weights, 0)
    left = total
    while left > 0:
        open_to_more = {name: weight for name, weight in weights.items() if most is None or given[name] < most[name]}
        if not open_to_more:
            break
        whole = sum(open_to_more.values())
        shares = {name: divmod(left * weight, whole) for name, weight in open_to_more.items()}
        extra = left - sum(share for share, _ in shares.values())
        by_remainder = sorted(open_to_more, key=lambda name: -shares[name][1])[:extra]
        for name in open_to_more:
            share = shares[name][0] + (name in by_remainder)
            taken = share if most is None else min(share, most[name] - given[name])
            given[name] += taken
            left -= taken
    return given


def ports_of(machine: MachineLimits) -> int | None:
    """Return for how many connections its local addresses have ports; None without a limit."""
    return machine.ports * max(1, len(machine.sources)) if machine.has_ports else None


def _room(machines: Sequence[MachineLimits], taken: Mapping[str, int]) -> dict[str, int]:
    """Return how many connections more each machine can hold; below 0 it has too many already."""
    return {name: min(limits.values()) - taken[name] for name, limits in _limits(machines).items()}


def _limits(machines: Sequence[MachineLimits]) -> dict[str, dict[_Limit, int]]:
    """Return how many connections each machine can hold by each of its limits, by name."""
    sharing: defaultdict[str, list[MachineLimits]] = defaultdict(list)
    for machine in machines:
        sharing[machine.network or machine.name].append(machine)
    found: dict[str, dict[_Limit, int]] = {}
    for same in sharing.values():
        ports = ports_of(same[0])
        parts = split_evenly(ports, len(same)) if ports is not None else [None] * len(same)
        for machine, part in zip(same, parts, strict=True):
            limits: dict[_Limit, int | None] = {
                "open files": machine.by_open_files,
                "ports": part,
                "memory": machine.by_memory,
            }
            found[machine.name] = {limit: count for limit, count in limits.items() if count is not None}
    return found


def _addresses(
    machines: Sequence[MachineLimits], address: Address, needed: Mapping[str, int]
) -> dict[str, Iterator[str | None]]:
    """Return the local addresses of each machine's connections, one for each."""
    if isinstance(address, TcpAddress) and _is_loopback(address) and sum(needed.values()) > PORTS_PER_SOURCE:
        shared = loopback_addresses(sum(needed.values()))
        return dict.fromkeys(needed, shared)
    found: dict[str, Iterator[str | None]] = {}
    by_network: dict[str, Iterator[str | None]] = {}
    for machine in machines:
        total = sum(needed[each.name] for each in machines if _network(each) == _network(machine))
        if total <= machine.ports or not machine.sources or isinstance(address, UnixAddress):
            found[machine.name] = repeat(None, needed[machine.name])
            continue
        sources = (source for source in machine.sources for _ in range(machine.ports))
        found[machine.name] = by_network.setdefault(_network(machine), sources)
    return found


def _network(machine: MachineLimits) -> str:
    return machine.network or machine.name


def _is_loopback(address: TcpAddress) -> bool:
    return ip_address(address.host).is_loopback


def _what_is_in_the_way(machines: Sequence[MachineLimits], connections: int, idle: int) -> str:
    """Return a sentence: how much they can hold, the machine with the tightest limit, and what raises it."""
    limits = _limits(machines)
    capacities = {name: min(counts.values()) for name, counts in limits.items()}
    tightest = min(machines, key=lambda machine: capacities[machine.name])
    counts = limits[tightest.name]
    match min(counts, key=lambda limit: counts[limit]):
        case "ports":
            fix = (
                f"has ports for {counts['ports']:,} connections ({tightest.ports:,} for each local address): give it "
                "more addresses there (ip address add ADDRESS/PREFIX dev INTERFACE)"
                + (_WIDEN if tightest.ports < ports_per_source(WIDEST_PORTS) else "")
            )
        case "memory":
            available = format_size_bytes(tightest.memory_bytes or 0)
            fix = f"has {available} of memory, enough for about {counts['memory']:,} connections: free some there"
        case "open files":
            fix = (
                f"has {tightest.open_files:,} open files for each process: raise the hard limit there (ulimit -Hn, "
                "LimitNOFILE=) before its Dask worker starts"
            )
    together = "1 client machine" if len(machines) == 1 else f"{len(machines)} client machines"
    return (
        f"{connections + idle:,} connections do not fit on {together}, which can hold {sum(capacities.values()):,}; "
        f"client machine {tightest.name} {fix}, or add machines"
    )
