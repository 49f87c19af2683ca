"""What each machine of a cluster can hold towards a target, asked of the machines."""

from collections import Counter
from collections.abc import Mapping, Sequence

from loadlab.cluster.remote import Cluster, RemoteMachine
from loadlab.cluster.shares import MachineLimits
from loadlab.errors import LoadlabError
from loadlab.profile.address import Address, TcpAddress, UnixAddress


def limits_towards(cluster: Cluster, cores: Mapping[str, Sequence[int]], address: Address) -> list[MachineLimits]:
    """Return the limits of all machines, which have these `cores` by name.

    Raises LoadlabError where one of them cannot reach `address`, and TrialFailed where one does not answer.
    """
    sharing = Counter(_kernel(machine) for machine in cluster.machines)
    return [
        _limits_of(cluster, machine, len(cores.get(machine.name, machine.info.cores)), sharing, address)
        for machine in cluster.machines
    ]


def _limits_of(
    cluster: Cluster, machine: RemoteMachine, cores: int, sharing: Mapping[str, int], address: Address
) -> MachineLimits:
    info, here = machine.info, cluster.here
    own_bytes = min(info.memory_bytes, info.kernel_memory_bytes // sharing[_kernel(machine)])
    sources: Sequence[str] = ()
    network, has_ports = info.boot + info.network, True
    if isinstance(address, UnixAddress):
        if not cluster.is_here(machine):
            raise LoadlabError(_out_of_reach(machine, "a Unix socket of this machine"))
        has_ports = False
    elif _is_loopback(address):
        if not cluster.is_here(machine) or info.network != here.network:
            raise LoadlabError(_out_of_reach(machine, f"this machine's own {address.host}"))
        has_ports = False
    else:
        sources = cluster.wait(machine, cluster.call(machine, "sources", address.host))
    return MachineLimits(
        machine.name, cores, info.open_files, tuple(sources), network, has_ports, memory_bytes=own_bytes or None
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
