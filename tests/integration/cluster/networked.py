"""Processes on machines that are network namespaces: a server, and the workers of Dask's."""

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from loadlab.processes import module_command, spawn
from loadlab.profile.address import TcpAddress
from tests.namespaces import Namespace, Network

from .dask_cluster import DaskCluster, Place, dask_cluster


def networked_cluster(
    network: Network,
    directory: Path,
    prefixes: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = ("one", "two"),
) -> AbstractContextManager[DaskCluster]:
    """Run a Dask worker on each of these machines, behind its prefix if it has one; the scheduler is here."""
    machines = {name: network.machines[name] for name in names}
    places = {
        name: Place(machine.address, machine.command((prefixes or {}).get(name, ())))
        for name, machine in machines.items()
    }
    return dask_cluster(directory, names, places={**places, "scheduler": Place(network.address)})


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


def with_clock_ahead(seconds: int, directory: Path) -> list[str]:
    """Return a prefix for a command whose clocks are those of another machine that was booted at another time.

    Its wall clock is ahead by so much, in whatever runs Python. It does not share our monotonic clock, nor our boot id.
    (faketime will not do: it takes the timers of the monotonic clock for the wall clock's as well.)
    """
    directory.mkdir()
    boot_id = directory / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    (directory / "sitecustomize.py").write_text(_AHEAD.format(seconds=seconds), encoding="ascii")
    mount = f'mount --bind "{boot_id}" /proc/sys/kernel/random/boot_id && exec "$@"'
    other_boot = ["unshare", "--mount", "--time", "--monotonic", "100000", "sh", "-c", mount, "sh"]
    return [*other_boot, "env", f"PYTHONPATH={directory}"]


_AHEAD: Final = """\
import time

def ahead(read, ahead):
    return lambda: read() + ahead

time.time, time.time_ns = ahead(time.time, {seconds}), ahead(time.time_ns, {seconds} * 1_000_000_000)
"""
