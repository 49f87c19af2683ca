"""Options for load from the machines of a Dask cluster, and what is printed of those machines before a run."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import typer

from loadlab.cli.terminal import error_console, notify
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import LoadlabError

if TYPE_CHECKING:  # they take time to import, which `--help` need not wait for
    from loadlab.cluster.remote import Cluster
    from loadlab.experiment.context import Resources
    from loadlab.profile import Trial

_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """The scheduler of the cluster, if there is one."""

    heading: ClassVar[str | None] = "Load from a cluster"

    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Generate the load on the workers of this Dask scheduler, such as tcp://HOST:8786."
        ),
    ] = None
    tls_ca_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The CA of a scheduler with TLS (tls://HOST:8786).")
    ] = None
    tls_cert: Annotated[str | None, typer.Option(metavar="FILE", help="The certificate of this client.")] = None
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="Its private key, if in a separate file.")] = None

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler; None for load from this machine alone. Raises LoadlabError for options that need others."""
        if self.cluster is not None:
            return Scheduler(self.cluster, self.tls_ca_file, self.tls_cert, self.tls_key)
        files = {"--tls-ca-file": self.tls_ca_file, "--tls-cert": self.tls_cert, "--tls-key": self.tls_key}
        for option in (option for option, file in files.items() if file is not None):
            raise LoadlabError(f"{option} is for the scheduler of a cluster; name it with --cluster")
        return None


@contextmanager
def claimed_machines(
    scheduler: Scheduler | None, resources: "Resources", trials: "Collection[Trial]" = ()
) -> Iterator["Cluster | None"]:
    """Hold the machines of a cluster for the block, and print which ones; without a scheduler there are none.

    `resources` are those of this machine. Raises LoadlabError where `trials` have their targets on machines that the
    cluster does not have. To be entered while Ctrl-C still ends the program: connecting takes seconds.
    """
    from loadlab.experiment.target_side import check_hosts, only_host

    if scheduler is None:
        check_hosts(trials, None)
        yield None
        return
    with connected(scheduler) as cluster:
        from loadlab.experiment.cluster_side import cores_by_machine

        check_hosts(trials, cluster)
        host = only_host(trials)
        cores = cores_by_machine(cluster, replace(resources, target_on=host))
        notify(machines_line({name: len(of_machine) for name, of_machine in cores.items() if name != host}))
        yield cluster


def connected(scheduler: Scheduler, claims: bool = True) -> "Cluster":
    """Connect to a cluster, and print what its user should know; a terminal shows meanwhile what is waited for."""
    with error_console().status(f"connecting to the Dask scheduler at {scheduler.address}"):
        cluster = scheduler.connect(claims)
    for warning in cluster.warnings:
        notify(f"warning: {warning}", style="yellow")
    return cluster


def machines_line(cores: Mapping[str, int]) -> str:
    """Return where the load comes from, by the number of each machine's cores; of many machines a few are named."""
    number = f"load from {_plural(len(cores), 'machine')}"
    if len(cores) > _MOST_NAMED:
        named = ", ".join(list(cores)[:_MOST_NAMED])
        return f"{number} with {_plural(sum(cores.values()), 'core')}: {named} and {len(cores) - _MOST_NAMED} more"
    machines = ", ".join(f"{name} ({_plural(count, 'core')})" for name, count in cores.items())
    return f"{number}: {machines}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
