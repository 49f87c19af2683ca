"""Processes on machines that are network namespaces: a server, and the workers of Dask's."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from loadlab.processes import module_command, spawn
from loadlab.profile.address import TcpAddress
from tests.namespaces import Namespace, Network

from .dask_cluster import DaskCluster, Place, dask_cluster


def networked_cluster(
    network: Network, directory: Path, prefixes: Mapping[str, Sequence[str]] | None = None
) -> AbstractContextManager[DaskCluster]:
    """Run a Dask worker on each machine but the target's, behind its prefix if it has one; the scheduler is here."""
    clients = {name: machine for name, machine in network.machines.items() if name != "target"}
    places = {
        name: Place(machine.address, machine.command((prefixes or {}).get(name, ())))
        for name, machine in clients.items()
    }
    return dask_cluster(directory, tuple(clients), places={**places, "scheduler": Place(network.address)})


@contextmanager
def serving_on(machine: Namespace, *options: str) -> Iterator[TcpAddress]:
    """Run a bundled server on a machine: its name, and its options."""
    command = [*module_command("loadlab"), "serve", *options, "--host", machine.address, "--port", "0"]
    with spawn("server", machine.command(command), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        ready = child.stdout.readline()
        assert ready, child.account()
        host, port = json.loads(ready.removeprefix(b"READY "))["address"]
        yield TcpAddress(host, port)
