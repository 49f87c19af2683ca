"""What each machine of a cluster can hold towards a target, asked of the machines."""

from collections import Counter
from collections.abc import Mapping, Sequence

from loadlab.capacity import ports_per_source
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.cluster.shares import MachineLimits
from loadlab.errors import LoadlabError
from loadlab.profile.address import Address, TcpAddress, UnixAddress


def limits_towards(
    cluster: Cluster, cores: Mapping[str, Sequence[int]], address: Address, host: RemoteMachine | None = None
) -> list[MachineLimits]:
    """Return the limits of all machines but `host`, which have these `cores` by name.

    The target is on the machine `host`; None for this one, or one outside of the cluster. Raises LoadlabError where one
    of them cannot reach `address`, and TrialFailed where one does not answer.
    """
    sharing = Counter(_kernel(machine) for machine in cluster.machines)
    beside = ("this machine", cluster.here) if host is None else (f"machine {host.name}", host.info)
    return [
        _limits_of(cluster, machine, len(cores.get(machine.name, machine.info.cores)), sharing, address, *beside)
        for machine in cluster.machines
        if machine is not host
    ]


def _limits_of(
    cluster: Cluster,
    machine: RemoteMachine,
    cores: int,
    sharing: Mapping[str, int],
    address: Address,
    place: str,
    beside: MachineInfo,
) -> MachineLimits:
    info = machine.info
    is_beside = bool(info.boot) and info.boot == beside.boot
    own_bytes = min(info.memory_bytes, info.kernel_memory_bytes // sharing[_kernel(machine)])
    sources: Sequence[str] = ()
    network, has_ports = info.boot + info.network, True
    if isinstance(address, UnixAddress):
        if not is_beside:
            raise LoadlabError(_out_of_reach(machine, f"a Unix socket of {place}"))
        has_ports = False
    elif _is_loopback(address):
        if not is_beside or info.network != beside.network:
            raise LoadlabError(_out_of_reach(machine, f"{address.host} of {place}"))
        has_ports = False
    else:
        sources = cluster.wait(machine, cluster.call(machine, "sources", address.host))
    first, last = info.local_ports
    return MachineLimits(
        machine.name,
        cores,
        info.open_files,
        tuple(sources),
        network,
        has_ports,
        memory_bytes=own_bytes or None,
        ports=ports_per_source(last - first + 1),
    )


def _kernel(machine: RemoteMachine) -> str:
    return machine.info.boot or machine.name


def _is_loopback(address: TcpAddress) -> bool:
    return address.host.startswith("127.") or address.host == "::1"


def _out_of_reach(machine: RemoteMachine, what: str) -> str:
    return (
        f"client machine {machine.name} cannot reach the target at {what}: have it listen on an address of its network "
        "(target.address, target.allow_remote)"
    )
