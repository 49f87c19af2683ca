"""Idle connections from two machines to a third, each a network namespace on this one, beside an open load.

    .venv/bin/python -m benchmarks.cluster_idle [--idle 200k] [--rate 5k] [--seconds 3] [--rounds 2]     as root

The namespaces are joined by a bridge. The bundled server epoll runs in the target's, with as many processes as its
connections take; a Dask worker runs in each client's, with as many addresses as its half takes. Each round has the load
without idle connections, and with them. Prints each trial, and what each machine held.
"""

import argparse
import math
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.cluster import measure, side_of
from loadlab.capacity import PORTS_PER_SOURCE
from loadlab.cluster.connecting import connect
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.fleet.division import count_processes
from loadlab.profile import LoadProfile
from loadlab.profile.address import TcpAddress
from loadlab.targets import Names
from loadlab.units import parse_count
from tests.integration.cluster.networked import networked_cluster, serving_on
from tests.namespaces import switched_network

MACHINES: Final = ("one", "two")
CONNECTIONS: Final = 64


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    resources = resources_of_host()
    processes = count_processes(arguments.idle + CONNECTIONS, "connections", resources.open_files)
    addresses = math.ceil((arguments.idle + CONNECTIONS) / len(MACHINES) / PORTS_PER_SOURCE)
    with (
        tempfile.TemporaryDirectory() as directory,
        switched_network({"target": 1} | dict.fromkeys(MACHINES, addresses)) as network,
        serving_on(network.machines["target"], "epoll", "--processes", str(processes)) as server,
        networked_cluster(network, Path(directory), names=MACHINES) as dask,
        connect(dask.address) as cluster,
    ):
        context = RunContext(resources, Unobserved(), lambda: None, names=Names([server.host])).with_cluster(cluster)
        print(f"server: {processes} processes; {addresses} addresses for each client machine", flush=True)
        for _ in range(arguments.rounds):
            for idle in (0, arguments.idle):
                result = measure(_profile(server, idle, arguments), context)
                print(side_of(result))
                for machine in result.machines:
                    print(f"  {machine.name}: {machine.idle:,} idle in {machine.holders} holders", flush=True)


def _profile(server: TcpAddress, idle: int, arguments: argparse.Namespace) -> LoadProfile:
    load = {
        "connections": CONNECTIONS,
        "workers": len(MACHINES),
        "rate": arguments.rate,
        "idle": idle,
        "warmup": "500ms",
        "duration": f"{arguments.seconds}s",
    }
    target = {"address": f"{server.host}:{server.port}"}
    return LoadProfile.model_validate({"name": "idle", "target": target, "load": load, "retries": 0})


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="idle connections from two machines that are network namespaces")
    parser.add_argument("--idle", type=parse_count, default="200k")
    parser.add_argument("--rate", type=parse_count, default="5k", help="requests/s of the open load beside them")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3, help="length of a window")
    return parser.parse_args()


if __name__ == "__main__":
    main()
